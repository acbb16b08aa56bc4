import Scripting
import Testing

extension ScriptingTests {
  @Suite struct HostileArguments {
    /// Every bound function, method and metamethod with every pair of unlikely values: an error object or a value.
    @Test func nothingCrashesOrIsAFaultOfPare() throws {
      #expect(try run("""
        local nothing = function() end
        local cycle = {}; cycle.a = cycle; cycle[1] = cycle
        local bad = { nil, true, 0, -3, 2^53, -1e300, 0/0, 1/0, math.mininteger, "", "no-such-folder/x", ("a"):rep(1000), {}, {1}, {{}}, {x=1}, nothing,
          coroutine.create(nothing), io.stdout, tensor{1}, tensor(1), tensor{{1,2},{3,4}}, nn.relu(), nn.lenet300(), data.load("digits"), prune{sparsity=0.5}, cycle }
        local n = 27
        local skip = { ["tensor.threads"]=true, ["plugin.load"]=true }
        local count = 0
        local function try(name, f, ...)
          count = count + 1
          local ok, e = pcall(f, ...)
          if not ok then
            assert(type(e) == "table" and e.code, name .. ": " .. tostring(e))
            assert(e.code ~= "internal", name .. ": " .. tostring(e)); assert(#tostring(e) > 0)
          end
        end
        local function pairs_of(name, f, ...)
          for i = 1, n do try(name, f, bad[i]); for j = 1, n do try(name, f, bad[i], bad[j]) end end
        end
        for space, t in pairs(pare) do
          if type(t) == "function" and space ~= "help" then pairs_of(space, t) end
          if type(t) == "table" then for k, f in pairs(t) do
            if type(f) == "function" and not skip[space .. "." .. k] then pairs_of(space .. "." .. k, f) end
          end end
        end
        local m = nn.lenet300()
        local objects = { tensor{{1,2},{3,4}}, tensor(1), tensor{1e300, -1e300}:to("i64"), m, data.load("digits"), data.load("digits").train:take(4), prune{sparsity=0.5}, optimizer.sgd{}, m:compile{}, m.parameters, nn.relu() }
        for _, o in ipairs(objects) do
          local mt = debug.getmetatable(o)
          for k, f in pairs(mt.__methods or {}) do if k ~= "benchmark" and k ~= "profile" then
            for i = 1, n do try(k, f, bad[i]); for j = 1, n do try(k, f, o, bad[i], bad[j]) end end
          end end
          for k, f in pairs(mt) do if type(f) == "function" and k ~= "__gc" and k ~= "__close" then
            for i = 1, n do try(k, f, o, bad[i]); try(k, f, bad[i], o); try(k, f, bad[i], bad[i]); try(k, f, o, bad[i], bad[i]) end
          end end
        end
        assert(count > 50000, count)
        """).isEmpty)
    }
  }
}
