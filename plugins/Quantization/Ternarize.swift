import PareKit

/// Weights of -1, 0 and 1 with a scale for each output: what is smaller than 0.7 of the mean size becomes 0.
///
/// Zeros that an earlier step holds, stay.
public struct Ternarize: CompressionMethod {
  public static let entry = Entry(
    name: "ternarize", summary: "Weights of -1, 0 and 1 with a scale for each output",
    reference: "Li and Liu 2016 (Ternary Weight Networks)",
    parameters: [.list("keep", default: [], doc: "Layers that stay as they are")])
  private let keep: Set<String>

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { keep = Set(try arguments.strings("keep")) }

  /// Makes each layer's weight ternary by that rule; zeros that an earlier step holds do not count in the mean.
  ///
  /// - Throws: `not_found` for a name in `keep` that the model lacks; `nothing_changed` when no layer changes.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    try context.replacingWeights(of: model, keep: keep, method: "ternarize") { view, old in
      try TernaryRepresentation(nearest: view.stored(view.weight), axis: view.outputAxis, mask: old.mask())
    }.model
  }
}
