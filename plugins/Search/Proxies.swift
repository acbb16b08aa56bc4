import PareKit

/// Sum over the layers of the norm of the loss gradient.
public struct GradientNorm: Proxy {
  public static let entry = Entry(
    name: "grad_norm", summary: "Sum of the norms of the layers' loss gradients",
    reference: "Abdelfattah et al. 2021, \"Zero-Cost Proxies for Lightweight NAS\", section 3.2",
    parameters: [.integer("samples", default: 64, in: 1..., doc: "Training samples")])
  private let samples: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { samples = try arguments.integer("samples") }

  /// The sum over the layers of the Euclidean norm of the weight's gradient, on `samples` training samples.
  ///
  /// - Throws: `argument` without data.
  public func score(_ model: Model, _ context: Context) throws -> Double {
    try context.statistics(of: model, needs: [.gradient], samples: samples).reduce(0) { sum, layer in
      try sum + (layer.gradient * layer.gradient).sum().sqrt().item()
    }
  }
}

/// Synaptic flow: how much of an all-ones input comes through the absolute weights, by each of them.
///
/// The sum over parameters of `theta dR/dtheta`, where R is the sum of the outputs of the network with absolute weights and
/// batch-norms that change nothing (equation 1 of the paper).
public struct SynFlow: Proxy {
  public static let entry = Entry(
    name: "synflow", summary: "Flow of an all-ones input through the absolute weights; needs no data",
    reference: "Tanaka et al. 2020, \"Pruning neural networks without any data\"; Abdelfattah et al. 2021")

  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// The flow of one sample of ones in the shape of the data's inputs, which is all that the data is asked for.
  ///
  /// - Throws: `unsupported` for a model of several inputs; `argument` for several outputs, or without data.
  public func score(_ model: Model, _ context: Context) throws -> Double {
    var values: [String: Tensor] = [:]
    for (name, parameter) in model.parameters where parameter.isTrainable {
      let dense = try parameter.value.dense()
      if dense.dtype.isFloating { values[name] = try dense.abs() }
    }
    for node in model.nodes where node.op == "BatchNormalization" {
      for (position, neutral) in [(1, 1.0), (2, 0), (3, 0), (4, 1)] {
        guard let name = node.input(position), let old = try model.parameters[name]?.value.dense() else { continue }
        values[name] = try Tensor.full(old.shape, neutral, old.dtype)
      }
    }
    let absolute = try model.with(values)
    let ones = try Tensor.full(Shape([1] + context.data.inputShape), 1, .f32)
    let flow = try gradients(of: absolute) { tracked in try tracked(ones).sum() }.gradients
    // In the order of the parameters, so that the sum is the same at each call.
    return try absolute.parameters.keys.reduce(0.0) { sum, name in
      guard let gradient = flow[name], let value = values[name] else { return sum }
      return try sum + (gradient * value).sum().item()
    }
  }
}
