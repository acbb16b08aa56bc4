import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// What scripted criteria and methods are handed: `layer`, `context`, `rng`.
enum ContextTypes {
  static func register(in environment: ScriptEnvironment) throws {
    try registerLayer(environment)
    try registerContext(environment)
    var random = LuaType<RandomHandle>("random source")
    random.methods = environment.declare([
      Function("rng:uniform", "A number in 0..<1", example: "rng:uniform()") { call in
        call.lua.push(try call.receiver(RandomHandle.self).source.uniform())
        return 1
      },
      Function("rng:integer", [.integer("n", in: 1...)], "An integer in 1...n", example: "rng:integer(6)") { call in
        call.lua.push(try call.receiver(RandomHandle.self).source.integer(below: call.integer(1)) + 1)
        return 1
      },
    ])
    try environment.state.register(random)
  }

  // MARK: Layers

  private static func registerLayer(_ environment: ScriptEnvironment) throws {
    typealias Property = LuaType<LayerHandle>.Property
    func tensor(_ read: @escaping (LayerView) throws -> Tensor?) -> Property {
      { handle, call in
        guard let tensor = try read(handle.layer) else { try call.push(.null); return 1 }
        try call.push(object: TensorHandle(tensor), bytes: tensor.byteCount)
        return 1
      }
    }
    func value(_ read: @escaping (LayerView) -> LuaValue) -> Property {
      { handle, call in try call.push(read(handle.layer)); return 1 }
    }
    func table(_ read: @escaping (LayerView, LuaState) throws -> LuaValue) -> Property {
      { handle, call in try call.push(read(handle.layer, call.state)); return 1 }
    }
    func handle(_ tensor: Tensor, _ state: LuaState) throws -> LuaValue {
      try state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
    }
    var type = LuaType<LayerHandle>("layer")
    type.properties = [
      ("name", value { .string($0.name) }), ("op", value { .string($0.op) }), ("weight", tensor { $0.weight }),
      ("bias", tensor { $0.bias }), ("gradient", tensor { try $0.gradient }), ("gradient_sq", tensor { try $0.gradientSquared }),
      ("gradient_abs", tensor { try $0.gradientAbsolute }),
      ("granularity", value { .string($0.granularity) }), ("units", value { .integer($0.units) }),
      ("groups", value { .integer($0.groups) }), ("group", value { $0.group.map(LuaValue.string) ?? .null }),
      ("activation", table { layer, state in
        let activation = try layer.activation
        return try Conversion.record(
          state,
          [
            "mean": handle(activation.mean, state), "mean_abs": handle(activation.meanAbsolute, state),
            "zeros": handle(activation.zeros, state),
          ])
      }),
      ("input", table { layer, state in
        let input = try layer.input
        let record = try Conversion.record(
          state, ["sq_sum": handle(input.squareSum, state), "count": .integer(input.count)])
        guard case .table(let fields) = record else { return record }
        // Read when asked for: it is large, and an error where it was not declared.
        let metatable = state.table()
        try metatable.set("__index") { call in
          guard call.string(2) == "hessian" else { try call.push(.null); return 1 }
          let hessian = try input.hessian
          try call.push(object: TensorHandle(hessian), bytes: hessian.byteCount)
          return 1
        }
        try fields.setMetatable(metatable)
        return record
      }),
      ("bn", table { layer, state in
        guard let norm = layer.batchNorm else { return .null }
        return try Conversion.record(
          state,
          [
            "name": .string(norm.name), "scale": handle(norm.scale, state), "shift": handle(norm.shift, state),
            "mean": handle(norm.mean, state), "var": handle(norm.variance, state),
          ])
      }),
    ]
    type.metamethods = [
      ("__tostring", { call in
        guard let handle: LayerHandle = call.object(1) else { throw PareError(.argument, "not a layer") }
        call.push("layer '\(handle.layer.name)': \(handle.layer.op), weight \(handle.layer.weight.shape)")
        return 1
      })
    ]
    try environment.state.register(type)
  }

  // MARK: Context

  private static func registerContext(_ environment: ScriptEnvironment) throws {
    typealias Body = (Context, LuaCall) throws -> Int
    // Functions are called with a dot: the context is bound.
    func function(_ body: @escaping Body) -> LuaType<ContextHandle>.Property {
      { handle, call in
        let context = handle.context
        try call.push(.function(call.state.function { inner in try body(context, inner) }))
        return 1
      }
    }
    func model(_ call: LuaCall, _ index: Int, _ name: String) throws -> Model {
      if let handle: ModelHandle = call.object(index) { return handle.model }
      throw PareError(
        .argument, "context.\(name): model", argument: "model", expected: "a model", got: call.brief(index),
        suggestion: call.object(index, as: ContextHandle.self) != nil ? "call it with a dot: context.\(name)(m)" : nil)
    }
    var type = LuaType<ContextHandle>("context")
    type.properties = [
      ("data", { handle, call in
        let dataset = DatasetHandle(try handle.context.data)
        dataset.isTestClosed = true
        try call.push(object: dataset)
        return 1
      }),
      ("seed", { handle, call in call.push(Int(truncatingIfNeeded: handle.context.seed)); return 1 }),
      ("rng", { handle, call in try call.push(object: RandomHandle(handle.context.rng)); return 1 }),
      ("baseline", { handle, call in
        try call.push(object: ModelHandle(handle.context.baseline), bytes: handle.context.baseline.heldBytes)
        return 1
      }),
      ("input", { handle, call in
        try call.push(object: ModelHandle(handle.context.input), bytes: handle.context.input.heldBytes)
        return 1
      }),
      ("evaluate", function { context, call in
        try call.push(Tables.evaluation(context.evaluate(model(call, 1, "evaluate")), call.state))
        return 1
      }),
      ("calibrate", function { context, call in
        let layers = try context.calibrate(model(call, 1, "calibrate"), call.integer(2) ?? 512)
        let table = try Conversion.list(layers, call.state) { try call.state.value(object: LayerHandle($0)) }
        for layer in layers { try table.set(layer.name, call.state.value(object: LayerHandle(layer))) }
        try call.push(.table(table))
        return 1
      }),
      ("log", function { context, call in
        context.log(try call.state.describe(call.value(1)))
        return 0
      }),
      ("skip", function { context, call in
        context.skip(call.string(1) ?? "", call.string(2) ?? "")
        return 0
      }),
      ("progress", function { context, call in
        context.progress(call.integer(1) ?? 0, call.integer(2) ?? 1)
        return 0
      }),
      ("cancelled", function { context, call in call.push(context.isCancelled); return 1 }),
    ]
    try environment.state.register(type)
  }
}
