import Compression
import Formats
import Graph
import LuaBridge
import OrderedCollections
import Runtime
import Support
import Tensor
import Training

/// Models in Lua: `model.load`, methods, `m.parameters`, `m(x)`.
enum ModelType {
  static func register(in environment: ScriptEnvironment) throws {
    var type = LuaType<ModelHandle>("model")
    type.methods = environment.declare(methods + ModelPictures.methods + edits)
    type.properties = [
      ("parameters", { handle, call in try call.push(object: ParametersHandle(handle)); return 1 }),
      ("inputs", { handle, call in try call.push(Conversion.strings(handle.model.inputs.map(\.name), call.state)); return 1 }),
      ("outputs", { handle, call in try call.push(Conversion.strings(handle.model.outputs.map(\.name), call.state)); return 1 }),
    ]
    type.metamethods = [
      ("__tostring", { call in call.push(try receiver(call).model.summary()); return 1 }),
      ("__call", { [unowned environment] call in
        try forward(receiver(call), call, 2, environment)
      }),
      ("__concat", Text.concat), ("__eq", { call in
        guard let a: ModelHandle = call.object(1), let b: ModelHandle = call.object(2) else { call.push(false); return 1 }
        call.push(try a.model.hash() == b.model.hash())
        return 1
      }),
    ]
    try environment.state.register(type)

    var parameters = LuaType<ParametersHandle>("parameters")
    parameters.index = { handle, call in
      guard let name = call.string(2) else { return nil }
      let tensor = try handle.owner.parameter(name)
      try call.push(object: TensorHandle(tensor), bytes: tensor.byteCount)
      return 1
    }
    parameters.metamethods = [
      ("__newindex", { call in
        let name = call.string(2)
        throw PareError(
          .argument, "a model is a value: its parameters are not assigned to", argument: name,
          suggestion: "m = m:with{[\"\(name ?? "conv1.weight")\"] = w} gives a new model")
      }),
      ("__len", { call in call.push(try names(call).count); return 1 }),
      ("__tostring", { call in call.push("parameters: " + (try names(call).joined(separator: ", "))); return 1 }),
      ("__pairs", { call in
        guard let handle: ParametersHandle = call.object(1) else { throw PareError(.argument, "not a model's parameters") }
        let names = Array(handle.owner.model.parameters.keys)
        var position = 0
        try call.push(.function(call.state.function { inner in
          guard position < names.count else { try inner.push(.null); return 1 }
          let tensor = try handle.owner.parameter(names[position])
          inner.push(names[position])
          try inner.push(object: TensorHandle(tensor), bytes: tensor.byteCount)
          position += 1
          return 2
        }))
        call.push(argument: 1)
        try call.push(.null)
        return 3
      }),
    ]
    try environment.state.register(parameters)
  }

  private static func names(_ call: LuaCall) throws -> [String] {
    guard let handle: ParametersHandle = call.object(1) else { throw PareError(.argument, "not a model's parameters") }
    return Array(handle.owner.model.parameters.keys)
  }

  private static func receiver(_ call: LuaCall) throws -> ModelHandle {
    guard let handle: ModelHandle = call.object(1) else {
      throw PareError(.argument, "not a model, or closed", got: call.typeName(1))
    }
    return handle
  }

  // MARK: Running

  /// Inputs: a tensor for the one input, or a table by name.
  static func inputs(_ call: LuaCall, _ index: Int, of model: Model, in name: String) throws -> [String: Tensor] {
    if let handle: TensorHandle = call.object(index) {
      guard let input = model.inputs.first, model.inputs.count == 1 else {
        throw PareError(
          .argument, "\(name): the model has \(model.inputs.count) inputs", argument: "x",
          expected: "a table {\(model.inputs.map { "\($0.name)=" }.joined(separator: ", "))}", got: "a tensor")
      }
      return [input.name: handle.value]
    }
    guard let table = call.table(index) else {
      throw PareError(.argument, "\(name): input", argument: "x", expected: "a tensor or a table by name", got: call.brief(index))
    }
    var inputs: [String: Tensor] = [:]
    for (key, value) in try table.fields {
      guard case .object(let object) = value, let handle = try object.object(as: TensorHandle.self) else {
        throw PareError(.argument, "\(name): input '\(key)'", argument: key, expected: "a tensor", got: value.typeName)
      }
      inputs[key] = handle.value
    }
    return inputs
  }

