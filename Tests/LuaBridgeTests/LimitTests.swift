import Glibc
import LuaBridge
import Support
import Testing

extension BridgeTests {
@Suite struct LimitTests {
  private func code(_ state: LuaState, _ chunk: String) -> PareError.Code? {
    do {
      try state.run(chunk)
      return nil
    } catch { return (error as? LuaError)?.pareError?.code }
  }

  @Test(arguments: [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local function f() return f() end f()",
    "coroutine.wrap(function() while true do end end)()",
    "while true do coroutine.wrap(function() for i = 1, 100 do end end)() end",
    "protect(function() while true do end end)",
    "repeat until pcall(error)  == 1",
  ])
  func instructions(_ chunk: String) throws {
    let state = try makeState(LuaLimits(instructions: 200_000), sandbox: true)
    #expect(code(state, chunk) == .limit)
  }

  @Test func enoughInstructions() throws {
    let state = try makeState(LuaLimits(instructions: 1_000_000), sandbox: true)
    #expect(code(state, "for i = 1, 1000 do local x = i * 2 end") == nil)
  }

  @Test(arguments: [
    "local t = {} for i = 1, 1e9 do t[i] = {i} end",
    "return string.rep('x', 1e9)",
    "local s = 'x' while true do s = s .. s end",
    "local ok, e = pcall(string.rep, 'x', 1e9); assert(not ok); error(e)",
    "local ok, e = xpcall(string.rep, print, 'x', 1e9); error(e)",
    "local ok, e = coroutine.resume(coroutine.create(function() return ('x'):rep(1e9) end)); error(e)",
    "return protect(function() return ('x'):rep(1e9) end)",
  ])
  func memory(_ chunk: String) throws {
    let state = try makeState(LuaLimits(memory: 30_000_000), sandbox: true)
    #expect(code(state, chunk) == .limit)
    try state.run("local t = {} for i = 1, 1000 do t[i] = i end")
  }

  @Test func outsideMemoryCounts() throws {
    let before = LuaState.outsideBytes
    defer { LuaState.outsideBytes = before }
    LuaState.outsideBytes = { 1_000_000_000 }
    let state = try makeState(LuaLimits(memory: 100_000_000), sandbox: true)
    #expect(code(state, "return cell(1)") == .limit)
  }

  @Test func sandboxHasNoWayOut() throws {
    let state = try makeState(sandbox: true)
    try state.run("""
      for _, name in ipairs{"os", "io", "package", "require", "dofile", "loadfile", "debug"} do
        assert(_G[name] == nil, name)
      end
      assert(not load(string.dump(function() end)))
      assert(not pcall(setmetatable, {}, {__gc = function() while true do end end}))
      assert(getmetatable(setmetatable({}, {__metatable = 5})) == 5)
      """)
  }

  @Test(arguments: ["while true do end", "coroutine.wrap(function() while true do end end)()", "protect(function() while true do end end)"])
  func interrupts(_ chunk: String) throws {
    let state = try makeState()
    nonisolated(unsafe) let handle = state.interruptHandle
    let thread = pthread_self()
    // As a signal handler would, from outside the running code.
    interruptTarget = handle
    signal(SIGUSR1) { _ in if let target = interruptTarget { LuaState.interrupt(target) } }
    defer { signal(SIGUSR1, SIG_DFL) }
    // Threads of a pool have signals blocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGUSR1)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    var helper = pthread_t()
    let box = Unmanaged.passRetained(ThreadBox(thread))
    pthread_create(&helper, nil, { raw in
      guard let raw else { return nil }
      let box = Unmanaged<ThreadBox>.fromOpaque(raw).takeRetainedValue()
      usleep(50_000)
      pthread_kill(box.thread, SIGUSR1)
      return nil
    }, box.toOpaque())
    #expect(code(state, chunk) == .interrupted)
    pthread_join(helper, nil)
    try state.run("local n = 0 for i = 1, 10000 do n = n + i end assert(n == 50005000)")
  }

  @Test func aCaughtInterruptIsObeyedAndASecondInsists() throws {
    let state = try makeState()
    nonisolated(unsafe) let handle = state.interruptHandle
    try state.globals.set("stop") { call in
      for _ in 0..<(call.integer(1) ?? 1) { LuaState.interrupt(handle) }
      return 0
    }
    try state.run("""
      local ok, e = pcall(function() stop(1); while true do end end)
      assert(ok == false and e.code == "interrupted")
      for i = 1, 1000 do end
      """)
    #expect(code(state, "while true do pcall(function() stop(2); while true do end end) end") == .interrupted)
    state.forgetInterrupts()
    try state.run("for i = 1, 1000 do end")
  }
}
}

nonisolated(unsafe) private var interruptTarget: OpaquePointer?

private final class ThreadBox {
  let thread: pthread_t
  init(_ thread: pthread_t) { self.thread = thread }
}
