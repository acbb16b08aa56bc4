import Support
import Tensor

extension Model {
  /// Returns the model with every batch normalisation that directly follows a convolution or linear layer worked into
  /// that layer's weight and bias. The outputs stay the same up to rounding.
  ///
  /// A layer whose weight is shared, computed, or held to few values for all outputs keeps its normalisation.
  public func foldingBatchNorm() throws -> Model {
    var model = self
    var position = 0
    while position < model.nodes.count {
      if model.nodes[position].op == "BatchNormalization", try model.foldBatchNorm(at: position) { continue }
      position += 1
    }
    try model.verified()
    return model
  }

  /// Folds one normalisation and removes its node; returns false when it must stay.
  private mutating func foldBatchNorm(at position: Int) throws -> Bool {
    let norm = nodes[position], readers = consumers
    guard let source = producers[norm.inputs[0]], ["Conv", "Gemm"].contains(nodes[source].op),
          readers[norm.inputs[0]]?.count == 1, !outputs.contains(where: { $0.name == norm.inputs[0] }),
          let weightName = nodes[source].input(1), let weight = parameters[weightName], readers[weightName]?.count == 1,
          !(weight.value is IntegerRepresentation), !(weight.value is CodebookRepresentation)
    else { return false }
    var statistics: [Tensor] = []
    for input in 1...4 {
      guard let parameter = parameters[norm.inputs[input]] else { return false }
      statistics.append(try parameter.value.dense())
    }
    var layer = nodes[source]
    if layer.op == "Gemm", try layer.float("alpha", default: 1) != 1 || layer.float("beta", default: 1) != 1 { return false }
    let (scale, shift, mean, variance) = (statistics[0], statistics[1], statistics[2], statistics[3])
    let factor = try scale * (variance + norm.float("epsilon", default: 1e-5)).rsqrt()
    var bias = try shift - mean * factor
    if let name = layer.input(2) {
      guard let old = parameters[name], old.shape.rank == 1, old.shape.count == factor.count, readers[name]?.count == 1 else {
        return false
      }
      bias = try bias + old.value.dense() * factor
    }
    let rows = try layer.op == "Conv" || layer.flag("transB") ? 0 : 1
    // A scale for each output takes the factor up; one for all cannot.
    if let signs = weight.value as? BinaryRepresentation, signs.axis != rows { return false }
    if let signs = weight.value as? TernaryRepresentation, signs.axis != rows { return false }
    var sizes = [Int](repeating: 1, count: weight.shape.rank)
    sizes[rows] = factor.count
    parameters[weightName]?.value = try weight.value.updated(from: weight.value.dense() * factor.reshaped(Shape(sizes)))

    if let name = layer.input(2) {
      parameters[name]?.value = DenseRepresentation(bias)
    } else {
      let name = fresh("\(layer.name).bias")
      parameters[name] = Parameter(name, bias)
      layer.inputs = Array(layer.inputs.prefix(2)) + [name]
    }
    layer.outputs[0] = norm.outputs[0]
    nodes[source] = layer
    nodes.remove(at: position)
    dropUnreadParameters(of: norm)
    return true
  }
}
