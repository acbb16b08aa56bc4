import LuaBridge
import Support
import Synchronization
import Testing

/// One after another: the tests count living objects of the process.
@Suite(.serialized) struct BridgeTests {}

/// Counts its living instances.
final class Counted {
  static let alive = Mutex(0)
  init() { Counted.alive.withLock { $0 += 1 } }
  deinit { Counted.alive.withLock { $0 -= 1 } }
}

/// A number behind a handle.
final class Cell {
  var value: Double
  let counted = Counted()
  init(_ value: Double) { self.value = value }
}

/// A state with a type `cell` and a few functions that fail in known ways.
func makeState(_ limits: LuaLimits = LuaLimits(), sandbox: Bool = false) throws -> LuaState {
  let state = try LuaState(limits: limits, sandbox: sandbox)
  var type = LuaType<Cell>("cell")
  type.methods = [
    ("add", { call in
      guard let cell: Cell = call.object(1), let value = call.number(2) else {
        throw PareError(.argument, "cell:add: value", argument: "value", expected: "number", got: call.brief(2))
      }
      try call.push(object: Cell(cell.value + value))
      return 1
    }),
  ]
  type.properties = [("value", { cell, call in call.push(cell.value); return 1 })]
  type.index = { cell, call in
    guard let position = call.integer(2) else { return nil }
    call.push(cell.value * Double(position))
    return 1
  }
  type.metamethods = [
    ("__call", { call in
      guard let function = call.function(2) else { throw PareError(.argument, "no function") }
      for value in try call.state.call(function, [.integer(7)]) { try call.push(value) }
      return 1
    })
  ]
  try state.register(type)
  let globals = state.globals
  try globals.set("cell") { call in
    try call.push(object: Cell(call.number(1) ?? 0), bytes: call.integer(2) ?? 0)
    return 1
  }
  try globals.set("fail") { _ in
    let held = Counted()
    defer { withExtendedLifetime(held) {} }
    var error = PareError(
      .argument, "prune: unknown parameter 'sparcity'", argument: "sparcity", expected: "a known name",
      got: "'sparcity'", suggestion: "did you mean 'sparsity'?", layer: "conv1", op: "Conv")
    error.step = 2
    error.method = "prune"
    throw error
  }
  try globals.set("protect") { call in
    // Calls Lua from Swift; the error passes through this Swift frame.
    let held = Counted()
    defer { withExtendedLifetime(held) {} }
    guard let function = call.function(1) else { throw PareError(.argument, "no function") }
    let results = try call.state.call(function)
    for value in results { try call.push(value) }
    return results.count
  }
  return state
}

extension LuaState {
  /// Runs a chunk and returns its values.
  @discardableResult
  func run(_ chunk: String, name: String = "=test") throws -> [LuaValue] { try call(load(chunk, name: name)) }
}
