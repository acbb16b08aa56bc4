import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// `nn.*`: layers, ways to put them together, networks from papers.
enum NNFunctions {
  static func register(in environment: ScriptEnvironment) throws {
    var module = LuaType<ModuleHandle>("module")
    module.methods = environment.declare([
      Function("module:with", [.table("values", doc: "Tensors by name: weight, bias")], "The layer with given parameters", example: "nn.linear{in_features=2, out_features=2}:with{weight=tensor{{1,0},{0,1}}}") { call in
        let handle: ModuleHandle = try call.receiver()
        var values: [String: Tensor] = [:]
        for (name, value) in try call.table(1).fields { values[name] = try TensorMethods.tensor(value, "module:with: \(name)") }
        try call.lua.push(object: ModuleHandle(handle.module.with(values)))
        return 1
      }
    ])
    module.metamethods = [
      ("__call", { call in
        guard let handle: ModuleHandle = call.object(1) else { throw PareError(.argument, "not a module") }
        return try apply(handle.module, call, from: 2)
      }),
      ("__tostring", { call in
        guard let handle: ModuleHandle = call.object(1) else { throw PareError(.argument, "not a module") }
        call.push("module: nn.\(handle.module.constructor)" + (handle.module.name.map { " '\($0)'" } ?? ""))
        return 1
      }),
    ]
    try environment.state.register(module)

    var value = LuaType<GraphValueHandle>("graph value")
    value.methods = environment.declare(valueMethods)
    func binary(_ module: @escaping () -> Module) -> LuaBody {
      { call in
        guard let a: GraphValueHandle = call.object(1), let b: GraphValueHandle = call.object(2) else {
          throw PareError(
            .argument, "arithmetic on a graph value", expected: "two graph values", got: "\(call.typeName(1)) and \(call.typeName(2))")
        }
        try call.push(object: GraphValueHandle(module()([a.value, b.value])))
        return 1
      }
    }
    value.metamethods = [
      ("__add", binary { NN.add() }), ("__mul", binary { NN.mul() }),
      ("__tostring", { call in
        guard let handle: GraphValueHandle = call.object(1) else { throw PareError(.argument, "not a graph value") }
        call.push("graph value '\(handle.value.name)'")
        return 1
      }),
    ]
    try environment.state.register(value)
  }

  /// Applies a module to graph values given one by one or as a list.
  private static func apply(_ module: Module, _ call: LuaCall, from first: Int) throws -> Int {
    var values: [GraphValue] = []
    func add(_ value: LuaValue) throws {
      guard case .object(let object) = value, let handle = try object.object(as: GraphValueHandle.self) else {
        throw PareError(
          .argument, "nn.\(module.constructor) is applied to values of nn.graph", expected: "a graph value",
          got: value.typeName, suggestion: "tensors go through a model: nn.sequential{...}(x)")
      }
      values.append(handle.value)
    }
    if let table = call.table(first) {
      for value in try table.list { try add(value) }
    } else {
      for index in first..<max(first, call.count + 1) { try add(call.value(index)) }
    }
    try call.push(object: GraphValueHandle(module(values)))
    return 1
  }

  // MARK: Layers

  private static let name = ParameterSpec.string("name", optional: true, doc: "The layer's name; numbered when absent")
  private static let pairs: Set<String> = ["kernel", "stride", "padding", "dilation", "output_padding"]

  static func layer(
    _ key: String, _ options: [ParameterSpec], _ summary: String, example: String = "",
    _ make: @escaping (Arguments, [String: LuaValue], String?) throws -> Module
  ) -> Function {
    let all = options + [name]
    return Function("nn." + key, options: all, style: .table, summary, example: example) { call in
      // `nn.relu(x)`: applied at once.
      if call.handle(1, GraphValueHandle.self) != nil {
        return try apply(make(Arguments(call.function.entry), [:], nil), call.lua, from: 1)
      }
      let (arguments, raw) = try call.options(raw: pairs.intersection(all.map(\.name)))
      try call.lua.push(object: ModuleHandle(make(arguments, raw, arguments.optionalString("name"))))
      return 1
    }
  }

