import PareKit

/// Few values for the weights of each layer, found by k-means; a code for each weight says which.
///
/// Zeros that an earlier step holds, stay and are not clustered. Later training moves the values and keeps who shares them.
public struct Cluster: CompressionMethod {
  public static let entry = Entry(
    name: "cluster", summary: "Weights of each layer share few values, found by k-means",
    reference: "Han et al. 2016 (Deep Compression)",
    parameters: [
      .integer("entries", default: 16, in: 2...256, doc: "Different values of a layer; a code takes log2 of that in bits"),
      .integer("iterations", default: 50, in: 0...10_000, doc: "The most rounds of k-means"),
      .list("keep", default: [], doc: "Layers that stay as they are"),
    ])
  private let entries: Int
  private let iterations: Int
  private let keep: Set<String>

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    entries = try arguments.integer("entries")
    iterations = try arguments.integer("iterations")
    keep = Set(try arguments.strings("keep"))
  }

  /// Runs k-means on each weight, from evenly spaced values; a layer of at most `entries` weights is left alone.
  ///
  /// - Throws: `not_found` for a name in `keep` that the model lacks; `nothing_changed` when no layer changes; `argument` for
  ///   weights that are NaN or infinite.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    try context.replacingWeights(of: model, keep: keep, method: "cluster") { view, old in
      let weight = try view.stored(view.weight), mask = try old.mask()
      var values = try weight.values(as: Float.self)
      if let kept = try mask?.values(as: Bool.self) { values = zip(values, kept).filter(\.1).map(\.0) }
      guard values.count > entries else {
        context.skip(view.name, "it has \(values.count) weights for \(entries) values")
        return nil
      }
      let found = try Tensor(values, shape: [values.count]).kMeans(entries, start: .linear, iterations: iterations, seed: context.seed)
      return try CodebookRepresentation.nearest(weight, table: found.centroids.reshaped([entries]), mask: mask)
    }.model
  }
}
