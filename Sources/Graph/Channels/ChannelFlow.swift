import Support

/// Where an operator declares how channels travel through it.
///
/// Positions of an axis of an input may be tied to positions of an axis of an output: they vanish together. An axis
/// may be blocked with a reason. What an operator does not mention is blocked, so that an omission costs a cut and
/// never a wrong one.
public struct ChannelFlow {
  /// An input or an output of the node at hand.
  public enum Place: Hashable, Sendable {
    case input(Int)
    case output(Int)
  }
  private struct Mention: Hashable {
    let place: Place
    let axis: Int
  }

  private let node: Node
  private let types: [String: ValueType]
  private let parameters: Set<String>
  /// Long lists of positions that the model holds.
  private let constants: [String: [Int]]
  /// The operator set of the model.
  public let opset: Int
  private var solver: ChannelSolver
  /// Whether only axes as wholes are tied, each with all that may be tied with it.
  private let isCoarse: Bool
  /// Which of several axes carries the channels, where it is not the first.
  private let choices: [ChannelChoice: Int]
  private var mentioned: Set<Mention> = []

  init(_ node: Node, types: [String: ValueType], parameters: Set<String>, constants: [String: [Int]] = [:], opset: Int, choices: [ChannelChoice: Int] = [:],
       isCoarse: Bool = false, solver: consuming ChannelSolver) {
    self.node = node
    self.types = types
    self.parameters = parameters
    self.constants = constants
    self.opset = opset
    self.choices = choices
    self.isCoarse = isCoarse
    self.solver = solver
  }

  /// Ends the declaration: everything that was not mentioned is blocked.
  consuming func finished() -> ChannelSolver {
    let places = node.inputs.indices.map { Place.input($0) } + node.outputs.indices.map { Place.output($0) }
    for place in places {
      guard let sizes = shape(place) else { continue }
      for axis in sizes.indices where !mentioned.contains(Mention(place: place, axis: axis)) {
        block(place, axis: axis, "\(node.op) '\(node.name)' mixes axis \(axis)")
      }
    }
    return solver
  }

  // MARK: What is known

  /// The sizes of a place (nil where unknown), or nil when the place is absent or of unknown rank.
  public func shape(_ place: Place) -> [Int?]? {
    guard let name = name(place) else { return nil }
    return types[name]?.shape?.map(\.value)
  }

  /// The sizes with their symbols.
  public func dimensions(_ place: Place) -> [Dimension]? { name(place).flatMap { types[$0]?.shape } }

  /// Inputs that the node names, absent optional ones between them included.
  public var inputCount: Int { node.inputs.count }
  /// Outputs that the node names.
  public var outputCount: Int { node.outputs.count }

  /// The number of axes of a place, or nil when the place is absent or its rank unknown.
  public func rank(_ place: Place) -> Int? { shape(place)?.count }

  /// The positions of an axis that can be followed: its size, the number in a size such as "4*N", or nil when it is
  /// unknown or beyond what is followed.
  public func size(_ place: Place, axis: Int) -> Int? {
    guard let sizes = dimensions(place), sizes.indices.contains(axis), let size = sizes[axis].positions, size <= ChannelSolver.greatestAxis
    else { return nil }
    return size
  }

  /// The known elements of a small integer input.
  public func contents(_ input: Int) -> [Int]? {
    if let found = name(.input(input)).flatMap({ constants[$0] }) { return found }
    guard let known = name(.input(input)).flatMap({ types[$0]?.contents }) else { return nil }
    let values = known.compactMap(\.value)
    return values.count == known.count ? values : nil
  }

  /// Whether an input is a parameter (and not a computed value).
  public func isParameter(_ input: Int) -> Bool { name(.input(input)).map(parameters.contains) ?? false }