  /// Pushes the one output, or a table by name.
  static func push(_ outputs: [String: Tensor], _ call: LuaCall) throws {
    if outputs.count == 1, let only = outputs.values.first {
      try call.push(object: TensorHandle(only), bytes: only.byteCount)
    } else {
      try call.push(table(outputs, call.state))
    }
  }

  static func table(_ tensors: [String: Tensor], _ state: LuaState) throws -> LuaValue {
    let table = state.table()
    for (name, tensor) in tensors {
      try table.set(name, state.value(object: TensorHandle(tensor), bytes: tensor.byteCount))
    }
    return .table(table)
  }

  static func forward(_ handle: ModelHandle, _ call: LuaCall, _ index: Int, _ environment: ScriptEnvironment) throws -> Int {
    let model = handle.model
    let inputs = try inputs(call, index, of: model, in: "m(x)")
    var taps: [String] = []
    if let table = call.table(index + 1) {
      for (key, value) in try table.fields {
        guard key == "taps", case .table(let list) = value else {
          throw PareError(
            .argument, "unknown parameter '\(key)' for m:forward", argument: key,
            suggestion: Suggestion.didYouMean(key, among: ["taps"]) ?? "it takes taps={...}")
        }
        taps = try list.list.map { item in
          switch item {
          case .string(let name): return name
          case .integer(let index):
            return try model.nodes[Axis.position(index, rank: model.nodes.count, in: "m:forward", what: "layer")].name
          default:
            throw PareError(
              .argument, "m:forward: taps", argument: "taps", expected: "a list of layers by name or position", got: item.typeName)
          }
        }
      }
    } else if !call.isNone(index + 1) {
      throw PareError(.argument, "m:forward: options", expected: "a table {taps={...}}", got: call.brief(index + 1))
    }
    let execution = try handle.run(inputs, taps: taps)
    try push(execution.outputs, call)
    guard !taps.isEmpty else { return 1 }
    try call.push(table(execution.taps, call.state))
    return 2
  }

  // MARK: Methods

  private static var methods: [Function] {
    [
      Function(
        "m:forward", [.tensor("x")], options: [.list("taps", optional: true, doc: "Layers whose first output is returned too")],
        "Runs the model; the second result holds the tapped values", example: "y, taps = m:forward(x, {taps={\"layer3\"}})"
      ) { call in try forward(call.receiver(), call.lua, 2, call.environment) },
      Function("m:layers", "One row for each layer", example: "m:layers()[1].shape") { call in
        let model = try call.receiver(ModelHandle.self).model
        return try call.push(.table(Conversion.list(model.layers(), call.state) { try row($0, call.state) }))
      },
      Function("m:cost", "Parameters, nonzeros, multiply-accumulates at batch 1 and bytes in a .pare", example: "m:cost().macs") { call in
        try call.push(Tables.cost(call.receiver(ModelHandle.self).model.cost(), call.state))
      },
      Function("m:ledger", "What was done to the model, step by step") { call in
        let model = try call.receiver(ModelHandle.self).model
        return try call.push(.table(Conversion.list(model.ledger, call.state) { try Tables.ledger($0, call.state) }))
      },
      Function("m:groups", "The channels that must be removed together", example: "print(m:groups()[1])") { call in
        let model = try call.receiver(ModelHandle.self).model
        return try call.push(.table(Conversion.list(model.groups(), call.state) { try Tables.group($0, call.state) }))
      },
      Function("m:why", [.string("layer")], "Which group a layer's channels belong to, and what goes with them", example: "print(m:why(\"conv2\"))") { call in
        let model = try call.receiver(ModelHandle.self).model
        call.lua.push(try model.why(call.layer(1, of: model)))
        return 1
      },
      Function("m:hash", "A hash of the whole model") { call in
        call.lua.push(try call.receiver(ModelHandle.self).model.hash())
        return 1
      },
      Function(
        "m:save", [.string("path", doc: ".onnx, .pare or .safetensors")],
        options: [
          .choice("profile", among: ["standard", "tensorrt"], optional: true, doc: "Of .onnx"),
          .boolean("sparse_initializer", default: false, doc: "Of .onnx: sparse weights as sparse_initializer"),
          .boolean("encode", default: false, doc: "Of .pare: entropy-coded parameters"),
        ], "Writes the model", example: "m:save(\"out.onnx\")"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        let options = try call.options()
        let path = try call.environment.writable(call.string(1))
        try ModelFile.save(
          model, to: path,
          SaveOptions(
            profile: options.optionalString("profile"), sparseInitializer: options.boolean("sparse_initializer"),
            encode: options.boolean("encode")))
        return 0
      },
      Function("m:diff", [.model("other")], "What differs between two models, layer by layer", example: "print(m:diff(m2))") { call in
        let a = try call.receiver(ModelHandle.self).model
        return try call.push(Comparison.diff(a, call.model(1), call.state))
      },
      Function(
        "m:compile",
        options: compileOptions, style: .table, "Compiles the model for inference", example: "s = m:compile{threads=2}"
      ) { call in try push(compiled: call.receiver(ModelHandle.self).model, call, call.options(at: 1)) },
      Function(
        "m:gradients", [.function("loss", doc: "function(m) return loss end")],
        options: [.boolean("training", default: false, doc: "Batch statistics and dropout in force"), .integer("seed", default: 0, in: 0...)],
        "A loss, its gradient for each parameter, and with training=true the new running statistics", example: "loss, grads = m:gradients(function(m) return loss_of(m(x)) end)"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        let body = try call.function(1)
        let options = try call.options()
        let state = call.state
        var statistics: [String: Tensor] = [:]
        let training = try options.boolean("training")
        let (loss, found) = try gradients(
          of: model, training: training, seed: UInt64(options.integer("seed"))
        ) { tracked in
          let handle = ModelHandle(tracked.model)
          handle.tracked = tracked
          let results = try state.call(body, [state.value(object: handle)])
          statistics = tracked.statistics
          return try TensorMethods.tensor(results.first ?? .null, "the loss of m:gradients")
        }
        _ = try call.push(loss)
        try call.lua.push(table(found, state))
        guard training else { return 2 }
        try call.lua.push(table(statistics, state))
        return 3
      },
    ]
  }

