import Graph
import Support
import Tensor
import TestSupport
import Testing

/// Channels through reshapes that divide, join and regroup axes.
@Suite struct ReshapeChannelTests {
  private typealias Idiom = ChannelIdiomTests

  /// A convolution's channels through transpositions and reshapes into axes at random: what is cut computes what is masked.
  @Test func anyReshapesInARow() throws {
    var cuttable = 0
    for seed in 0..<160 {
      var random = RandomSource(seed: UInt64(seed))
      let channels = [4, 6, 8, 12][random.integer(below: 4)], height = [2, 3, 4][random.integer(below: 3)], width = [2, 3][random.integer(below: 2)]
      let total = channels * height * width
      var nodes = [Idiom.node("Conv", "a", ["x", "a.weight"])]
      var parameters = [try Idiom.weight("a.weight", [channels, 3, 1, 1])]
      var sizes = [channels, height, width], value = "a"
      for step in 0..<(random.integer(below: 3) + 1) {
        let order = Array(sizes.indices).shuffled(using: &random)
        nodes.append(Idiom.node("Transpose", "turned\(step)", [value], ["perm": .ints([0] + order.map { $0 + 1 })]))
        sizes = order.map { sizes[$0] }
        sizes = regrouped(sizes, &random)
        parameters.append(try Idiom.constant("sizes\(step)", [0] + sizes))
        nodes.append(Idiom.node("Reshape", "apart\(step)", ["turned\(step)", "sizes\(step)"]))
        value = "apart\(step)"
      }
      parameters += [try Idiom.constant("flat", [0, -1]), try Idiom.weight("b.weight", [total, 3])]
      nodes += [Idiom.node("Reshape", "row", [value, "flat"]), Idiom.node("MatMul", "y", ["row", "b.weight"])]
      let model = try Idiom.model([.symbol("N"), 3, .fixed(height), .fixed(width)], nodes, parameters)

      let free = try model.groups().filter { $0.blocked == nil && $0.units.count > 1 }
      guard !free.isEmpty else { continue }
      cuttable += 1
      let selection = free.map { group in
        let count = random.integer(below: group.units.count - 1) + 1
        return UnitSelection(group: group.index, units: Array((0..<group.units.count).shuffled(using: &random).prefix(count)))
      }
      let x = try Tensor.randn([2, 3, height, width], seed: UInt64(seed))
      let cut = try model.pruned(selection)
      #expect(try cut.parameter(named: "a.weight").shape[0] < channels, "seed \(seed)")
      #expect(try difference(cut(x), model.masked(selection)(x), relative: 1e-5) == nil, "seed \(seed): \(nodes.map(\.op)) \(sizes)")
    }
    #expect(cuttable > 120)
  }

  /// Sizes of the same product: factors in a row, joined to axes anew at random.
  private func regrouped(_ sizes: [Int], _ random: inout RandomSource) -> [Int] {
    var factors: [Int] = []
    for size in sizes {
      var rest = size
      for prime in [2, 3] {
        while rest % prime == 0 {
          factors.append(prime)
          rest /= prime
        }
      }
    }
    var result: [Int] = []
    for factor in factors {
      if let last = result.last, random.integer(below: 2) == 0 { result[result.count - 1] = last * factor } else { result.append(factor) }
    }
    return result
  }

  /// Rows of anchors of a face detector are outputs: that is the reason, not the reshape.
  @Test(arguments: [1, 4]) func anchorsOfFixedImages(_ values: Int) throws {
    let model = try Idiom.model([.symbol("N"), 3, 5, 4], [
      Idiom.node("Conv", "a", ["x", "a.weight"]), Idiom.node("Conv", "b", ["a", "b.weight"]),
      Idiom.node("Transpose", "turned", ["b"], ["perm": .ints([0, 2, 3, 1])]), Idiom.node("Reshape", "rows", ["turned", "sizes"]),
      Idiom.node("Sigmoid", "y", ["rows"]),
    ], [Idiom.weight("a.weight", [8, 3, 1, 1]), Idiom.weight("b.weight", [2 * values, 8, 1, 1]), Idiom.constant("sizes", [0, 40, values])])
    try Idiom.check(model, ["x": Tensor.randn([2, 3, 5, 4], seed: 1)], frees: ["a"])
    #expect(try model.groups().first { $0.layers.contains("b") }?.blocked == "it is the model's output 'y'")
  }

  /// Anchors that go on: values of each, regrouped with the places, are read by another layer.
  @Test func anchorsThatAreRead() throws {
    let model = try Idiom.model([.symbol("N"), 3, 5, 4], [
      Idiom.node("Conv", "a", ["x", "a.weight"]), Idiom.node("Transpose", "turned", ["a"], ["perm": .ints([0, 2, 3, 1])]),
      Idiom.node("Reshape", "rows", ["turned", "sizes"]), Idiom.node("MatMul", "y", ["rows", "b.weight"]),
    ], [Idiom.weight("a.weight", [12, 3, 1, 1]), Idiom.weight("b.weight", [6, 3]), Idiom.constant("sizes", [0, -1, 6])])
    try Idiom.check(model, ["x": Tensor.randn([2, 3, 5, 4], seed: 1)], frees: ["a"])
    let group = try #require(try model.groups().first { $0.layers.contains("a") })
    #expect(group.units.count == 6)
    #expect(group.units[1].slice(of: "a.weight", axis: 0)?.indices == [1, 7])
  }
}