  /// One number for both axes, or a list of two.
  private static func pair(_ raw: [String: LuaValue], _ name: String, _ constructor: String) throws -> [Int]? {
    func integer(_ value: LuaValue) -> Int? {
      switch value {
      case .integer(let value): value
      case .number(let value): Int(exactly: value)
      default: nil
      }
    }
    guard let value = raw[name] else { return nil }
    if let one = integer(value) { return [one, one] }
    if case .table(let table) = value {
      let sizes = try table.list.compactMap(integer)
      if sizes.count == 2, try table.count == 2 { return sizes }
    }
    throw PareError(
      .argument, "nn.\(constructor): \(name)", argument: name, expected: "an integer or a list of two", got: value.typeName)
  }

  private static func required(_ raw: [String: LuaValue], _ name: String, _ constructor: String) throws -> [Int] {
    if let value = try pair(raw, name, constructor) { return value }
    throw PareError(
      .argument, "nn.\(constructor) needs the parameter '\(name)'", argument: name, expected: "an integer or a list of two")
  }

  private static func size(_ name: String, _ doc: String) -> ParameterSpec { .integer(name, in: 1..., doc: doc) }
  private static func pairSpec(_ name: String, _ doc: String, optional: Bool = true) -> ParameterSpec {
    .integer(name, optional: optional, doc: doc + "; one number or {height, width}")
  }

  static var all: [Function] { layers + activations + networks }

  private static var layers: [Function] {
    [
      layer(
        "conv2d",
        [
          size("in_channels", "Channels of the input"), size("out_channels", "Channels of the output"),
          pairSpec("kernel", "Size of the kernel", optional: false), pairSpec("stride", "Step, default 1"),
          pairSpec("padding", "Zeros on each side, default 0"), pairSpec("dilation", "Distance of taps, default 1"),
          .integer("groups", default: 1, in: 1..., doc: "Groups of channels"), .boolean("bias", default: true),
        ], "2-D convolution", example: "nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name=\"conv1\"}"
      ) { options, raw, name in
        try NN.conv2d(
          inChannels: options.integer("in_channels"), outChannels: options.integer("out_channels"),
          kernel: required(raw, "kernel", "conv2d"), stride: pair(raw, "stride", "conv2d") ?? [1, 1],
          padding: pair(raw, "padding", "conv2d") ?? [0, 0], dilation: pair(raw, "dilation", "conv2d") ?? [1, 1],
          groups: options.integer("groups"), bias: options.boolean("bias"), name: name)
      },
      layer(
        "linear", [size("in_features", "Width of the input"), size("out_features", "Width of the output"), .boolean("bias", default: true)],
        "Linear layer: maps the last axis of [N, in] or [N, .., in]", example: "nn.linear{in_features=128, out_features=10}"
      ) { options, _, name in
        try NN.linear(
          inFeatures: options.integer("in_features"), outFeatures: options.integer("out_features"),
          bias: options.boolean("bias"), name: name)
      },
      layer("batchnorm2d", norm, "Batch normalization of images", example: "nn.batchnorm2d{channels=8}") { options, _, name in
        try NN.batchnorm2d(
          channels: options.integer("channels"), epsilon: options.number("epsilon"), momentum: options.number("momentum"), name: name)
      },
      layer("batchnorm1d", norm, "Batch normalization of vectors", example: "nn.batchnorm1d{channels=8}") { options, _, name in
        try NN.batchnorm1d(
          channels: options.integer("channels"), epsilon: options.number("epsilon"), momentum: options.number("momentum"), name: name)
      },
      layer("maxpool2d", pool, "Largest value in a window", example: "nn.maxpool2d{kernel=2}") { options, raw, name in
        try NN.maxpool2d(
          kernel: required(raw, "kernel", "maxpool2d"), stride: pair(raw, "stride", "maxpool2d"),
          padding: pair(raw, "padding", "maxpool2d") ?? [0, 0], ceil: options.boolean("ceil"), name: name)
      },
      layer(
        "avgpool2d", pool + [.boolean("count_include_pad", default: true)], "Mean of a window", example: "nn.avgpool2d{kernel=2}"
      ) { options, raw, name in
        try NN.avgpool2d(
          kernel: required(raw, "kernel", "avgpool2d"), stride: pair(raw, "stride", "avgpool2d"),
          padding: pair(raw, "padding", "avgpool2d") ?? [0, 0], ceil: options.boolean("ceil"),
          countIncludePad: options.boolean("count_include_pad"), name: name)
      },
      layer("dropout", [.number("p", default: 0.5, in: 0..<1, doc: "Share that is zeroed in training")], "Dropout", example: "nn.dropout{p=0.5}") { options, _, name in
        try NN.dropout(ratio: options.number("p"), name: name)
      },
      layer("reshape", [.list("shape", doc: "Sizes without the batch; one may be -1")], "Another shape for each sample", example: "nn.reshape{shape={8, 4, 4}}") { options, _, name in
        let sizes = try options.list("shape").map { value in
          guard let size = value.asInteger else {
            throw PareError(.argument, "nn.reshape: shape", argument: "shape", expected: "integers", got: value.brief)
          }
          return size
        }
        return try NN.reshape(sizes, name: name)
      },
      Function("nn.concat", [.list("values", optional: true)], "Values side by side along the channels", example: "nn.concat{a, b}") { call in
        guard call.lua.isTable(1) else {
          try call.lua.push(object: ModuleHandle(NN.concat()))
          return 1
        }
        return try apply(NN.concat(), call.lua, from: 1)
      },
    ]
  }

