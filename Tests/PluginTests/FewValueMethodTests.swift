import PareKit
import Quantization
import TestSupport
import Testing

/// Groups, clusters, signs and thirds, as a user asks for them.
@Suite struct FewValueMethodTests {
  static let methods: [(name: String, values: [String: Value], label: String)] = [
    ("quantize", ["weights": ["bits": 4, "granularity": "group", "group": 32]], "int"),
    ("cluster", ["entries": 4], "codebook"), ("cluster", ["entries": 16], "codebook"), ("ternarize", [:], "ternary"),
    ("binarize", ["keep": ["conv1"]], "binary"), ("binarize", ["activations": true, "keep": ["conv1"]], "binary"),
  ]

  /// The session, a saved file and training keep what the method made.
  @Test(arguments: methods.indices)
  func staysThroughFileSessionAndTraining(_ index: Int) throws {
    let (name, values, label) = Self.methods[index]
    let model = try BuiltIns.apply(name, values, to: Zoo.withBatchNorm())
    #expect(try model.layer(named: "fc").representation == label)
    let x = try Tensor.randn([3, 1, 8, 8], seed: 4), expected = try model(x)
    let got = try Session(model, threads: 2, batch: 3)(x)
    let problem = try difference(got, expected, absolute: 1e-4, relative: 1e-4)
    #expect(problem == nil, "\(problem ?? "")")
    try withTemporaryFolder { folder in
      let path = folder + "/few.pare"
      try ModelFile.save(model, to: path)
      let again = try ModelFile.load(path)
      #expect(try again.hash() == model.hash())
      #expect(try again(x).isEqual(to: expected))
      try ModelFile.save(model, to: folder + "/few.onnx")
      let exported = try ModelFile.load(folder + "/few.onnx")(x)
      let problem = try difference(exported, expected, absolute: 1e-5, relative: 1e-5)
      #expect(problem == nil, "\(problem ?? "")")
    }
    #expect(try model.cost().bytes < Zoo.withBatchNorm().cost().bytes)
    let tuned = try BuiltIns.apply("finetune", ["epochs": 1, "lr": 0.1], to: model, data: Zoo.digits())
    #expect(try tuned.layer(named: "fc").representation == label)
    #expect(try tuned.weight("fc.weight").largestDifference(from: model.weight("fc.weight")) > 0)
  }

  @Test func clustersLeaveZerosAndShareValues() throws {
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.7], to: Zoo.cnn())
    let model = try BuiltIns.apply("cluster", ["entries": 8], to: pruned)
    for name in ["conv2.weight", "fc1.weight"] {
      let gone = try pruned.zeros(of: name), values = try model.weight(name).floats()
      #expect(zip(gone, values).allSatisfy { !$0 || $1 == 0 })
      #expect(Set(zip(gone, values).filter { !$0.0 }.map(\.1)).count <= 8)
    }
  }

  @Test func groupsHaveScalesOfTheirOwn() throws {
    let model = try BuiltIns.apply("quantize", ["weights": ["bits": 4, "group": 16]], to: Zoo.cnn())
    let fc = try #require(model.parameter(named: "fc1.weight").value as? IntegerRepresentation)
    #expect(fc.group == 16 && fc.scales.shape.dimensions == [24, 12])
    let plain = try BuiltIns.apply("quantize", ["weights": ["bits": 4]], to: Zoo.cnn())
    let whole = try Zoo.cnn().weight("fc1.weight")
    func error(_ model: Model) throws -> Double { try (model.weight("fc1.weight") - whole).square().sum().item() }
    #expect(try error(model) < error(plain))
    #expect(try (model.parameter(named: "conv2.weight").value as? IntegerRepresentation)?.group == nil)
  }

  @Test func refusals() throws {
    #expect(BuiltIns.code { _ = try BuiltIns.apply("cluster", ["entries": 1], to: Zoo.cnn()) } == .argument)
    #expect(BuiltIns.code { _ = try BuiltIns.apply("ternarize", ["keep": ["nothing"]], to: Zoo.cnn()) } == .notFound)
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.5], to: Zoo.cnn())
    #expect(BuiltIns.code { _ = try BuiltIns.apply("binarize", [:], to: pruned) } == .nothingChanged)
  }
}
