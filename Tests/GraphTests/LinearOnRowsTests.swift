import Graph
import Support
import Tensor
import TestSupport
import Testing

/// A linear layer maps the last axis, whatever stands before it, as PyTorch's does.
@Suite struct LinearOnRowsTests {
  private func expected(_ model: Model, _ x: Tensor, _ layer: String) throws -> Tensor {
    try x.matmul(model.tensor(named: "\(layer).weight").transposed(0, 1)) + model.tensor(named: "\(layer).bias")
  }

  @Test(arguments: [[5], [5, 3]]) func lastAxisIsMapped(lead: [Int]) throws {
    let model = try NN.sequential([NN.linear(inFeatures: 4, outFeatures: 6, name: "fc")], input: lead + [4], seed: 1)
    #expect(model.nodes.map(\.op) == ["Reshape", "Gemm", "Reshape"])
    #expect(model.nodes[1].name == "fc")
    let axes = lead.map { Dimension.fixed($0) }
    #expect(model.outputs[0].type.shape == [.symbol("N")] + axes + [6])
    let x = try Tensor.randn(Shape([2] + lead + [4]), seed: 2)
    #expect(try difference(model(x), expected(model, x, "fc"), relative: 1e-6) == nil)
    #expect(try model.cost().macs == 24 * lead.reduce(1, *))
  }

  @Test func twoAxesStayOneNode() throws {
    let model = try NN.sequential([NN.linear(inFeatures: 4, outFeatures: 6)], input: [4])
    #expect(model.nodes.map(\.op) == ["Gemm"])
  }

  @Test func severalFreeSizesComeFromTheInput() throws {
    let fc = try NN.linear(inFeatures: 4, outFeatures: 2, name: "fc")
    var model = try NN.sequential([fc], seed: 1)
    model.inputs[0].type.shape = [.symbol("N"), .symbol("L"), 4]
    model = try model.linearOnRows()
    for (batch, length) in [(2, 3), (1, 7)] {
      let x = try Tensor.randn([batch, length, 4], seed: 3)
      #expect(try difference(model(x), expected(model, x, "fc"), relative: 1e-6) == nil)
    }
  }

  @Test func sizesThatComeLaterAreObeyed() throws {
    let fc = try NN.linear(inFeatures: 4, outFeatures: 6, name: "fc")
    let unknown = try NN.sequential([fc, NN.relu()], seed: 1)
    #expect(unknown.nodes.map(\.op) == ["Gemm", "Relu"])
    let known = try unknown.with(inputShapes: ["input": [1, 5, 4]])
    let x = try Tensor.randn([2, 5, 4], seed: 2)
    #expect(try difference(known(x), expected(known, x, "fc").relu(), relative: 1e-6) == nil)
  }

  @Test func featuresThatDoNotFitAreStillRefused() throws {
    let error = #expect(throws: PareError.self) {
      _ = try NN.sequential([NN.linear(inFeatures: 12, outFeatures: 2, name: "fc")], input: [3, 2, 2])
    }
    #expect(error?.code == .shape && error?.description.contains("flatten") == true)
  }

  /// The layers are ones that surgery and cuts know: the hidden channels of a mixer go, and the rest computes the same.
  @Test func hiddenChannelsAreCut() throws {
    let model = try NN.sequential([
      NN.linear(inFeatures: 4, outFeatures: 8, name: "up"), NN.relu(), NN.linear(inFeatures: 8, outFeatures: 4, name: "down"),
    ], input: [5, 4], seed: 1)
    let hidden = try #require(try model.groups().first { $0.blocked == nil && $0.layers.contains("up") })
    let selection = [UnitSelection(group: hidden.index, units: [1, 4, 5, 7])]
    let cut = try model.pruned(selection), masked = try model.masked(selection)
    #expect(cut.parameters["up.weight"]?.shape == [4, 4] && cut.parameters["down.weight"]?.shape == [4, 4])
    let x = try Tensor.randn([3, 5, 4], seed: 2)
    #expect(try difference(cut(x), masked(x), relative: 1e-5) == nil)
  }
}
