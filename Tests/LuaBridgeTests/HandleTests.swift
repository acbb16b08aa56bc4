import LuaBridge
import Support
import Synchronization
import Testing

extension BridgeTests {
@Suite struct HandleTests {
  @Test func methodsPropertiesIndex() throws {
    let state = try makeState()
    try state.run("""
      local c = cell(3)
      assert(c.value == 3 and c:add(2).value == 5 and c[4] == 12 and type(c) == "userdata")
      assert(getmetatable(c) == "cell")
      assert(c(function(x) return x + 1 end) == 8)
      local ok, e = pcall(function() return c.vaule end)
      assert(e.code == "not_found" and e.suggestion == "did you mean 'value'?", tostring(e))
      local ok, e = pcall(function() return c:ad(1) end)
      assert(e.suggestion == "did you mean 'add'?")
      local ok, e = pcall(c.add, io.stdout, 1) assert(e.code == "argument")
      local ok, e = pcall(c.add, c, {}) assert(e.expected == "number" and e.got == "table")
      """)
  }

  @Test func handlesDieWithLua() throws {
    let before = Counted.alive.withLock { $0 }
    do {
      let state = try makeState()
      try state.run("for i = 1, 100 do local c = cell(i) end")
      state.collectGarbage()
      #expect(Counted.alive.withLock { $0 } == before)
      try state.run("kept = cell(1)")
      #expect(Counted.alive.withLock { $0 } == before + 1)
      state.close()
    }
    #expect(Counted.alive.withLock { $0 } == before)
  }

  @Test func closing() throws {
    let state = try makeState()
    let before = Counted.alive.withLock { $0 }
    try state.run("do local c <close> = cell(1); outer = c end")
    #expect(Counted.alive.withLock { $0 } == before)
    try state.run("local ok, e = pcall(function() return outer.value end); assert(not ok and e.code == 'argument')")
  }

  @Test func chargedBytesStepTheCollector() throws {
    let state = try makeState()
    let before = Counted.alive.withLock { $0 }
    try state.run("for i = 1, 1000 do local c = cell(i, 10000000) end")
    #expect(Counted.alive.withLock { $0 } - before < 50)
    #expect(state.memory.handles < 500_000_000)
  }

  @Test func foreignUserdataUnderOurMetatableIsRefused() throws {
    let state = try makeState()
    try state.run("""
      local mt = debug.getmetatable(cell(1))
      local f = io.tmpfile()
      debug.setmetatable(f, mt)
      assert(not pcall(function() return f.value end))
      assert(not pcall(function() return f:add(1) end))
      local add = mt.__methods.add
      debug.setupvalue(add, 1, io.stdout)
      assert(not pcall(add, cell(1), 1))
      mt.__gc(cell(1)); mt.__gc(nil); mt.__gc(5)
      local c = cell(2); mt.__gc(c); mt.__gc(c)
      assert(not pcall(function() return c.value end))
      """)
  }

  @Test func referencesOutliveNothing() throws {
    let state = try makeState()
    guard case .function(let function)? = try state.run("return function(x) return x * 2 end").first else {
      Issue.record("no function"); return
    }
    guard case .integer(42)? = try function(.integer(21)).first else { Issue.record("wrong"); return }
    state.close()
    #expect(throws: PareError.self) { try function(.integer(1)) }
  }

  @Test func otherThreadsAreRefused() async throws {
    let state = try makeState()
    guard case .function(let function)? = try state.run("return function(x) return x end").first else { return }
    let thrown = await Task.detached { () -> Bool in
      // A pool thread may be this test's own; what counts is that a foreign one never gets in.
      do { return try function(.integer(1)).count == 1 } catch { return error is PareError }
    }.value
    #expect(thrown)
  }

  @Test func valuesGoThereAndBack() throws {
    let state = try makeState()
    let results = try state.run(#"return 1, 1.5, "\0a\xff", true, nil, {1, 2, x = {}}, print, cell(1), coroutine.create(print)"#)
    #expect(results.map(\.typeName) == [
      "number", "number", "string", "boolean", "nil", "table", "function", "cell", "thread",
    ])
    let identity = try state.load("return ...", name: "=id")
    for value in results { #expect(try state.call(identity, [value]).map(\.typeName) == [value.typeName]) }
    guard case .table(let table) = results[5] else { Issue.record("no table"); return }
    #expect(try table.count == 2)
    #expect(try table.fields.map(\.key) == ["x"])
    #expect(try table.pairs().count == 3)
  }

  @Test func deepStacks() throws {
    let state = try makeState()
    let many = Array(repeating: LuaValue.integer(1), count: 100_000)
    #expect(try state.call(state.load("return select('#', ...)", name: "=n"), many).count == 1)
    #expect(throws: (any Error).self) {
      try state.call(state.load("return 1", name: "=n"), Array(repeating: .null, count: 2_000_000))
    }
  }
}
}
