import Graph
import Support
import Tensor

/// What a criterion, a decomposition or an algorithm sees of one layer.
///
/// Weights are `[out, in/groups, kh, kw]` (convolutions) or `[out, in]` (linear layers), whatever their layout in the
/// graph; `stored(_:)` takes a tensor of that shape back to the graph's layout.
public struct LayerView: Sendable {
  /// The node's name in the graph.
  public let name: String
  /// The ONNX operator: `Conv`, `ConvTranspose`, `Gemm`, `MatMul`.
  public let op: String
  /// The graph's node, with its attributes (strides, pads).
  public let node: Node
  /// The names of the parameters in the model.
  public let weightName: String
  /// Nil without a bias that is a parameter. For a `MatMul` it is what the `Add` behind it adds.
  public let biasName: String?
  /// Dense, f32 or f64.
  public let weight: Tensor
  /// `[out]`.
  public let bias: Tensor?
  /// The batch normalization that directly follows, if any.
  public let batchNorm: BatchNormView?
  /// The convolution's groups; 1 for linear layers.
  public let groups: Int
  /// What is scored: "weight", "filter", "channel", ...
  public var granularity: String
  /// The number of units of that granularity.
  public var units: Int
  /// The name of the channel group that the layer's outputs belong to.
  public let group: String?
  /// True when the graph holds the weight as `[in, out, ...]`.
  public let isTransposed: Bool

  let declared: Statistics
  var collected = LayerStatistics()
}

/// Scale, shift and running statistics of a batch normalization, `[channels]` each.
public struct BatchNormView: Sendable {
  /// The node's name in the graph.
  public let name: String
  /// What normalized values are multiplied by (gamma).
  public let scale: Tensor
  /// What is added after that (beta).
  public let shift: Tensor
  /// The running mean.
  public let mean: Tensor
  /// The running variance.
  public let variance: Tensor
}

/// Statistics of a layer's output channels, `[out]` each, after the batch-norm and activation that directly follow.
public struct ActivationStatistics: Sendable {
  /// The mean over samples and positions.
  public let mean: Tensor
  /// The mean absolute value over samples and positions.
  public let meanAbsolute: Tensor
  /// The share of values that are exactly 0.
  public let zeros: Tensor
}

/// Statistics of a layer's input.
public struct InputStatistics: Sendable {
  /// Sum of squares over samples and positions, `[in]`.
  public let squareSum: Tensor
  /// How many samples and positions were summed.
  public let count: Int
  let hessianSum: Tensor?
  let layer: String

  /// The sum over samples and positions of x xT, where x is what one output position sees:
  /// `[k, k]` with k = in/groups * kh * kw, in the order of the weight's elements (`[groups, k, k]` for several groups).
  ///
  /// - Throws: `undeclared` unless `.hessian` was declared.
  public var hessian: Tensor {
    get throws {
      if let hessianSum { return hessianSum }
      throw LayerView.undeclared("input.hessian", .hessian, layer)
    }
  }
}

/// What was collected for one layer.
struct LayerStatistics: Sendable {
  var gradient: Tensor?
  var gradientSquared: Tensor?
  var gradientAbsolute: Tensor?
  var activation: ActivationStatistics?
  var input: InputStatistics?
}

extension LayerView {
  /// Gradient of the mean loss with respect to the weight, the weight's shape.
  ///
  /// - Throws: `undeclared` unless `.gradient` is among the `needs`.
  public var gradient: Tensor { get throws { try declared("gradient", .gradient, collected.gradient) } }

  /// Mean over the samples of the squared gradient, the weight's shape.
  public var gradientSquared: Tensor {
    get throws { try declared("gradient_sq", .gradientSquared, collected.gradientSquared) }
  }

  /// Mean over the samples of the absolute gradient, the weight's shape.
  public var gradientAbsolute: Tensor {
    get throws { try declared("gradient_abs", .gradientAbsolute, collected.gradientAbsolute) }
  }

  /// Statistics of the layer's output channels on the calibration samples.
  ///
  /// - Throws: `undeclared` unless `.activation` is among the `needs`.
  public var activation: ActivationStatistics {
    get throws { try declared("activation", .activation, collected.activation) }
  }

  /// Given with `.input`, and with `.hessian`.
  public var input: InputStatistics {
    get throws {
      if declared.contains(.hessian), let input = collected.input { return input }
      return try declared("input", .input, collected.input)
    }
  }

  private func declared<T>(_ what: String, _ need: Statistics, _ value: T?) throws -> T {
    guard declared.contains(need) else { throw Self.undeclared(what, need, name) }
    guard let value else { throw PareError(.internal, "\(what) was not collected", layer: name) }
    return value
  }

  static func undeclared(_ what: String, _ need: Statistics, _ layer: String) -> PareError {
    PareError(
      .undeclared, "'\(what)' is read but not declared", argument: what, expected: "'\(need)' among the needs",
      suggestion: "add it: needs={\"\(need)\"} in Lua, [.\(need.swiftName)] in Swift", layer: layer)
  }

  /// Takes a tensor of the weight's shape to the layout that the graph's parameter has.
  public func stored(_ tensor: Tensor) throws -> Tensor {
    isTransposed ? try tensor.transposed(0, 1).contiguous() : tensor
  }
}

extension Statistics {
  fileprivate var swiftName: String {
    switch self {
    case .gradientSquared: "gradientSquared"
    case .gradientAbsolute: "gradientAbsolute"
    default: description
    }
  }
}