  private static let norm: [ParameterSpec] = [
    size("channels", "Channels of the input"), .number("epsilon", default: 1e-5, in: 0...1),
    .number("momentum", default: 0.1, in: 0...1, doc: "Share of the new batch in the running statistics"),
  ]
  private static let pool: [ParameterSpec] = [
    pairSpec("kernel", "Size of the window", optional: false), pairSpec("stride", "Step, default the kernel's size"),
    pairSpec("padding", "Padding on each side, default 0"), .boolean("ceil", default: false, doc: "Rounds sizes up"),
  ]

  private static var activations: [Function] {
    let axis = ParameterSpec.integer("axis", default: -1, doc: "From 1 with the batch as 1, or from the end")
    func position(_ options: Arguments) throws -> Int {
      let axis = try options.integer("axis")
      return axis > 0 ? axis - 1 : axis
    }
    return [
      layer("relu", [], "Negative values become 0", example: "nn.relu()") { _, _, name in NN.relu(name: name) },
      layer("relu6", [], "min(max(x, 0), 6)") { _, _, name in NN.relu6(name: name) },
      layer("sigmoid", [], "1 / (1 + e^-x)") { _, _, name in NN.sigmoid(name: name) },
      layer("tanh", [], "Hyperbolic tangent") { _, _, name in NN.tanh(name: name) },
      layer("hardswish", [], "x * clip(x / 6 + 0.5, 0, 1)") { _, _, name in NN.hardswish(name: name) },
      layer("identity", [], "The value itself") { _, _, name in NN.identity(name: name) },
      layer("leaky_relu", [.number("slope", default: 0.01)], "Negative values times a slope") { options, _, name in
        try NN.leakyReLU(slope: options.number("slope"), name: name)
      },
      layer("gelu", [.boolean("approximate", default: false, doc: "By tanh")], "Gaussian error linear unit") { options, _, name in
        try NN.gelu(approximate: options.boolean("approximate"), name: name)
      },
      layer("softmax", [axis], "Softmax") { options, _, name in try NN.softmax(axis: position(options), name: name) },
      layer("log_softmax", [axis], "Logarithm of the softmax") { options, _, name in
        try NN.logSoftmax(axis: position(options), name: name)
      },
      layer(
        "embedding", [.integer("num_embeddings", in: 1..., doc: "Rows"), .integer("embedding_dim", in: 1..., doc: "Width of a row")],
        "Rows of a table by 0-based number", example: "nn.embedding{num_embeddings=1000, embedding_dim=64}"
      ) { options, _, name in
        try NN.embedding(count: options.integer("num_embeddings"), width: options.integer("embedding_dim"), name: name)
      },
      layer("global_avgpool", [], "Mean over all positions") { _, _, name in NN.globalAvgpool(name: name) },
      layer("flatten", [], "All axes but the batch joined", example: "nn.flatten()") { _, _, name in NN.flatten(name: name) },
    ]
  }