  private static let compileOptions: [ParameterSpec] = [
    .integer("threads", in: 1...256, optional: true, doc: "Default: tensor.threads()"),
    .integer("batch", default: 1, in: 1..., doc: "Stands for a free first axis"),
    .choice("precision", among: Session.Precision.allCases.map(\.rawValue), optional: true, doc: "Of f32 layers; default: f32"),
    .string("table", default: "built-in", doc: "The break-even table, by its hash"),
  ]

  private static func push(compiled model: Model, _ call: Call, _ options: Arguments) throws -> Int {
    let session = try Session(
      model, threads: options.optionalInteger("threads"), batch: options.integer("batch"),
      precision: options.optionalString("precision").flatMap(Session.Precision.init) ?? .f32,
      table: BreakEvenTable.load(options.string("table")))
    try call.lua.push(object: SessionHandle(session, model), bytes: model.heldBytes)
    return 1
  }

  private static func row(_ layer: Layer, _ state: LuaState) throws -> LuaValue {
    try Conversion.record(
      state,
      [
        "index": .integer(layer.index + 1), "name": .string(layer.name), "op": .string(layer.op),
        "inputs": Conversion.strings(layer.inputs, state), "outputs": Conversion.strings(layer.outputs, state),
        "parameter_names": Conversion.strings(layer.parameterNames, state), "parameters": .integer(layer.parameters),
        "nonzeros": .integer(layer.nonzeros), "macs": .integer(layer.macs), "bytes": .integer(layer.bytes),
        "shape": .table(Conversion.list(layer.shape, state) { dimension in
          switch dimension {
          case .fixed(let size): .integer(size)
          case .symbol(let name): .string(name)
          }
        }),
        "representation": .string(layer.representation), "group": layer.group.map(LuaValue.string),
        "origin": layer.origin.map(LuaValue.string),
      ])
  }

  // MARK: Edits

