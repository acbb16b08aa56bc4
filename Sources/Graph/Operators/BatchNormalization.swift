import Support
import Tensor

/// (x - mean) / sqrt(variance + epsilon) * scale + shift per position of axis 1 (Ioffe 2015).
///
/// While a model is trained, mean and variance are those of the batch, and new running statistics are reported:
/// `momentum` of the old and the rest of the batch's (its variance unbiased, as PyTorch has it).
struct BatchNormalizationOperator: Operator {
  static let name = "BatchNormalization"
  var arity: ClosedRange<Int> { 5...5 }
  var fuses: Epilogue.Kinds { [.residual, .relu, .clip] }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    let isTraining = try node.flag("training_mode")
    guard node.outputs.count == 1 || (isTraining && node.outputs.count <= 3) else {
      throw node.failure(.unsupported, "outputs of statistics without training_mode", suggestion: "export the model in inference mode")
    }
    guard let shape = x.shape else { return node.outputs.map { _ in ValueType(x.dtype, nil) } }
    guard shape.count >= 2 else { throw node.failure(.shape, "input", expected: "rank 2 or more", got: "\(shape)") }
    for index in 1...4 {
      if let sizes = try inputs.required(index, node).shape, let channels = shape[1].value, sizes != [.fixed(channels)] {
        throw node.failure(.shape, "input \(index)", expected: "[\(channels)]", got: "\(sizes)")
      }
    }
    let statistics = ValueType(try inputs.required(3, node).dtype, [shape[1]])
    return [ValueType(x.dtype, shape), statistics, statistics]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), scale = try inputs.required(1, node), shift = try inputs.required(2, node)
    let mean = try inputs.required(3, node), variance = try inputs.required(4, node)
    let epsilon = try node.float("epsilon", default: 1e-5)
    // A residual that broadcasts, or is of another type, comes after the normalization, in a pass of its own.
    let epilogue = context.epilogue
    let isJoined = epilogue.residual.map { $0.shape == x.shape && $0.dtype == x.dtype } ?? true
    let residual = isJoined ? epilogue.residual : nil, rectifier = isJoined ? epilogue.rectifier : nil
    func finished(_ y: Tensor) throws -> [Tensor] { [isJoined ? y : try epilogue.finished(y)] }
    if try node.flag("training_mode") {
      // Statistics of the batch, written into the graph: the running ones are outputs, their variance the batch's own.
      let momentum = try node.float("momentum", default: 0.9)
      let (y, batchMean, batchVariance) = try x.batchNormTraining(
        scale: scale, shift: shift, epsilon: epsilon, residual: residual, rectifier: rectifier)
      return try finished(y) + [
        mean * momentum + batchMean.converted(to: mean.dtype) * (1 - momentum),
        variance * momentum + batchVariance.converted(to: variance.dtype) * (1 - momentum),
      ]
    }
    guard context.isTraining else {
      return try finished(
        x.batchNorm(
          scale: scale, shift: shift, mean: mean, variance: variance, epsilon: epsilon, residual: residual, rectifier: rectifier))
    }
    let samples = x.count / max(1, x.shape[1])
    guard samples > 1 else {
      throw node.failure(.shape, "batch statistics of one value per channel", got: "\(x.shape.dimensions)",
                         suggestion: "use a larger batch")
    }
    let (result, batchMean, batchVariance) = try x.batchNormTraining(
      scale: scale, shift: shift, epsilon: epsilon, residual: residual, rectifier: rectifier)
    let momentum = try node.float("momentum", default: 0.9)
    if let name = node.input(3) {
      context.statistics[name] = try mean * momentum + batchMean.detached() * (1 - momentum)
    }
    if let name = node.input(4) {
      let unbiased = Double(samples) / Double(samples - 1)
      context.statistics[name] = try variance * momentum + batchVariance.detached() * ((1 - momentum) * unbiased)
    }
    return try finished(result)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<(flow.rank(.input(0)) ?? 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
    for input in 1...4 {
      flow.tie(.input(input), axis: 0, .output(0), axis: 1)
      flow.role(input < 3 ? .follows : .carries, input: input, axis: 0)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BatchNormalizationOperator.self) }
