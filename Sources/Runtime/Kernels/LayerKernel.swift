import Graph
import Support
import Tensor

/// A layer that looks for somebody to compute it: a convolution or a product with constant weights, and what is done to
/// its result before it is stored.
///
/// Per output channel o: `y = limits(factor[o] * product + bias[o] + residual)`, then onto the grid of an integer
/// destination. The product of an integer source is that of real values, `(integer - zeroPoint) * scale`.
package struct LayerTask: Sendable {
  package enum Form: Sendable {
    case convolution(ConvolutionGeometry)
    /// `[rows, inner] x weights` to `[rows, outputs]`.
    case linear(rows: Int, inner: Int, outputs: Int)
  }

  package var name: String
  package var form: Form
  /// The parameter as it is stored: `[outputs, inputs/groups, kh, kw]`, `[outputs, inner]`, or, where `outputsLast` is
  /// set, `[inner, outputs]`.
  package var weights: any Representation
  package var outputsLast: Bool
  /// A folded batch normalization's factor, or Gemm's alpha; nil: 1 everywhere.
  package var factor: [Float]?
  package var bias: [Float]?
  /// Whether a value of the result's shape and type is added.
  package var hasResidual: Bool
  /// The grid of that value where it is integers.
  package var residualGrid: Grid?
  /// What the result is limited to: Relu is 0...infinity, none is everything.
  package var limits: ClosedRange<Float>
  /// The grid of the source and of the destination; nil: f32.
  package var sourceGrid: Grid?
  package var destinationGrid: Grid?
  /// Whether the product is with the signs of the source: 1 from 0 on, else -1.
  package var takesSigns = false
  /// The threads that a run may use.
  package var threads: Int

  package var outputs: Int {
    switch form {
    case .convolution(let geometry): geometry.outputChannels
    case .linear(_, _, let outputs): outputs
    }
  }

  /// Multiply-accumulates of the dense form.
  package var operations: Int {
    switch form {
    case .convolution(let geometry): geometry.operations
    case .linear(let rows, let inner, let outputs): rows * inner * outputs
    }
  }

  /// The share of weights that are not zero.
  package var density: Double { weights.shape.count == 0 ? 1 : Double(weights.nonzeros) / Double(weights.shape.count) }
}

/// How an image lies in memory; rows of a linear layer are the same in all of them.
package enum ImageLayout: Sendable, Hashable {
  /// `[N, C, H, W]`.
  case rowMajor
  /// `[N, H, W, C]`.
  case channelsLast
  /// `[N, C/16, H, W, 16]`; channels are a multiple of 16.
  case channelBlocks
}

/// What one run works on. Buffers are aligned to 64 bytes and do not overlap, but for a residual in place.
package struct LayerBuffers {
  package var source: UnsafeRawPointer
  package var destination: UnsafeMutableRawPointer
  /// In the destination's layout; nil where the task has none. It may be the destination where the kernel adds in place.
  package var residual: UnsafeRawPointer?
  /// `scratchBytes` of memory; what it holds is undefined.
  package var scratch: UnsafeMutableRawPointer
  /// What `prepare` made.
  package var weights: [Storage]
  package var threads: Int32
}

/// An implementation of layers whose weights have some representation: the seam by which kernels enter the session.
///
/// A conformer lives in a file of its own in this folder and stands in `LayerKernels.all`. It decides by the task alone
/// whether it can do a layer; whether it does is decided by `share`, its time as a share of the dense layer's. Where no
/// kernel is below 1 the layer runs dense, and a profile says so.
package protocol LayerKernel: Sendable {
  /// What break-even tables and profiles call it, as `csr` or `block16x1.u8`.
  static var name: String { get }
  /// The curves of break-even tables that it asks for; its name alone, unless it has several.
  static var curves: [String] { get }
  /// Whether it multiplies with the signs of a source; such kernels see no other tasks.
  static var takesSigns: Bool { get }
  /// The layouts of an image that it reads and writes; a linear layer ignores them.
  var source: ImageLayout { get }
  var destination: ImageLayout { get }
  /// Whether each element of a residual is read by whoever writes the result there, and before: the two may be one.
  var addsInPlace: Bool { get }
  /// Bytes of memory that it needs during a run.
  var scratchBytes: Int { get }
  /// Names the packing that `prepare` makes, where it depends on more than the weights (threads, tile sizes).
  var packing: String { get }

  /// The kernel for a layer; nil where it has none for its representation, geometry or types.
  init?(_ task: LayerTask)
  /// What part of the dense layer's time it takes; the table has a curve by density for each kernel.
  func share(of task: LayerTask, _ table: BreakEvenTable) -> Double
  /// Packs weights, factors and bias: once for a session, whatever batches it meets.
  func prepare(_ task: LayerTask) throws -> [Storage]
  /// A model of one layer that the kernel takes, for `calibrate` to time one of its curves; nil where the density makes no
  /// sense for it.
  static func sample(_ curve: String, density: Double) throws -> Model?
  /// Computes the layer. The same bits for the same threads.
  func run(_ buffers: LayerBuffers) throws
}

extension LayerKernel {
  package var source: ImageLayout { .channelsLast }
  package var destination: ImageLayout { .channelsLast }
  package var addsInPlace: Bool { false }
  package var scratchBytes: Int { 0 }
  package var packing: String { "" }
  package static var curves: [String] { [name] }
  package static var takesSigns: Bool { false }
  package static func sample(_ curve: String, density: Double) throws -> Model? { nil }
  package func share(of task: LayerTask, _ table: BreakEvenTable) -> Double {
    table.share(of: Self.name, density: task.density)
  }
}

/// The kernels that a session chooses from.
package enum LayerKernels {
  package static let all: [any LayerKernel.Type] = [
    SparseConvolution.self, BlockConvolution.self, SparseIntegerConvolution.self, SparseLinear.self, CodedLinear.self,
    BinaryConvolution.self,
  ]

  /// The fastest kernel for a task, if one is faster than the dense layer.
  static func best(
    for task: LayerTask, _ table: BreakEvenTable, among kernels: [any LayerKernel.Type]
  ) -> (any LayerKernel)? {
    var best: (kernel: any LayerKernel, share: Double)?
    for type in kernels where type.takesSigns == task.takesSigns {
      guard let kernel = type.init(task) else { continue }
      let share = kernel.share(of: task, table)
      if share < min(best?.share ?? 1, 1) { best = (kernel, share) }
    }
    return best?.kernel
  }
}
