import Graph
import Support
import Tensor
import Training

/// The parameters that methods which train a compressed model on have in common.
extension TrainingOptions {
  /// epochs, lr, batch, optimizer, momentum, weight_decay, schedule, warmup, regularizer.
  public static var finetuningParameters: [ParameterSpec] {
    [
      .integer("epochs", default: 1, in: 0..., doc: "Passes over the training part"),
      .number(
        "lr", allowed: ParameterRange(minimum: 0, includesMinimum: false), optional: true,
        doc: "Learning rate; default a tenth of the optimizer's own (sgd 0.005, adam and adamw 0.0001)"),
      .integer("batch", default: 64, in: 1..., doc: "Samples in a step"),
      .choice("optimizer", among: ["sgd", "adam", "adamw"], default: "sgd", doc: "The optimizer"),
      .number("momentum", default: 0.9, in: 0..<1, doc: "Momentum of sgd"),
      .number("weight_decay", default: 0, in: 0..., doc: "Decay of the weights"),
      .string("schedule", default: "cosine", doc: "How the learning rate goes: cosine, constant, ..."),
      .number("warmup", default: 0, in: 0..., doc: "Epochs over which the learning rate rises"),
      regularizerParameter,
    ]
  }

  /// `regularizer=`: an entry or a list of them, each with its weight.
  public static var regularizerParameter: ParameterSpec {
    .entries("regularizer", kind: .regularizer, optional: true, doc: "What is added to the loss of each batch; a list is a weighted sum")
  }

  /// Reads that parameter: the weighted sum of its entries, nil where none is given.
  public static func penalty(_ arguments: Arguments) throws -> TrainingPenalty? {
    let parts = try arguments.entries("regularizer", as: (any Regularizer).self)
    guard !parts.isEmpty, let given = try arguments.value("regularizer") else { return nil }
    return TrainingPenalty(name: "\(try given.recorded())") { parameters, model in
      var sum = try Tensor.scalar(0)
      for part in parts { sum = try sum + part.extension.value(parameters, of: model) * part.weight }
      return sum
    }
  }

  /// `loss=`: a word, or a function of the model's outputs and the targets.
  public static var lossParameter: ParameterSpec {
    ParameterSpec(
      name: "loss", type: .function, default: "cross_entropy", choices: ["cross_entropy", "mse"],
      doc: "cross_entropy, mse, or function(outputs, labels) return loss end")
  }

  /// Reads that parameter.
  public static func loss(_ arguments: Arguments) throws -> TrainingLoss {
    guard let function = try arguments.optionalFunction("loss") else {
      return try arguments.string("loss") == "mse" ? .mse() : .crossEntropy()
    }
    return TrainingLoss(name: "function \(function.hash)") { execution, batch in
      let results = try function(.tensor(execution.output()), .tensor(batch.targets))
      if case .tensor(let loss)? = results.first { return loss }
      throw PareError(.argument, "loss returned no tensor", argument: "loss", expected: "a tensor", got: results.first?.brief ?? "nothing")
    }
  }

  /// Reads those parameters; the learning rate is a tenth of the optimizer's own unless it is given.
  ///
  /// - Parameter title: what the progress bar is called.
  public init(finetuning arguments: Arguments, seed: UInt64, title: String) throws {
    self.init()
    epochs = try arguments.integer("epochs")
    optimizer = try arguments.string("optimizer")
    lr = try arguments.optionalNumber("lr") ?? Self.repairRate(of: optimizer)
    batch = try arguments.integer("batch")
    momentum = try arguments.number("momentum")
    weightDecay = try arguments.number("weight_decay")
    schedule = try arguments.string("schedule")
    warmup = try arguments.number("warmup")
    penalty = try Self.penalty(arguments)
    self.seed = seed
    self.title = title
  }

  /// A tenth of the learning rate that an optimizer starts a training with.
  public static func repairRate(of optimizer: String) -> Double { optimizer == "sgd" ? 0.005 : 0.0001 }
}