  /// Returns which of several factors of axes carry channels, from 0: one, and it is noted that another could.
  ///
  /// - Parameters:
  ///   - number: of the choice within the node.
  ///   - places: the axes that the factors are of.
  mutating func choice(_ number: Int, among count: Int, at places: [(place: Place, axis: Int)]) -> Range<Int> {
    guard count > 1 else { return 0..<1 }
    if isCoarse { return 0..<count }
    let choice = ChannelChoice(layer: node.name, number: number)
    let followed = places.compactMap { place in name(place.place).map { ChannelSolver.Axis(name: $0, axis: place.axis) } }
      .uniqued().filter { solver.follows($0.name, $0.axis) }
    if !followed.isEmpty { solver.note(choice, count, followed) }
    let chosen = min(choices[choice] ?? 0, count - 1)
    return chosen..<(chosen + 1)
  }

  // MARK: What is declared

  /// Ties equal positions of two axes.
  public mutating func tie(_ a: Place, axis: Int, _ b: Place, axis other: Int) {
    switch (size(a, axis: axis), size(b, axis: other)) {
    case (let x?, let y?) where x == y:
      tie(a, axis, 0..<x, b, other, 0..<y)
    case (nil, nil):
      mention(a, axis)
      mention(b, other)
    default:
      let reason = "\(node.op) '\(node.name)' ties it to an axis of unknown size"
      block(a, axis: axis, reason)
      block(b, axis: other, reason)
    }
  }

  /// Ties positions pairwise: `at[i]` of one axis with `at[i]` of the other.
  public mutating func tie(_ a: Place, axis: Int, at first: [Int], _ b: Place, axis other: Int, at second: [Int]) {
    tie(a, axis, first, b, other, second)
  }

  private mutating func tie(_ a: Place, _ axis: Int, _ first: some Collection<Int>, _ b: Place, _ other: Int, _ second: some Collection<Int>) {
    mention(a, axis)
    mention(b, other)
    guard let x = name(a), let y = name(b), let sizeX = size(a, axis: axis), let sizeY = size(b, axis: other) else {
      return
    }
    if isCoarse { return solver.tie(x, axis, 1, CollectionOfOne(0), y, other, 1, CollectionOfOne(0)) }
    guard solver.follows(x, axis), solver.follows(y, other) else { return }
    solver.tie(x, axis, sizeX, first, y, other, sizeY, second)
  }

  /// Ties positions of one axis among themselves.
  public mutating func tie(_ place: Place, axis: Int, _ first: [Int], with second: [Int]) {
    tie(place, axis: axis, at: first, place, axis: axis, at: second)
  }

  /// Forbids to remove any position of an axis.
  public mutating func block(_ place: Place, axis: Int, _ reason: String) {
    mention(place, axis)
    guard !isCoarse, let name = name(place), let size = size(place, axis: axis) else { return }
    solver.block(name, axis, size, reason)
  }

  /// Forbids to remove anything of any input and output.
  public mutating func blockAll(_ reason: String) {
    for place in node.inputs.indices.map({ Place.input($0) }) + node.outputs.indices.map({ Place.output($0) }) {
      for axis in (shape(place) ?? []).indices { block(place, axis: axis, reason) }
    }
  }

  /// Says that an axis needs nothing: its size is 1, or any size is right.
  public mutating func free(_ place: Place, axis: Int) { mention(place, axis) }

  /// Says what an axis of a parameter does for the channels that travel along it.
  public mutating func role(_ role: ChannelRole, input: Int, axis: Int) {
    guard let name = name(.input(input)), parameters.contains(name) else { return }
    solver.role(role, Coupling(layer: node.name, parameter: name, axis: axis, role: role))
  }

  private func name(_ place: Place) -> String? {
    switch place {
    case .input(let index): node.input(index)
    case .output(let index): node.outputs.indices.contains(index) && !node.outputs[index].isEmpty ? node.outputs[index] : nil
    }
  }

  private mutating func mention(_ place: Place, _ axis: Int) { mentioned.insert(Mention(place: place, axis: axis)) }
}
