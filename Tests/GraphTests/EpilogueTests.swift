import Graph
import Tensor
import Testing

@Suite struct EpilogueTests {
  /// What runs in one pass gives the outputs, statistics and gradients of its steps. A tap between the steps takes them apart.
  @Test(arguments: ["mobilenetv2", "resnet"]) func passesAreTheirSteps(_ name: String) throws {
    let model = try name == "resnet" ? NN.resnet(depth: 20, seed: 1) : NN.mobilenetv2(width: 0.25, dropout: 0, seed: 1)
    let norm = try #require(model.nodes.first { $0.op == "BatchNormalization" }), interpreter = try Interpreter(model)
    let x = try Tensor.randn([4, 3, 32, 32], seed: 2)
    func run(taps: [String]) throws -> [String: Tensor] {
      var leaves: [String: Tensor] = [:]
      for (name, parameter) in model.parameters where parameter.isTrainable { leaves[name] = try parameter.value.trainable().tracked() }
      let run = try interpreter.run([model.inputs[0].name: x], taps: taps, training: true, parameters: leaves)
      var result = run.statistics
      let output = try #require(run.outputs.values.first)
      result["output"] = output.detached()
      let gradients = try output.square().mean().backward()
      for (name, leaf) in leaves { result["gradient of " + name] = gradients[leaf] }
      return result
    }
    let fused = try run(taps: []), steps = try run(taps: [norm.name])
    #expect(fused.count == steps.count && fused.count > 50)
    for (name, value) in fused {
      let other = try #require(steps[name]), size = try max(1e-6, other.abs().max().item())
      #expect(try (value - other).abs().max().item() / size < 1e-3, "\(name)")
    }
  }
}