  private static var valueMethods: [Function] {
    func method(_ key: String, _ summary: String, _ module: @escaping () -> Module) -> Function {
      Function("v:" + key, summary, example: "v:\(key)()") { call in
        let handle: GraphValueHandle = try call.receiver()
        try call.lua.push(object: GraphValueHandle(module()(handle.value)))
        return 1
      }
    }
    return [
      method("relu", "nn.relu applied to this value") { NN.relu() },
      method("relu6", "nn.relu6 applied to this value") { NN.relu6() }, method("sigmoid", "nn.sigmoid applied to this value") { NN.sigmoid() },
      method("tanh", "nn.tanh applied to this value") { NN.tanh() }, method("gelu", "nn.gelu applied to this value") { NN.gelu() },
      method("hardswish", "nn.hardswish applied to this value") { NN.hardswish() },
      method("softmax", "nn.softmax applied to this value") { NN.softmax() },
      method("flatten", "nn.flatten applied to this value") { NN.flatten() },
    ]
  }

  // MARK: Putting layers together

  private static let seed = ParameterSpec.integer("seed", default: 0, in: 0..., doc: "Weights are drawn from it and the layers' names")
  private static let input = ParameterSpec.list("input", optional: true, doc: "Sizes without the batch")

  private static func sizes(_ value: LuaValue?, _ name: String) throws -> [Int]? {
    guard let value else { return nil }
    guard case .table(let table) = value else {
      throw PareError(.argument, "\(name): input", argument: "input", expected: "a list of sizes", got: value.typeName)
    }
    return try table.list.map { item in
      switch item {
      case .integer(let size): return size
      case .number(let size) where Int(exactly: size) != nil: return Int(size)
      default: throw PareError(.argument, "\(name): input", argument: "input", expected: "a list of sizes", got: item.typeName)
      }
    }
  }

  private static var networks: [Function] {
    [
      Function(
        "nn.sequential", options: [input, seed], style: .table, "A model of layers in a row",
        example: "nn.sequential{ nn.flatten(), nn.linear{in_features=64, out_features=10}, input={1,8,8}, seed=0 }", sequential),
      Function(
        "nn.graph",
        [.function("f", doc: "function(x) return y end; several inputs are several arguments, several results several outputs")],
        options: [
          .list("input", optional: true,
            doc: "Sizes without the batch; of several inputs a list of those, or a table by name in the order of names"), seed,
        ], "A model of any wiring", example: "nn.graph(function(x) return nn.relu()(x) + x end, {input={3,8,8}})", graph),
      Function("nn.lenet5", options: [.integer("classes", default: 10, in: 1...), seed], style: .table, "LeNet-5 on 28x28") { call in
        let options = try call.options()
        return try call.push(NN.lenet5(classes: options.integer("classes"), seed: UInt64(options.integer("seed"))))
      },
      Function("nn.lenet300", options: [.integer("classes", default: 10, in: 1...), seed], style: .table, "LeNet-300-100 on 28x28") { call in
        let options = try call.options()
        return try call.push(NN.lenet300(classes: options.integer("classes"), seed: UInt64(options.integer("seed"))))
      },
      Function(
        "nn.resnet",
        options: [
          .integer("depth", in: 1..., doc: "6n+2 the CIFAR form; 18, 34, 50, 101, 152 the ImageNet form"),
          .integer("classes", default: 10, in: 1...), .choice("stem", among: ["cifar", "imagenet"], optional: true),
          .integer("width", in: 1..., optional: true, doc: "Channels of the first stage"), seed,
        ], style: .table, "Residual network", example: "nn.resnet{depth=20, classes=10}"
      ) { call in
        let options = try call.options()
        return try call.push(
          NN.resnet(
            depth: options.integer("depth"), classes: options.integer("classes"),
            stem: options.optionalString("stem").flatMap(NN.ImageStem.init(rawValue:)),
            width: options.optionalInteger("width"), seed: UInt64(options.integer("seed"))))
      },
    ] + architectures + text
  }

