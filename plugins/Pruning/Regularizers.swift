import PareKit

/// Sum of the absolute weights of convolutions and linear layers.
public struct L1: Regularizer {
  public static let entry = Entry(
    name: "l1", summary: "Sum of absolute weights: single weights go towards 0", reference: "Tibshirani 1996; Han et al. 2015",
    parameters: [strengthParameter])
  private let strength: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { strength = try arguments.number("strength") }

  /// `strength` times the sum; a weight that several layers share counts once.
  public func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor {
    try model.weights(among: parameters).reduce(Tensor.scalar(0)) { try $0 + $1.weight.abs().sum() } * strength
  }
}

/// Norms of whole filters and neurons, so that these go towards 0 as one.
///
/// For each layer the sum over its outputs of the Euclidean norm of an output's weights, times the root of how many there
/// are (equation 3 of the paper, filter-wise).
public struct GroupLasso: Regularizer {
  public static let entry = Entry(
    name: "group_lasso", summary: "Norms of filters and neurons: whole units go towards 0",
    reference: "Wen et al. 2016, \"Learning Structured Sparsity in Deep Neural Networks\", equation 3", parameters: [strengthParameter])
  private let strength: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { strength = try arguments.number("strength") }

  /// `strength` times the sum; 1e-12 under each root keeps the gradient finite at 0.
  public func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor {
    try model.weights(among: parameters).reduce(Tensor.scalar(0)) { sum, layer in
      let others = (0..<layer.weight.rank).filter { $0 != layer.outputs }
      let norms = try ((layer.weight * layer.weight).sum(axes: others) + 1e-12).sqrt()
      let size = Double(layer.weight.count / max(1, norms.count))
      return try sum + norms.sum() * size.squareRoot()
    } * strength
  }
}

/// Sum of the absolute scales of batch normalizations, so that whole channels go towards 0.
public struct BatchNormL1: Regularizer {
  public static let entry = Entry(
    name: "bn_l1", summary: "Sum of absolute batch-norm scales: channels go towards 0",
    reference: "Liu et al. 2017, \"Learning Efficient Convolutional Networks through Network Slimming\", equation 1",
    parameters: [strengthParameter])
  private let strength: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { strength = try arguments.number("strength") }

  /// `strength` times the sum over the scales among `parameters`.
  public func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor {
    try model.nodes.reduce(Tensor.scalar(0)) { sum, node in
      guard node.op == "BatchNormalization", let scale = node.input(1).flatMap({ parameters[$0] }) else { return sum }
      return try sum + scale.abs().sum()
    } * strength
  }
}

private let strengthParameter = ParameterSpec.number("strength", default: 1e-4, in: 0..., doc: "Factor of the sum")

extension Model {
  /// The weights of convolutions and linear layers among `parameters`, in the order of the graph, and the axis of their outputs.
  fileprivate func weights(among parameters: [String: Tensor]) throws -> [(weight: Tensor, outputs: Int)] {
    var seen: Set<String> = []
    return try nodes.compactMap { node in
      guard ["Conv", "ConvTranspose", "Gemm", "MatMul"].contains(node.op), let name = node.input(1),
        let weight = parameters[name], weight.rank >= 2, seen.insert(name).inserted
      else { return nil }
      let isFirst = try node.op == "Conv" || (node.op == "Gemm" && node.int("transB", default: 0) != 0)
      return (weight, isFirst ? 0 : 1)
    }
  }
}
