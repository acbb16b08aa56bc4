import Support

/// A split that keeps the share of each class.
enum StratifiedSplit {
  /// Returns the positions of `labels` in two lists, both in file order: `held` has the share `fraction` of each
  /// class, rounded so that the total is the nearest whole number; the order of draw depends on `seed` alone.
  static func split(_ labels: [Int], holding fraction: Double, seed: UInt64) -> (kept: [Int], held: [Int]) {
    var members: [Int: [Int]] = [:]
    for (position, label) in labels.enumerated() { members[label, default: []].append(position) }
    let classes = members.keys.sorted()
    var shares = classes.map { Int((Double(members[$0]?.count ?? 0) * fraction).rounded(.down)) }
    // What rounding down left over goes to the classes with the largest remainders, first ones first.
    let missing = Int((Double(labels.count) * fraction).rounded()) - shares.reduce(0, +)
    let byRemainder = classes.indices.sorted { a, b in
      let (ra, rb) = (remainder(a), remainder(b))
      return ra != rb ? ra > rb : a < b
    }
    for index in byRemainder.prefix(max(0, missing)) { shares[index] += 1 }
    func remainder(_ index: Int) -> Double {
      let exact = Double(members[classes[index]]?.count ?? 0) * fraction
      return exact - exact.rounded(.down)
    }
    var isHeld = [Bool](repeating: false, count: labels.count)
    for (label, share) in zip(classes, shares) {
      var random = RandomSource(seed: seed, name: "validation.\(label)")
      for position in (members[label] ?? []).shuffled(using: &random).prefix(share) { isHeld[position] = true }
    }
    return (labels.indices.filter { !isHeld[$0] }, labels.indices.filter { isHeld[$0] })
  }
}