  private static func graph(_ call: Call) throws -> Int {
    let body = try call.function(1)
    let (options, raw) = try call.options(raw: ["input"])
    let state = call.state
    func wired(_ inputs: [GraphValue]) throws -> [GraphValue] {
      let results = try state.call(body, inputs.map { try state.value(object: GraphValueHandle($0)) })
      guard !results.isEmpty else { throw graphResult(nil) }
      return try results.map { result in
        guard case .object(let object) = result, let handle = try object.object(as: GraphValueHandle.self) else {
          throw graphResult(result)
        }
        return handle.value
      }
    }
    let seed = UInt64(try options.integer("seed"))
    if let inputs = try severalInputs(raw["input"]) { return try call.push(NN.graph(inputs: inputs, seed: seed, wired)) }
    return try call.push(NN.wired(input: sizes(raw["input"], "nn.graph"), seed: seed, wired))
  }

  private static func graphResult(_ got: LuaValue?) -> PareError {
    PareError(
      .argument, "nn.graph: the function returned no graph value", argument: "f", expected: "a graph value",
      got: got?.typeName ?? "nothing")
  }

  /// The inputs of `input={{3,8,8}, {10}}` (called input1, input2) or `input={image={3,8,8}, text={10}}`; nil where it
  /// gives the sizes of one.
  private static func severalInputs(_ value: LuaValue?) throws -> [(name: String, sizes: [Int])]? {
    guard case .table(let table)? = value else { return nil }
    let list = try table.list, fields = try table.fields
    if fields.isEmpty {
      guard case .table? = list.first else { return nil }
      return try list.enumerated().map { ("input\($0 + 1)", try sizes($1, "nn.graph: input \($0 + 1)") ?? []) }
    }
    guard list.isEmpty else {
      throw PareError(.argument, "nn.graph: input", argument: "input", expected: "sizes, a list of sizes, or sizes by name", got: "a mixture")
    }
    return try fields.map { ($0.key, try sizes($0.value, "nn.graph: input '\($0.key)'") ?? []) }
  }

  private static func sequential(_ call: Call) throws -> Int {
    let table = try call.lua.table(1).map { $0 } ?? { throw call.refused(1, expected: "a table of layers") }()
    var modules: [Module] = []
    for (index, item) in try table.list.enumerated() {
      guard let module = try module(in: item) else {
        throw PareError(
          .argument, "nn.sequential: item \(index + 1)", expected: "a module such as nn.relu()", got: item.typeName,
          suggestion: item.typeName == "function" ? "call it: nn.relu()" : nil)
      }
      modules.append(module)
    }
    var seed: UInt64 = 0
    for pair in try table.pairs() {
      switch pair.key {
      case .string("input"): continue
      case .string("seed"):
        guard case .integer(let value) = pair.value, value >= 0 else {
          throw PareError(.argument, "nn.sequential: seed", argument: "seed", expected: "an integer of at least 0", got: pair.value.typeName)
        }
        seed = UInt64(value)
      case .string(let name):
        throw PareError(
          .argument, "unknown parameter '\(name)' for nn.sequential", argument: name,
          suggestion: Suggestion.didYouMean(name, among: ["input", "seed"]) ?? "it takes layers, input and seed")
      case .integer(let index) where (1...max(1, modules.count)).contains(index): continue
      default:
        throw PareError(.argument, "nn.sequential: the list of layers has a hole or a key that is no name", got: pair.key.typeName)
      }
    }
    let input = try table[key: "input"]
    let given: LuaValue? = if case .null = input { nil } else { input }
    let handle = try ModelHandle(NN.sequential(modules, input: sizes(given, "nn.sequential"), seed: seed))
    handle.module = Module(sequence: modules)
    try call.lua.push(object: handle, bytes: handle.model.heldBytes)
    return 1
  }

  /// The module in a value: a module, or the layers of an nn.sequential; nil for anything else.
  static func module(in value: LuaValue) throws -> Module? {
    guard case .object(let object) = value else { return nil }
    return try object.object(as: ModuleHandle.self)?.module ?? object.object(as: ModelHandle.self)?.module
  }
}
