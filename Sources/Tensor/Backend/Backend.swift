import Support

/// The seam between tensors and what computes them. Operations check shapes and dtypes, then call the backend of the
/// thread; backends see untracked tensors, any strides, and return fresh dense tensors.
///
/// A conformer may be asked `supports` before a call; what it does not support, `CPUBackend` hands to the reference.
package protocol Backend: Sendable {
  var name: String { get }
  /// Whether this backend has its own kernel for `op` on elements of `dtype`.
  func supports(_ op: BackendOperation, _ dtype: DType) -> Bool

  // Element by element. Binary operands have one dtype and broadcast; the result lies like the larger operand.
  func unary(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor
  func clip(_ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor
  func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor
  /// `swapped`: the number is the left operand.
  func binary(_ op: BinaryOperation, _ a: Tensor, number: Double, swapped: Bool) throws -> Tensor
  func compare(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor
  func compare(_ op: Comparison, _ a: Tensor, number: Double) throws -> Tensor
  func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor
  func convert(_ x: Tensor, to dtype: DType) throws -> Tensor
  /// Copies `x` into `target`, which has its shape and dtype and is uniquely owned.
  func copy(_ x: Tensor, into target: Tensor) throws

  /// Reduces the marked axes to size 1.
  func reduce(_ op: Reduction, _ x: Tensor, axes: [Bool]) throws -> Tensor
  /// The first position of the extreme along `axis`, i64, axis kept with size 1. NaN counts as extreme.
  func argExtreme(_ x: Tensor, axis: Int, largest: Bool) throws -> Tensor

  func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor  // [.., m, k] x [.., k, n], same rank >= 2, batch axes broadcast
  func softmax(_ x: Tensor, axis: Int, log: Bool) throws -> Tensor
  func softmaxGradient(_ g: Tensor, output: Tensor, axis: Int, log: Bool) throws -> Tensor

  // Activations [N, C, H, W], weights [out, in/groups, kh, kw], bias [out].
  /// `relu`: negative results become 0.
  func convolution(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution, relu: Bool) throws -> Tensor
  func convolutionInputGradient(_ g: Tensor, _ weight: Tensor, inputShape: Shape, _ p: Convolution) throws -> Tensor
  /// Gradients of weight and, if asked, bias.
  func convolutionWeightGradient(_ g: Tensor, _ x: Tensor, weightShape: Shape, bias: Bool, _ p: Convolution) throws
    -> (weight: Tensor, bias: Tensor?)
  /// `workspace`: what `maxPoolGradient` of the same backend needs; nil unless asked for.
  func maxPool(_ x: Tensor, _ p: Window, training: Bool) throws -> (y: Tensor, workspace: Tensor?)
  func maxPoolGradient(_ g: Tensor, workspace: Tensor, inputShape: Shape, _ p: Window) throws -> Tensor
  func averagePool(_ x: Tensor, _ p: Window, countIncludePad: Bool) throws -> Tensor
  func averagePoolGradient(_ g: Tensor, inputShape: Shape, _ p: Window, countIncludePad: Bool) throws -> Tensor
  /// Normalizes over all axes but 1 with the batch's own mean and biased variance; those and `scale`, `shift` are [C].
  /// Then adds `residual`, of x's shape, and bounds the result.
  func batchNormTraining(
    _ x: Tensor, _ scale: Tensor, _ shift: Tensor, epsilon: Double, residual: Tensor?, rectifier: Rectifier?
  ) throws -> (y: Tensor, mean: Tensor, variance: Tensor)
  func batchNormGradient(_ g: Tensor, _ forward: BatchNormForward) throws
    -> (x: Tensor, scale: Tensor, shift: Tensor, residual: Tensor?)
  /// x * factor + constant per position of axis 1 (both [C]), plus `residual`, bounded.
  func channelAffine(_ x: Tensor, _ factor: Tensor, _ constant: Tensor, residual: Tensor?, rectifier: Rectifier?) throws -> Tensor

  // Kernels that stand for several operations; nil where the backend has none, and the operation is composed.
  /// Normalizes rows of `width` elements, which lie along the last axes, by their own statistics; `scale` and `shift` are of
  /// that many elements.
  func rowNorm(_ x: Tensor, width: Int, scale: Tensor?, shift: Tensor?, epsilon: Double, centred: Bool) throws -> (y: Tensor, RowStatistics)?
  /// Gradients at the input and, flat, at scale and shift, of a `rowNorm` that was not nil.
  func rowNormGradient(_ g: Tensor, _ x: Tensor, width: Int, scale: Tensor?, _ statistics: RowStatistics, input: Bool, affine: Bool) throws
    -> (x: Tensor?, scale: Tensor?, shift: Tensor?)
  /// x w' + bias + residual, negative results 0 where `relu` is set: x [rows, in], w [out, in], bias [out], residual [rows, out].
  func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, residual: Tensor?, relu: Bool) throws -> Tensor?
  /// g' x and, if asked, the sums of g's columns: g [rows, out], x [rows, in].
  func linearWeightGradient(_ g: Tensor, _ x: Tensor, bias: Bool) throws -> (weight: Tensor, bias: Tensor?)?
  /// g where x lies within the bounds, else 0; of one shape.
  func clipGradient(_ g: Tensor, _ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor?
}

/// What normalized rows remember for their gradient: a mean (0 where none is taken off) and 1 / sqrt(variance + epsilon) each.
package struct RowStatistics: Sendable {
  package var mean: Tensor
  package var inverse: Tensor
  package var centred: Bool
}

extension Backend {
  package func rowNorm(_ x: Tensor, width: Int, scale: Tensor?, shift: Tensor?, epsilon: Double, centred: Bool) throws -> (y: Tensor, RowStatistics)? { nil }
  package func rowNormGradient(_ g: Tensor, _ x: Tensor, width: Int, scale: Tensor?, _ statistics: RowStatistics, input: Bool, affine: Bool) throws
    -> (x: Tensor?, scale: Tensor?, shift: Tensor?) { throw PareError(.internal, "\(name) normalizes no rows") }
  package func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, residual: Tensor?, relu: Bool) throws -> Tensor? { nil }
  package func linearWeightGradient(_ g: Tensor, _ x: Tensor, bias: Bool) throws -> (weight: Tensor, bias: Tensor?)? { nil }
  package func clipGradient(_ g: Tensor, _ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor? { nil }
}

/// What the gradient of a batch normalization needs of the forward pass.
package struct BatchNormForward: Sendable {
  package var x: Tensor
  package var scale: Tensor
  package var shift: Tensor
  package var mean: Tensor
  package var variance: Tensor
  package var epsilon: Double
  package var hasResidual: Bool
  /// Not a clip where there is a residual.
  package var rectifier: Rectifier?
  /// The result, where it alone tells what relu let pass: behind a residual.
  package var y: Tensor?
}

/// What a backend may have a kernel of its own for.
package enum BackendOperation: Sendable, Hashable {
  case elementwise, reduction, matmul, softmax
  case convolution(Convolution), maxPool(Window), averagePool(Window), batchNorm
}

/// The geometry of a sliding window over the last two axes.
package struct Window: Sendable, Hashable {
  /// Height first in each pair.
  package var kernelHeight = 1, kernelWidth = 1
  package var strideHeight = 1, strideWidth = 1
  package var top = 0, left = 0, bottom = 0, right = 0
  package var dilationHeight = 1, dilationWidth = 1
  /// Round the output's size up, so that the last window may hang over the end.
  package var ceil = false

  package init() {}

  /// Height and width of the result. The last window of `ceil` must start inside the input or the padding before it.
  package func output(height: Int, width: Int) -> (height: Int, width: Int) {
    (
      Window.size(height, top, bottom, kernelHeight, strideHeight, dilationHeight, ceil),
      Window.size(width, left, right, kernelWidth, strideWidth, dilationWidth, ceil)
    )
  }

  private static func size(_ n: Int, _ begin: Int, _ end: Int, _ kernel: Int, _ stride: Int, _ dilation: Int, _ ceil: Bool) -> Int {
    let span = n + begin + end - dilation * (kernel - 1) - 1
    if span < 0 { return 0 }
    var size = span / stride + 1
    if ceil, span % stride != 0, size * stride < n + begin { size += 1 }
    return size
  }
}

/// A convolution: its window (`ceil` is not used) and the number of groups.
package struct Convolution: Sendable, Hashable {
  package var window = Window()
  package var groups = 1

  package init() {}
}

/// Functions of one element.
package enum UnaryOperation: String, Sendable, CaseIterable {
  case neg, abs, sqrt, rsqrt, exp, log, tanh, sigmoid, erf, relu, sign, floor, ceil, round, reciprocal, square, sin, cos
  case isNaN, isFinite, not
  case exp2, expm1, log1p, log2, log10, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh, trunc
  case isInfinite, bitNot
  case silu, gelu, geluTanh, mish, softplus
}

/// Functions of two elements.
package enum BinaryOperation: String, Sendable, CaseIterable {
  case add, sub, mul, div, pow, mod, maximum, minimum, and, or, xor
  /// Gradients: left the gradient of the result, right what the forward pass kept (input or result).
  case reluGradient, sigmoidGradient, tanhGradient
  case atan2
  /// Division rounded down, and its remainder, which has the sign of the divisor.
  case floorDiv, floorMod
  case shiftLeft, shiftRight
  /// Gradients: left the gradient of the result, right the input.
  case siluGradient, geluGradient, geluTanhGradient, mishGradient
}

/// Comparisons of two elements.
package enum Comparison: String, Sendable, CaseIterable {
  case eq, ne, lt, le, gt, ge
}

/// What becomes of the elements along reduced axes. Floats are summed in f64.
package enum Reduction: String, Sendable, CaseIterable {
  case sum, mean, prod, max, min, sumOfSquares, sumOfMagnitudes, any, all
}
