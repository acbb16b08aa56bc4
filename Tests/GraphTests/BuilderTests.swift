import Graph
import Support
import Tensor
import TestSupport
import Testing

@Suite struct BuilderTests {
  @Test(arguments: [
    ("lenet5", 61_706, 416_520), ("lenet300", 266_610, 266_200), ("resnet20", 272_474, 40_813_184),
    ("resnet18", 11_689_512, 1_814_073_344), ("resnet50", 25_557_032, 4_089_184_256),
    ("mobilenetv2", 3_504_872, 300_774_272), ("vgg11", 9_231_114, 152_769_536), ("vit_b_16", 86_567_656, nil),
  ])
  func costs(_ name: String, _ parameters: Int, _ macs: Int?) throws {
    let model = switch name {
    case "lenet5": try NN.lenet5()
    case "lenet300": try NN.lenet300()
    case "resnet20": try NN.resnet(depth: 20)
    case "resnet18": try NN.resnet(depth: 18, classes: 1000)
    case "mobilenetv2": try NN.mobilenetv2(classes: 1000, stem: .imagenet)
    case "vgg11": try NN.vgg(depth: 11)
    case "vit_b_16": try NN.vit(image: 224, patch: 16, width: 768, depth: 12, heads: 12, classes: 1000)
    default: try NN.resnet(depth: 50, classes: 1000)
    }
    try model.verified()
    let cost = try model.cost()
    #expect(cost.parameters == parameters)
    if let macs { #expect(cost.macs == macs) }
    let bytes = try model.parameters.keys.reduce(0) { try $0 + model.tensor(named: $1).byteCount }
    #expect(cost.bytes == bytes)
  }

  @Test(arguments: [NN.TokenPool.cls, .mean])
  func visionTransformerLearns(_ pool: NN.TokenPool) throws {
    let model = try NN.vit(image: 8, patch: 4, width: 12, depth: 2, heads: 3, classes: 5, pool: pool)
    try model.verified()
    #expect(model.outputs[0].type.shape == [.symbol("N"), 5])
    #expect(model.parameters.keys.contains("class_token") == (pool == .cls))
    #expect(model.parameters["encoder.pos_embedding"]?.shape.dimensions == [1, pool == .cls ? 5 : 4, 12])
    var leaves: [String: Tensor] = [:]
    for (name, parameter) in model.parameters where parameter.isTrainable { leaves[name] = try model.tensor(named: name).tracked() }
    let x = try Tensor.randn([3, 3, 8, 8], seed: 1)
    let execution = try Interpreter(model).run(["input": x], training: true, parameters: leaves)
    let y = try #require(execution.outputs["output"])
    let gradients = try (y * y).sum().backward()
    for (name, leaf) in leaves { #expect(gradients[leaf] != nil, "\(name)") }
  }

  @Test func aDecoderSeesThePastAlone() throws {
    let model = try NN.gpt(vocabulary: 11, context: 6, width: 8, depth: 2, heads: 2)
    try model.verified()
    let row: [Int64] = [1, 2, 3, 4, 5, 6]
    func logits(_ row: [Int64]) throws -> [Double] {
      try #require(Interpreter(model).run(["input": Tensor(row, shape: [1, 6])]).outputs["output"]).values(as: Double.self)
    }
    let before = try logits(row), after = try logits([1, 2, 3, 9, 5, 6])
    #expect(before.count == 66)
    #expect(before[..<33] == after[..<33])
    #expect(before[33...] != after[33...])
  }

  @Test func sizesOfNetworksAreChecked() {
    #expect(throws: PareError.self) { try NN.vgg(depth: 12) }
    #expect(throws: PareError.self) { try NN.vgg(depth: 11, width: 0) }
    #expect(throws: PareError.self) { try NN.vit(image: 32, patch: 5) }
    #expect(throws: PareError.self) { try NN.vit(width: 10, heads: 3) }
    #expect(throws: PareError.self) { try NN.gpt(vocabulary: 0, context: 4) }
    #expect(throws: PareError.self) { try NN.gpt(vocabulary: 4, context: 4, width: Int.max / 2, heads: 1) }
  }

  @Test func unnamedLayersAreNumbered() throws {
    let model = try NN.sequential([
      NN.conv2d(inChannels: 1, outChannels: 2, kernel: 3, name: "conv1"), NN.batchnorm2d(channels: 2), NN.relu(),
      NN.conv2d(inChannels: 2, outChannels: 2, kernel: 1), NN.relu(name: "act"), NN.relu(),
      NN.flatten(), NN.linear(inFeatures: 72, outFeatures: 3), NN.batchnorm1d(channels: 3),
    ], input: [1, 8, 8])
    #expect(model.nodes.map(\.name) == [
      "conv1", "batchnorm1", "relu1", "conv2", "act", "relu3", "flatten1", "linear1", "batchnorm2",
    ])
    #expect(model.parameters.keys.contains("batchnorm1.running_mean"))
    #expect(model.outputs.map(\.name) == ["output"])
    #expect(model.outputs[0].type.shape == [.symbol("N"), 3])
  }

