import PareKit

/// Which layers of a student and a teacher are compared: those that are named, else the last of each resolution that both have.
struct LayerPairs: Sendable {
  static let parameter = ParameterSpec.list(
    "layers", optional: true, doc: "Layer names, or {student, teacher} pairs; default: the last of each resolution")

  /// The pairs that were named; `[]` where none were.
  let named: [(student: String, teacher: String)]
  private let loss: String

  /// Reads `layers`: a name stands for the layer of that name in both models.
  ///
  /// - Throws: `argument` for an item that is neither a name nor a pair of names.
  init(_ arguments: Arguments, of loss: String) throws {
    self.loss = loss
    named = try (arguments.optionalList("layers") ?? []).map { value in
      if let name = value.asString { return (name, name) }
      if let pair = value.asList, pair.count == 2, let student = pair[0].asString, let teacher = pair[1].asString {
        return (student, teacher)
      }
      throw PareError(
        .argument, "\(loss): layers", argument: "layers", expected: "names, or {student, teacher} pairs", got: value.brief)
    }
  }

  /// The named pairs; without them, for each `[H, W]` beyond one pixel that both models have, the last layer of each.
  ///
  /// - Throws: `argument` where no resolution is shared.
  func pairs(student: Model, teacher: Model) throws -> [(student: String, teacher: String)] {
    guard named.isEmpty else { return named }
    let own = try Self.lastOfEachResolution(student), others = try Self.lastOfEachResolution(teacher)
    let pairs = own.compactMap { size, name in others[size].map { (student: name, teacher: $0) } }
    guard !pairs.isEmpty else {
      throw PareError(
        .argument, "\(loss): the student and the teacher have no images of equal resolution", argument: "layers",
        suggestion: "name the layers: {\"\(loss)\", layers={{\"conv2\", \"conv3\"}}}")
    }
    return pairs
  }

  /// The last layer of each resolution, in the order of the graph.
  private static func lastOfEachResolution(_ model: Model) throws -> OrderedDictionary<[Int], String> {
    var last: OrderedDictionary<[Int], String> = [:]
    for layer in try model.layers() where layer.shape.count == 4 {
      let sizes = layer.shape.dropFirst(2).compactMap { size in if case .fixed(let size) = size { size } else { nil } }
      if sizes.count == 2, sizes[0] * sizes[1] > 1 { last[sizes] = layer.name }
    }
    return last
  }
}
