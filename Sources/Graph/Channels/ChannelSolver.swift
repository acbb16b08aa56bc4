/// A place where one of several axes carries channels: a reshape that divides or joins axes.
struct ChannelChoice: Hashable, Sendable {
  let layer: String
  let number: Int
}

/// Union-find over (value or parameter, axis, position): which positions must vanish together, and which cannot.
struct ChannelSolver {
  private struct Axis: Hashable {
    let name: String
    let axis: Int
  }
  /// Longer axes are no channels; their positions are not followed.
  static let greatestAxis = 1 << 18
  /// Positions of all axes together that are followed.
  private static let greatestCount = 1 << 22
  private var isFull = false
  private var bases: [Axis: Int] = [:]
  /// In the order of first mention.
  private var axes: [(axis: Axis, base: Int, size: Int)] = []
  private var parent: [Int] = []
  private var reasons: [Int: String] = [:]
  private(set) var couplings: [Coupling] = []
  /// Where another axis could carry the channels: how many there are, and the value whose channels they are.
  private(set) var choices: [(choice: ChannelChoice, count: Int, name: String, axis: Int)] = []

  mutating func note(_ choice: ChannelChoice, _ count: Int, _ name: String, _ axis: Int) {
    choices.append((choice, count, name, axis))
  }

  /// Whether any position of an axis cannot be removed.
  mutating func isBlocked(_ name: String, _ axis: Int) -> Bool {
    guard let base = bases[Axis(name: name, axis: axis)], let size = axes.first(where: { $0.base == base })?.size else { return false }
    return (0..<size).contains { reasons[root(base + $0)] != nil }
  }

  private mutating func base(_ name: String, _ axis: Int, _ size: Int) -> Int {
    let key = Axis(name: name, axis: axis)
    if let base = bases[key] { return base }
    let base = parent.count
    bases[key] = base
    axes.append((key, base, size))
    parent.append(contentsOf: base..<(base + size))
    return base
  }

  private mutating func hasRoom(_ count: Int) -> Bool {
    if parent.count + count > Self.greatestCount { isFull = true }
    return !isFull
  }

  private mutating func root(_ element: Int) -> Int {
    var root = element
    while parent[root] != root { root = parent[root] }
    var walk = element
    while parent[walk] != root { (walk, parent[walk]) = (parent[walk], root) }
    return root
  }

  mutating func tie(_ a: String, _ axisA: Int, _ sizeA: Int, _ first: [Int], _ b: String, _ axisB: Int, _ sizeB: Int, _ second: [Int]) {
    guard hasRoom(sizeA + sizeB) else { return }
    let x = base(a, axisA, sizeA), y = base(b, axisB, sizeB)
    for (i, j) in zip(first, second) where i < sizeA && j < sizeB {
      let p = root(x + i), q = root(y + j)
      guard p != q else { continue }
      // The smaller number stays root, so that the order of classes is that of first mention.
      let (low, high) = p < q ? (p, q) : (q, p)
      parent[high] = low
      if let reason = reasons.removeValue(forKey: high), reasons[low] == nil { reasons[low] = reason }
    }
  }

  mutating func block(_ name: String, _ axis: Int, _ size: Int, _ reason: String) {
    guard size <= Self.greatestAxis, hasRoom(size) else { return }
    let start = base(name, axis, size)
    for element in start..<(start + size) {
      let root = root(element)
      if reasons[root] == nil { reasons[root] = reason }
    }
  }

  mutating func role(_ role: ChannelRole, _ coupling: Coupling) {
    if !couplings.contains(coupling) { couplings.append(coupling) }
  }

  /// Collects the classes that some layer makes into groups of equal signature.
  mutating func groups(parameters: Set<String>) -> [ChannelGroup] {
    var roles: [Axis: ChannelRole] = [:]
    var producerRank: [Axis: Int] = [:]
    for (rank, coupling) in couplings.enumerated() {
      let key = Axis(name: coupling.parameter, axis: coupling.axis)
      // One parameter may serve several layers: what zeroes it when masked wins over what leaves it.
      if roles[key] == nil || roles[key] == .carries || coupling.role == .produces { roles[key] = coupling.role }
      if coupling.role == .produces, producerRank[key] == nil { producerRank[key] = rank }
    }

    struct Class {
      var first = Int.max
      var slices: [ParameterSlice] = []
      var values: [ChannelUnit.ValueSlice] = []
    }
    var classes: [Int: Class] = [:]
    for (key, base, size) in axes {
      var members: [Int: [Int]] = [:]
      for index in 0..<size { members[root(base + index), default: []].append(index) }
      for (root, indices) in members {
        if parameters.contains(key.name) {
          let slice = ParameterSlice(parameter: key.name, axis: key.axis, indices: indices, role: roles[key] ?? .carries)
          classes[root, default: Class()].slices.append(slice)
          if let rank = producerRank[key] {
            // Ordered by the first layer that makes the channel, then by position there.
            let order = rank << 32 | indices[0]
            classes[root]!.first = min(classes[root]!.first, order)
          }
        } else {
          classes[root, default: Class()].values.append(.init(name: key.name, axis: key.axis, indices: indices))
        }
      }
    }

    struct Signature: Hashable {
      let axes: [String]
      let blocked: String?
    }
    var order: [Signature] = []
    var units: [Signature: [ChannelUnit]] = [:]
    var slices: [Signature: [ParameterSlice]] = [:]
    for (root, found) in classes.filter({ $0.value.first < .max }).sorted(by: { $0.value.first < $1.value.first }) {
      let signature = Signature(
        axes: found.slices.map { "\($0.parameter)\u{0}\($0.axis)" }, blocked: isFull ? "the model has more channel positions than are followed" : reasons[root])
      if units[signature] == nil {
        order.append(signature)
        slices[signature] = found.slices
      }
      units[signature, default: []].append(ChannelUnit(slices: found.slices, values: found.values))
    }

    var names: [String: Int] = [:]
    return order.enumerated().map { index, signature in
      let reached = Set((slices[signature] ?? []).map { Axis(name: $0.parameter, axis: $0.axis) })
      let mine = couplings.filter { reached.contains(Axis(name: $0.parameter, axis: $0.axis)) }
      let first = mine.first { $0.role == .produces }?.layer ?? "group"
      names[first, default: 0] += 1
      let count = names[first] ?? 1
      return ChannelGroup(
        index: index, name: count == 1 ? first : "\(first).\(count)", units: units[signature] ?? [],
        producers: mine.filter { $0.role == .produces }, consumers: mine.filter { $0.role == .consumes },
        carriers: mine.filter { $0.role == .follows || $0.role == .carries }, blocked: signature.blocked)
    }
  }
}