  @Test func aTakenNumberIsPassedOver() throws {
    let model = try NN.sequential([NN.relu(), NN.sigmoid(name: "relu1"), NN.relu()], input: [4])
    #expect(model.nodes.map(\.name) == ["relu2", "relu1", "relu3"])
  }

  @Test func namesMustDiffer() {
    #expect(throws: PareError.self) { try NN.sequential([NN.relu(name: "a"), NN.tanh(name: "a")], input: [4]) }
  }

  @Test func weightsDependOnSeedAndNameAlone() throws {
    func model(_ layers: [Module], seed: UInt64) throws -> Tensor {
      try NN.sequential(layers, input: [4], seed: seed).tensor(named: "fc.weight")
    }
    let fc = try NN.linear(inFeatures: 4, outFeatures: 8, name: "fc")
    let alone = try model([fc], seed: 1)
    #expect(try alone.isEqual(to: model([NN.linear(inFeatures: 4, outFeatures: 4), NN.relu(), fc], seed: 1)))
    #expect(try !alone.isEqual(to: model([fc], seed: 2)))
    #expect(try alone.abs().max().item() <= 0.5 && alone.abs().max().item() > 0.3)
  }

  @Test func missingInputSizesAreAskedFor() throws {
    let model = try NN.sequential([NN.flatten(), NN.linear(inFeatures: 4, outFeatures: 2)])
    let error = #expect(throws: PareError.self) { try model.cost() }
    #expect(error?.argument == "input")
    let known = try model.with(inputShapes: ["input": [7, 1, 2, 2]])
    #expect(known.inputs[0].type.shape == [.symbol("N"), 1, 2, 2])
    #expect(try known.cost().macs == 8)
    #expect(try model(Tensor.ones([3, 1, 2, 2])).shape == [3, 2])
  }

  /// The names and shapes of PyTorch's state dict of the CIFAR ResNet-20 (sorted lines of name and shape, hashed).
  @Test func residualNetworksHavePyTorchNames() throws {
    let model = try NN.resnet(depth: 20)
    let lines = model.parameters.values.filter(model.isState).map { "\($0.name) \($0.shape.dimensions)" }.sorted()
    var digest = SHA256()
    digest.update(lines.joined(separator: "\n"))
    #expect(lines.count == 107)
    #expect(digest.hex == "438edce0d6b66e0dfbe07551573159beaa88b5ca7c090be2ed2191e52ce8ecb2")
    let names = try NN.resnet(depth: 50).parameters.keys
    for name in ["layer1.0.conv3.weight", "layer4.2.bn3.running_var", "layer2.0.downsample.1.bias", "fc.weight"] {
      #expect(names.contains(name))
    }
  }

  @Test(arguments: [0, 7, 19, 21, -2])
  func impossibleDepthsAreRefused(_ depth: Int) {
    let error = #expect(throws: PareError.self) { try NN.resnet(depth: depth) }
    #expect(error?.argument == "depth")
  }
}
