import PareKit

/// Trains a compressed model on: masks, sparse patterns and integer grids stay in force.
public struct Finetune: CompressionMethod {
  public static let entry = Entry(
    name: "finetune", summary: "Trains on under everything that earlier steps established", reference: "Han et al. 2015",
    parameters: TrainingOptions.finetuningParameters + [
      TrainingOptions.lossParameter,
      .model("teacher", or: ["input"], optional: true,
        doc: "Distils from this model as well (loss kd); \"input\" is the model given to the recipe"),
    ])
  private let arguments: Arguments

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { self.arguments = arguments }

  /// Trains on the training part. With `teacher` it is a `distill` step with its default loss and the same arguments.
  ///
  /// - Throws: `argument` for `loss` beside `teacher`, or without data; what training throws.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    if arguments.isGiven("teacher") { return try distilled(model, context) }
    var options = try TrainingOptions(finetuning: arguments, seed: context.seed, title: "finetune")
    options.loss = try TrainingOptions.loss(arguments)
    return try context.train(model, options)
  }

  /// The same training as a `distill` step, which the registry knows.
  private func distilled(_ model: Model, _ context: Context) throws -> Model {
    guard !arguments.isGiven("loss") else {
      throw PareError(
        .argument, "finetune with a teacher has the loss kd", argument: "loss", expected: "loss or teacher, not both",
        suggestion: "distill{teacher=..., loss=...} takes losses of its own")
    }
    let values = Dictionary(uniqueKeysWithValues: arguments.values.filter { $0.key != "loss" }.map { ($0.key, $0.value) })
    return try Step("distill", values).method().apply(model, context)
  }
}