  private static var edits: [Function] {
    [
      Function("m:with", [.table("values", doc: "Tensors by parameter name")], "The model with other parameters", example: "m2 = m:with{[\"conv1.weight\"] = w * 2}") { call in
        let model = try call.receiver(ModelHandle.self).model
        var values: [String: Tensor] = [:]
        for (name, value) in try call.table(1).fields {
          guard case .object(let object) = value, let handle = try object.object(as: TensorHandle.self) else {
            throw PareError(.argument, "m:with: '\(name)'", argument: name, expected: "a tensor", got: value.typeName)
          }
          values[name] = handle.value
        }
        return try call.push(model.with(values))
      },
      Function("m:replace", [.string("layer"), .table("module")], "The model with another module in a layer's place", example: "m:replace(\"fc\", nn.linear{in_features=64, out_features=5})") { call in
        let model = try call.receiver(ModelHandle.self).model
        return try call.push(model.replacing(layer: call.layer(1, of: model), with: module(call, 2)))
      },
      Function("m:append", [.table("module")], options: [.integer("seed", default: 0, in: 0...)], "The model with a module behind its output", example: "m:append(nn.linear{in_features=64, out_features=3})") { call in
        let model = try call.receiver(ModelHandle.self).model
        return try call.push(model.appending(module(call, 1), seed: UInt64(call.options().integer("seed"))))
      },
      Function(
        "m:cut", options: [.string("from", optional: true), .string("to", optional: true)], style: .table,
        "The layers from one to another, both included", example: "m:cut{from=\"conv2\", to=\"fc\"}"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        let (_, ends) = try call.options(raw: ["from", "to"], at: 1)
        func end(_ name: String) throws -> String? {
          switch ends[name] {
          case nil: return nil
          case .string(let layer)?: return layer
          case .integer(let index)?:
            return try model.nodes[Axis.position(index, rank: model.nodes.count, in: "m:cut", what: "layer")].name
          case let other?:
            throw PareError(.argument, "m:cut: \(name)", argument: name, expected: "a layer's name or position", got: other.typeName)
          }
        }
        return try call.push(model.cut(from: end("from"), to: end("to")))
      },
      Function("m:rename", [.table("names", doc: "new names by old name")], "The model with layers renamed", example: "m:rename{linear1=\"head\"}") { call in
        let model = try call.receiver(ModelHandle.self).model
        var names: [String: String] = [:]
        for (old, value) in try call.table(1).fields {
          guard case .string(let new) = value else {
            throw PareError(.argument, "m:rename: '\(old)'", argument: old, expected: "a string", got: value.typeName)
          }
          names[old] = new
        }
        return try call.push(model.renaming(names))
      },
      Function(
        "m:load_parameters", [.string("path", doc: "A .safetensors file")],
        options: [.boolean("strict", default: true, doc: "Anything missing, unexpected or mismatched is an error")],
        "The model with a file's parameters, and a report", example: "m, report = m:load_parameters(\"x.safetensors\")"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        let path = try call.environment.readable(call.string(1))
        let (loaded, report) = try model.loading(Safetensors.load(path), strict: call.options().boolean("strict"))
        _ = try call.push(loaded)
        try call.lua.push(Conversion.record(
          call.state,
          [
            "missing": Conversion.strings(report.missing, call.state),
            "unexpected": Conversion.strings(report.unexpected, call.state),
            "mismatched": Conversion.strings(report.mismatched, call.state),
          ]))
        return 2
      },
    ]
  }

  static func module(_ call: Call, _ index: Int) throws -> Module {
    if let module = try NNFunctions.module(in: call.value(index)) { return module }
    throw call.refused(index, expected: "a module such as nn.relu()")
  }

  /// The functions of the global `model`.
  static var functions: [Function] {
    [
      Function("model.load", [.string("path", doc: ".onnx or .pare")], "Reads a model", example: "m = model.load(\"net.onnx\")") { call in
        try call.push(ModelFile.load(call.environment.readable(call.string(1))))
      },
      Function(
        "model.compile", [.string("path", doc: ".onnx or .pare")], options: compileOptions,
        "Compiles the model in a file for inference; holds its weights once, as the kernels want them", example: "s = model.compile(\"net.onnx\", {threads=2})"
      ) { call in try push(compiled: ModelFile.open(call.environment.readable(call.string(1))), call, call.options()) },
    ]
  }

  static let compare = Function(
    "compare", [.model("models")], variadic: true, "Models side by side: parameters, nonzeros, MACs, bytes",
    example: "print(compare(m, m2))"
  ) { call in
    let models = try (1..<(max(1, call.count) + 1)).map { try call.model($0) }
    return try call.push(Comparison.table(models, call.state))
  }
}

extension ModelHandle {
  /// Runs the model, tracked inside `m:gradients`.
  func run(_ inputs: [String: Tensor], taps: [String]) throws -> Execution {
    if let tracked { return try tracked.run(inputs, taps: taps) }
    return try interpreter.get().run(inputs, taps: taps)
  }

  /// A dense view of a parameter, tracked inside `m:gradients`.
  func parameter(_ name: String) throws -> Tensor {
    if let tracked, model.parameters[name] != nil { return try tracked.parameter(name) }
    return try model.tensor(named: name)
  }
}
