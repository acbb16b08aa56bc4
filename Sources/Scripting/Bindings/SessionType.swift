import Compression
import Graph
import LuaBridge
import Runtime
import Support
import Tensor

/// Compiled models in Lua: `s = m:compile{}`.
enum SessionType {
  static func register(in environment: ScriptEnvironment) throws {
    var type = LuaType<SessionHandle>("session")
    type.methods = environment.declare(methods)
    type.metamethods = [
      ("__call", { call in
        guard let handle: SessionHandle = call.object(1) else { throw PareError(.argument, "not a session") }
        try ModelType.push(handle.session.run(ModelType.inputs(call, 2, of: handle.model, in: "s(x)")), call)
        return 1
      }),
      ("__tostring", { call in
        guard let handle: SessionHandle = call.object(1) else { throw PareError(.argument, "not a session") }
        call.push("session: \(handle.model.nodes.count) layers, \(handle.session.threads) threads")
        return 1
      }),
    ]
    try environment.state.register(type)
  }

  private static let batch = ParameterSpec.integer("batch", optional: true, doc: "Stands for a free first axis; default: the session's")

  /// The session itself, or one of another batch.
  private static func session(_ handle: SessionHandle, _ options: Arguments) throws -> Session {
    guard let batch = try options.optionalInteger("batch"), batch != handle.session.batch else { return handle.session }
    return try Session(handle.model, threads: handle.session.threads, batch: batch)
  }

  private static let given: [ParameterSpec] = [
    .tensor("x", optional: true, doc: "The input of a model of one; default: synthetic ones"),
    .table("inputs", optional: true, doc: "Inputs by name"),
  ]

  private static func profile(_ call: Call, _ options: Arguments) throws -> [NodeProfile] {
    let handle: SessionHandle = try call.receiver()
    var inputs: [String: Tensor] = [:]
    if let x = try options.optionalTensor("x"), let only = handle.model.inputs.first { inputs[only.name] = x }
    for (name, value) in try options.optionalTable("inputs")?.fields ?? [:] {
      guard case .tensor(let tensor) = value else {
        throw PareError(.argument, "profile: input '\(name)'", argument: name, expected: "a tensor", got: "\(value)")
      }
      inputs[name] = tensor
    }
    return try session(handle, options).profile(inputs.isEmpty ? nil : inputs)
  }

  static let calibrate = Function(
    "calibrate", options: [.integer("threads", in: 1...256, optional: true), .integer("runs", default: 15, in: 1...1000)],
    style: .table, "Measures where sparse and narrow kernels are faster than dense ones here, and keeps the table by its hash",
    example: "s = m:compile{table=calibrate().hash}"
  ) { call in
    let options = try call.options(at: 1)
    let table = try BreakEvenTable.measured(threads: options.optionalInteger("threads"), runs: options.integer("runs"))
    let path = try table.save()
    return try call.push(Conversion.record(call.state, ["hash": .string(table.hash), "path": .string(path), "text": .string(table.text)]))
  }

  private static var methods: [Function] {
    [
      Function("s:run", [.tensor("x")], "Runs the compiled model", example: "y = s:run(x)") { call in
        let handle: SessionHandle = try call.receiver()
        try ModelType.push(handle.session.run(ModelType.inputs(call.lua, 2, of: handle.model, in: "s:run")), call.lua)
        return 1
      },
      Function(
        "s:benchmark", options: [batch, .integer("runs", default: 50, in: 1...1_000_000)], style: .table,
        "Times runs on synthetic inputs", example: "s:benchmark{batch=1, runs=50}.median_ms"
      ) { call in
        let handle: SessionHandle = try call.receiver()
        let options = try call.options(at: 1)
        let latency = try session(handle, options).benchmark(runs: options.integer("runs"))
        return try call.push(
          Conversion.record(
            call.state,
            [
              "median_ms": .number(latency.medianMs), "min_ms": .number(latency.minMs), "p95_ms": .number(latency.p95Ms),
              "runs": .integer(latency.runs),
            ]))
      },
      Function(
        "s:profile", options: [batch] + given, style: .table, "Time of each step, and what computes it",
        example: "print(s:profile{batch=1})"
      ) { call in
        let steps = try profile(call, call.options(at: 1))
        let table = try Conversion.list(steps, call.state) { step in
          try Conversion.record(
            call.state,
            [
              "name": .string(step.name), "op": .string(step.op), "implementation": .string(step.implementation),
              "ms": .number(step.ms), "gflops": .number(step.gflops), "gigabytes": .number(step.gigabytes),
              "share": .number(step.share),
            ])
        }
        let rows = [["layer", "op", "ms", "GFLOP/s", "GB/s", "of peak", "implementation"]]
          + steps.map {
            [
              $0.name, $0.op, Text.short($0.ms), Text.short($0.gflops), Text.short($0.gigabytes), Text.short($0.share),
              $0.implementation,
            ]
          }
        return try call.push(Tables.described(.table(table), Text.columns(rows), call.state))
      },
      Function(
        "s:roofline", [.string("path", doc: ".svg")], options: [batch] + given,
        "Draws each step below what the machine can do", example: "s:roofline(\"roofline.svg\")"
      ) { call in
        let path = try call.environment.writable(call.string(1))
        let handle: SessionHandle = try call.receiver()
        try AtomicFile.write(Roofline.svg(profile(call, call.options()), Machine.measured(threads: handle.session.threads)), to: path)
        return 0
      },
    ]
  }
}
