/// A place where one of several axes carries channels: a reshape that divides or joins axes.
struct ChannelChoice: Hashable, Sendable {
  let layer: String
  let number: Int
}

/// Union-find over (value or parameter, axis, position): which positions must vanish together, and which cannot.
struct ChannelSolver {
  struct Axis: Hashable {
    let name: String
    let axis: Int
  }
  /// An axis whose positions are followed.
  private struct Followed {
    let axis: Axis
    let base: Int
    let size: Int
  }
  /// Longer axes are no channels; their positions are not followed.
  static let greatestAxis = 1 << 18
  /// Positions of all axes together that are followed.
  private static let greatestCount = 1 << 22
  private var isFull = false
  /// The axes that are followed; nil: all.
  private let scope: Set<Axis>?
  private var places: [Axis: Int] = [:]
  /// In the order of first mention.
  private var axes: [Followed] = []
  private var parent: [Int32] = []
  /// Whether a root, and so its class, cannot be removed.
  private var isFixed: [Bool] = []
  /// Why, by root.
  private var reasons: [Int32: String] = [:]
  /// Roots of classes that reach an input or output of the model.
  private var ends: Set<Int32> = []
  /// Roots of classes that some layer makes and that cannot be removed; `freedom` finds them.
  private var held: Set<Int32> = []
  private(set) var couplings: [Coupling] = []
  private var coupled: Set<Coupling> = []
  /// Where another factor of an axis could carry the channels: how many there are, and the axes that they are of.
  private(set) var choices: [(choice: ChannelChoice, count: Int, axes: [Axis])] = []

  /// - Parameter scope: the axes that are followed, which no tie leaves; nil follows all.
  init(scope: Set<Axis>? = nil) { self.scope = scope }

  mutating func note(_ choice: ChannelChoice, _ count: Int, _ axes: [Axis]) { choices.append((choice, count, axes)) }

  /// Whether the positions of an axis are followed.
  func follows(_ name: String, _ axis: Int) -> Bool { scope?.contains(Axis(name: name, axis: axis)) ?? true }

  /// Whether one of the axes has a position that some layer makes and that cannot be removed, as `freedom` found last.
  mutating func isBlocked(_ axes: [Axis]) -> Bool {
    for axis in axes {
      guard let place = places[axis] else { continue }
      let (base, size) = (self.axes[place].base, self.axes[place].size)
      if (0..<size).contains(where: { held.contains(root(base + $0)) }) { return true }
    }
    return false
  }

  private mutating func base(_ name: String, _ axis: Int, _ size: Int) -> Int {
    let key = Axis(name: name, axis: axis)
    if let place = places[key] { return axes[place].base }
    let base = parent.count
    places[key] = axes.count
    axes.append(Followed(axis: key, base: base, size: size))
    parent.append(contentsOf: Int32(base)..<Int32(base + size))
    isFixed.append(contentsOf: repeatElement(false, count: size))
    return base
  }

  private mutating func hasRoom(_ count: Int) -> Bool {
    if parent.count + count > Self.greatestCount { isFull = true }
    return !isFull
  }

  private mutating func root(_ element: Int) -> Int32 {
    var root = Int32(element)
    while parent[Int(root)] != root { root = parent[Int(root)] }
    var walk = Int32(element)
    while parent[Int(walk)] != root { (walk, parent[Int(walk)]) = (parent[Int(walk)], root) }
    return root
  }

  mutating func tie(_ a: String, _ axisA: Int, _ sizeA: Int, _ first: some Collection<Int>, _ b: String, _ axisB: Int, _ sizeB: Int,
                    _ second: some Collection<Int>) {
    guard hasRoom(sizeA + sizeB) else { return }
    let x = base(a, axisA, sizeA), y = base(b, axisB, sizeB)
    for (i, j) in zip(first, second) where i < sizeA && j < sizeB {
      let p = root(x + i), q = root(y + j)
      guard p != q else { continue }
      // The smaller number stays root, so that the order of classes is that of first mention.
      let (low, high) = p < q ? (p, q) : (q, p)
      parent[Int(high)] = low
      if ends.remove(high) != nil { ends.insert(low) }
      guard isFixed[Int(high)] else { continue }
      isFixed[Int(low)] = true
      if let reason = reasons.removeValue(forKey: high), reasons[low] == nil { reasons[low] = reason }
    }
  }

  /// - Parameter isEnd: whether the axis is one of an input or output of the model.
  mutating func block(_ name: String, _ axis: Int, _ size: Int, _ reason: String, isEnd: Bool = false) {
    guard size <= Self.greatestAxis, follows(name, axis), hasRoom(size) else { return }
    let start = base(name, axis, size)
    for element in start..<(start + size) {
      let root = root(element)
      if isEnd { ends.insert(root) }
      if !isFixed[Int(root)] {
        isFixed[Int(root)] = true
        reasons[root] = reason
      }
    }
  }

