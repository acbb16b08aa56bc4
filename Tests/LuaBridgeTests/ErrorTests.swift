import LuaBridge
import Support
import Synchronization
import Testing

extension BridgeTests {
@Suite struct ErrorTests {
  @Test func fieldsOfAnErrorObject() throws {
    let state = try makeState()
    try state.run("""
      local ok, e = pcall(fail)
      assert(not ok and type(e) == "table")
      assert(e.code == "argument" and e.argument == "sparcity" and e.layer == "conv1" and e.op == "Conv")
      assert(e.step == 2 and e.method == "prune" and e.suggestion == "did you mean 'sparsity'?")
      assert(e.expected == "a known name" and e.got == "'sparcity'")
      assert(e.message == "prune: unknown parameter 'sparcity'")
      assert(e.file == "test" and e.line == 1, tostring(e.line))
      assert(e.traceback:find("stack traceback"))
      assert(e.nothing == nil)
      """)
  }

  @Test func anErrorActsLikeItsLine() throws {
    let state = try makeState()
    try state.run("""
      local ok, e = pcall(function() fail() end)
      local line = tostring(e)
      assert(line:find("sparcity", 1, true) and line:find("did you mean 'sparsity'?", 1, true))
      assert(line:sub(1, 8) == "test:1: ", line)
      assert(not line:find("\\n"))
      assert(e .. "" == line and "> " .. e == "> " .. line and e .. e == line .. line)
      assert(e:find("sparcity", 1, true) == line:find("sparcity", 1, true))
      assert(e:match("mean '(%a+)'") == "sparsity" and e:upper() == line:upper() and #e == #line)
      assert(("%s"):format(e) == line)
      """)
  }

  @Test func othersErrorsArriveUnchanged() throws {
    let state = try makeState()
    try state.run("""
      local value = {}
      local ok, e = pcall(protect, function() error(value) end)
      assert(not ok and e == value)
      ok, e = pcall(protect, function() error("text", 0) end)
      assert(e == "text")
      ok, e = pcall(protect, function() local x = nil; x.y = 1 end)
      assert(type(e) == "string" and e:find("attempt to index a nil value"))
      ok, e = pcall(protect, function() protect(fail) end)
      assert(e.code == "argument" and e.step == 2)
      ok, e = pcall(protect, function() error() end)
      assert(not ok and e == nil)
      """)
  }

  @Test func aTableWithWordsOfItsOwnIsShownByThem() throws {
    let state = try makeState()
    func message(_ chunk: String) -> String {
      do {
        try state.run(chunk)
        return "no error"
      } catch { return (error as? LuaError)?.message ?? "\(error)" }
    }
    #expect(message("error(setmetatable({}, {__tostring = function() return 'custom' end}))") == "custom")
    #expect(message("error({})").hasPrefix("(error object: table"))
  }

  @Test func uncaughtErrorHasTraceback() throws {
    let state = try makeState()
    do {
      try state.run("local function inner() fail() end\nlocal function outer() inner() end\nouter()", name: "@s.lua")
      Issue.record("no error")
    } catch let error as LuaError {
      #expect(error.message.hasPrefix("s.lua:1: step 2: "))
      #expect(error.traceback.contains("s.lua:2:"))
      #expect(error.pareError?.code == .argument)
      #expect(error.pareError?.line == 1)
    }
  }

  @Test(arguments: [
    "local t = setmetatable({}, {__tostring = function() error('x') end}); error(t)",
    "local t = setmetatable({}, {__tostring = function() return 1 end}); error(t)",
    "error(setmetatable({}, {__index = function() error('y') end}))",
    "local function f() return f() + 1 end; f()",
    "local function f() return pcall(f) end; return protect(function() error(f) end)",
    "return protect(function() return protect(function() return protect(fail) end) end)",
    "error(coroutine.create(print))",
    "local e = select(2, pcall(fail)); e.text = nil; e.code = {}; error(e)",
    "coroutine.wrap(function() fail() end)()",
    "protect(function() coroutine.yield(1) end)",
    "local function f() return protect(f) end f()",
  ])
  func hostileErrorsAreErrors(_ chunk: String) throws {
    let state = try makeState()
    let before = Counted.alive.withLock { $0 }
    #expect(throws: LuaError.self) { try state.run(chunk) }
    #expect(Counted.alive.withLock { $0 } == before)
    try state.run("assert(1 + 1 == 2)")
  }

  @Test func swiftFramesAreLeftInOrder() throws {
    let state = try makeState()
    let before = Counted.alive.withLock { $0 }
    try state.run("for i = 1, 1000 do pcall(fail); pcall(protect, fail); pcall(protect, error, i) end")
    #expect(Counted.alive.withLock { $0 } == before)
  }

  @Test func nestedProtectedCalls() throws {
    let state = try makeState()
    try state.run("""
      local ok, inner, e = pcall(function()
        local ok, e = pcall(protect, function() return pcall(fail) end)
        assert(ok and e == false)
        return pcall(protect, fail)
      end)
      assert(ok and inner == false and e.code == "argument")
      local ok, e = xpcall(fail, function(e) return "handled " .. e.code end)
      assert(not ok and e == "handled argument")
      assert(select("#", pcall(function() return 1, nil, nil end)) == 4)
      """)
  }

  @Test func syntaxErrors() throws {
    let state = try makeState()
    #expect(throws: LuaError.self) { try state.run("x = = 1") }
    #expect(state.isIncomplete("for i = 1, 2 do"))
    #expect(state.isIncomplete("x = {"))
    #expect(!state.isIncomplete("x = }"))
    #expect(!state.isIncomplete("x = 1"))
  }

  @Test func coroutines() throws {
    let state = try makeState()
    try state.run("""
      local co = coroutine.create(function(a) local b = coroutine.yield(a + 1); fail() end)
      local ok, v = coroutine.resume(co, 1); assert(ok and v == 2)
      local ok, e = coroutine.resume(co, 1); assert(not ok and e.code == "argument")
      assert(coroutine.status(co) == "dead")
      local ok, e = coroutine.resume(co); assert(not ok and e:find("dead"))
      local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(cell(i)) end end)
      assert(gen().value == 1 and gen().value == 2 and gen().value == 3)
      -- a yield goes through pcall
      local w = coroutine.wrap(function() return pcall(function() local x = coroutine.yield(1); error(x) end) end)
      assert(w() == 1)
      local ok, e = w("boom"); assert(ok == false and e:find("boom"))
      local ok, e = pcall(coroutine.wrap(function() error("inside") end)); assert(e:find("inside"))
      assert(not pcall(coroutine.resume, 1))
      """)
  }

  @Test func bytecodeIsNeverLoaded() throws {
    let state = try makeState()
    try state.run("""
      local code = string.dump(function() return 1 end)
      assert(not load(code)) assert(not load(code, "x", "b")) assert(not load(code, "x", "bt"))
      assert(load("return 1", "x", "bt")() == 1) assert(load("return 1")() == 1)
      assert(load("return y", "x", "t", {y = 5})() == 5)
      local n = 0
      assert(load(function() n = n + 1; return ({"return ", "3"})[n] end)() == 3)
      local name = os.tmpname(); local f = io.open(name, "wb"); f:write(code); f:close()
      assert(not loadfile(name)) assert(not pcall(dofile, name))
      package.path = name; assert(not pcall(require, "anything"))
      f = io.open(name, "w"); f:write("return 42, ..."); f:close()
      assert(loadfile(name)() == 42 and dofile(name) == 42)
      assert(require("anything") == 42)
      os.remove(name)
      """)
  }
}
}