  mutating func role(_ role: ChannelRole, _ coupling: Coupling) {
    if coupled.insert(coupling).inserted { couplings.append(coupling) }
  }

  /// How much can be removed: layers, then units. Of what cannot, how many layers reach an input or output of the model,
  /// which explains them better than what stands in between.
  mutating func freedom() -> (layers: Int, units: Int, ends: Int) {
    var layers: Set<String> = [], ending: Set<String> = [], units = 0
    /// The last axis that reached a root, and whether any did before.
    var reached = [Int32](repeating: -1, count: parent.count)
    held = []
    for (number, coupling) in couplings.enumerated() where coupling.role == .produces {
      guard let place = places[Axis(name: coupling.parameter, axis: coupling.axis)] else { continue }
      var mine = 0
      for element in axes[place].base..<(axes[place].base + axes[place].size) {
        let root = root(element)
        guard !isFixed[Int(root)] else {
          held.insert(root)
          if ends.contains(root) { ending.insert(coupling.layer) }
          continue
        }
        guard reached[Int(root)] != Int32(number) else { continue }
        mine += 1
        if reached[Int(root)] < 0 { units += 1 }
        reached[Int(root)] = Int32(number)
      }
      if mine > 1 { layers.insert(coupling.layer) }
    }
    return (layers.count, units, ending.count)
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
      let root: Int32
      /// By the first layer that makes the channel, then by position there.
      var first: Int
      /// Positions by axis, in the order of the axes.
      var members: [(axis: Int, indices: [Int])] = []
    }
    var classes: [Class] = []
    var number = [Int32](repeating: -1, count: parent.count)
    for (axis, rank) in producerRank {
      guard let place = places[axis] else { continue }
      for index in 0..<axes[place].size {
        let root = root(axes[place].base + index), order = rank << 32 | index
        let known = Int(number[Int(root)])
        if known >= 0 {
          classes[known].first = min(classes[known].first, order)
        } else {
          number[Int(root)] = Int32(classes.count)
          classes.append(Class(root: root, first: order))
        }
      }
    }
    for place in axes.indices {
      for index in 0..<axes[place].size {
        let found = Int(number[Int(root(axes[place].base + index))])
        guard found >= 0 else { continue }
        if let last = classes[found].members.indices.last, classes[found].members[last].axis == place {
          classes[found].members[last].indices.append(index)
        } else {
          classes[found].members.append((place, [index]))
        }
      }
    }

    struct Signature: Hashable {
      /// Axes of parameters.
      let axes: [Int]
      let blocked: String?
    }
    var order: [Signature] = []
    var units: [Signature: [ChannelUnit]] = [:]
    let isParameter = axes.map { parameters.contains($0.axis.name) }
    for found in classes.sorted(by: { $0.first < $1.first }) {
      let signature = Signature(
        axes: found.members.map(\.axis).filter { isParameter[$0] },
        blocked: isFull ? "the model has more channel positions than are followed" : reasons[found.root])
      if units[signature] == nil { order.append(signature) }
      var slices: [ParameterSlice] = [], values: [ChannelUnit.ValueSlice] = []
      for (place, indices) in found.members {
        let axis = axes[place].axis
        if isParameter[place] {
          slices.append(ParameterSlice(parameter: axis.name, axis: axis.axis, indices: indices, role: roles[axis] ?? .carries))
        } else {
          values.append(.init(name: axis.name, axis: axis.axis, indices: indices))
        }
      }
      units[signature, default: []].append(ChannelUnit(slices: slices, values: values))
    }

    let owners = Dictionary(grouping: couplings.indices) { Axis(name: couplings[$0].parameter, axis: couplings[$0].axis) }
    var names: [String: Int] = [:]
    return order.enumerated().map { index, signature in
      let mine = signature.axes.flatMap { owners[axes[$0].axis] ?? [] }.sorted().map { couplings[$0] }
      let first = mine.first { $0.role == .produces }?.layer ?? "group"
      names[first, default: 0] += 1
      let count = names[first] ?? 1
      return ChannelGroup(
        index: index, name: count == 1 ? first : "\(first).\(count)", units: units[signature] ?? [],
        producers: mine.filter { $0.role == .produces }, consumers: mine.filter { $0.role == .consumes },
        carriers: mine.filter { $0.role == .follows || $0.role == .carries }, blocked: signature.blocked)
    }
  }

  // MARK: Scope

  /// Returns the axes that reach, over any ties, an axis of a parameter that makes channels. Here an axis is followed as one
  /// position.
  mutating func scopeOfProducers() -> Set<Axis> {
    var wanted: Set<Int32> = []
    for coupling in couplings where coupling.role == .produces {
      if let place = places[Axis(name: coupling.parameter, axis: coupling.axis)] { wanted.insert(root(axes[place].base)) }
    }
    return Set(axes.indices.filter { wanted.contains(root(axes[$0].base)) }.map { axes[$0].axis })
  }
}
