import Scripting
import Support
import Testing

extension ScriptingTests {
  @Suite struct TensorBindings {
    @Test func constructors() throws {
      try run("""
        local x = tensor{{1, 2}, {3, 4}}
        same(x.shape, {2, 2}); assert(x.dtype == "f32" and #x == 2)
        assert(tensor({1, 2}, {dtype="i64"}).dtype == "i64")
        assert(tensor({1, 2}, {dtype="i64"})[2] == 2 and math.type(tensor({1, 2}, {dtype="i64"})[2]) == "integer")
        same(tensor.zeros{2, 3}.shape, {2, 3}); assert(tensor.zeros({2}, {dtype="f64"}).dtype == "f64")
        same(tensor.full({2}, 7):totable(), {7, 7}); same(tensor.ones{2}:totable(), {1, 1})
        same(tensor.arange(1, 4):totable(), {1, 2, 3, 4}); assert(#tensor.arange(1, 10) == 10)
        same(tensor.arange(0, 1, 0.25):totable(), {0, 0.25, 0.5, 0.75, 1})
        assert(tensor.randn({8}, {seed=1}):equal(tensor.randn({8}, {seed=1})))
        assert(not tensor.randn({8}, {seed=1}):equal(tensor.randn({8}, {seed=2})))
        assert(tensor(3):item() == 3 and #tensor(3).shape == 0)
        assert(#tensor{} == 0)
        same(tensor{tensor{1, 2}, tensor{3, 4}}.shape, {2, 2})
        same(tensor{x:sum(), 1}:totable(), {10, 1})
        """)
    }

    @Test func longListsAreInterrupted() throws {
      defer { Interrupt.clear() }
      let environment = try environment()
      _ = try environment.evaluate("x = tensor.zeros{200000}; list = x:totable()")
      for call in ["x.totable, x", "tensor, list"] {
        Interrupt.request()
        // The request is obeyed once.
        #expect(try environment.evaluate("""
          local ok, e = pcall(\(call)); assert(not ok and e.code == "interrupted", tostring(e)); assert(pcall(\(call))); return 1
          """) == ["1"])
      }
    }

    @Test func indexingCountsFromOne() throws {
      try run("""
        local x = tensor{{1, 2}, {3, 4}}
        same(x[1]:totable(), {1, 2}); same(x[-1]:totable(), {3, 4})
        assert(x[{2, 1}] == 3 and x[{-1, -1}] == 4 and tensor{5, 6}[2] == 6)
        same(x:slice(2, 2, 2):reshape{2}:totable(), {2, 4}); same(tensor{1, 2, 3, 4}:slice(1, 2, -1):totable(), {2, 3, 4})
        for _, i in ipairs{0, 3, -3, 2^53, math.mininteger, math.maxinteger} do fails("argument", function() return x[i] end) end
        fails("argument", function() return x[{1, 5}] end); fails("argument", function() return x[{1, 1, 1}] end)
        fails("argument", function() return x[{1.5}] end); fails("argument", function() return x[{}] end)
        fails("argument", function() return x[0/0] end); fails("argument", function() return x[1e300] end)
        assert(fails("not_found", function() return x.shap end).suggestion == "did you mean 'shape'?")
        """)
    }

    @Test func assignmentWritesIntoThisHandleOnly() throws {
      try run("""
        local x = tensor{1, 2, 3, 4}; local y = x; local z = x:reshape{2, 2}
        x[1] = 10; assert(y[1] == 10 and z[{1, 1}] == 1)
        z[{2, 2}] = 7; assert(x[4] == 4); z[1] = tensor{5, 6}; same(z[1]:totable(), {5, 6})
        fails("argument", function() x.y = 1 end); fails("argument", function() x[1] = "a" end)
        local p = x:requires_grad(); fails("argument", function() p[1] = 1 end)
        """)
    }

    @Test func arithmeticAndReductions() throws {
      try run("""
        local x = tensor{{1, 2}, {3, 4}}
        same(((x * 2 + 1):relu():matmul(x:t()))[1]:totable(), {13, 29})
        same((1 - x)[1]:totable(), {0, -1}); same((2 / x)[1]:totable(), {2, 1}); same((x ^ 2)[2]:totable(), {9, 16})
        same((-x)[1]:totable(), {-1, -2}); assert(x:sum():item() == 10 and x:mean():item() == 2.5)
        same(x:sum{axis=1}:totable(), {4, 6}); same(x:sum{axis=-1, keepdim=true}.shape, {2, 1}); same(x:sum{axis={1, 2}}.shape, {})
        local v, i = tensor{{3, 1}, {2, 5}}:max{axis=1}; same(v:totable(), {3, 5}); same(i:totable(), {0, 1})
        v, i = tensor{{3, 1}, {2, 5}}:min{axis=1}; same(v:totable(), {2, 1}); same(i:totable(), {1, 0})
        assert(x:max() >= 4 and x:min() <= 1)
        v, i = tensor{4, 9, 1, 7}:topk(2); same(v:totable(), {9, 7}); same(i:totable(), {1, 3})
        assert(math.abs(tensor.arange(0, 10):quantile(0.9):item() - 9) < 1e-6)
        assert(fails("argument", function() return x:sum{axes=1} end).suggestion == "did you mean 'axis'?")
        fails("argument", function() return x:sum{axis=3} end); fails("argument", function() return x:sum{axis=0} end)
        fails("shape", function() return tensor{1, 2, 3} + tensor{1, 2} end)
        fails("argument", function() return x + {} end); fails("argument", function() return x + "a" end)
        fails("argument", function() return x:topk(-1) end); fails("argument", function() return x.abs() end)
        assert(fails("argument", function() return x:relu(1, 2) end):find("too many"))
        """)
    }

    @Test func zeroDimensionalTensorsActAsTheirValue() throws {
      try run("""
        local total = tensor{1, 2}:sum()
        assert(total + 1 > 3.5 and total < 4 and total <= 3 and 2 < total and total .. "" == tostring(total) and tostring(total) == "3.0")
        assert(fails("shape", function() return tensor{1, 2} < 3 end):find("element"))
        same(tensor.full({1}, total):totable(), {3}); same(tensor.zeros{total}.shape, {3})
        assert(tensor.arange(1, total)[3] == 3 and tensor{1, 2}:quantile(tensor(1.0)):item() == 2)
        """)
    }

    @Test func gradients() throws {
      try run("""
        local p = tensor{1, 2, 3}:requires_grad(); assert(p.grad == nil)
        ;(p * p):sum():backward(); same(p.grad:totable(), {2, 4, 6})
        local s = tensor{1, 2, 3, 4}:requires_grad(); s:slice(1, 2, 3):sum():backward(); same(s.grad:totable(), {0, 1, 1, 0})
        local q = tensor.no_grad(function() return p * 2 end); fails("argument", function() q:sum():backward() end)
        local a, b = tensor.no_grad(function(...) return ... end, 1, 2); assert(a == 1 and b == 2)
        local f = tensor.custom{ forward=function(x, k) return x * k end, gradient=function(g, x, y, k) return g * 10 end }
        local t = tensor{1, 2}:requires_grad(); local y = f(t, 3); same(y:totable(), {3, 6})
        y:sum():backward(); same(t.grad:totable(), {10, 10})
        local bad = tensor.custom{ forward=function(x) error({mine=1}) end, gradient=function(g) return g end }
        local ok, e = pcall(bad, t); assert(not ok and e.mine == 1)
        fails("argument", function() tensor.custom{forward=print} end)
        """)
    }

    @Test(arguments: [
      "tensor.zeros{-1}", "tensor.zeros{1e18}", "tensor.zeros{2^40, 2^40}", "tensor.zeros{1.5}", "tensor.zeros{0/0}",
      "tensor.zeros()", "tensor.zeros{{1}}", "tensor.zeros({1}, {dtype='f99'})", "tensor.zeros({1}, 3)", "tensor(nil)",
      "tensor{{1, 2}, {3}}", "tensor{1, {2}}", "tensor{'a'}", "tensor(print)", "tensor.arange(1, 1e300)",
      "tensor.arange(1, 2, 0)", "tensor.arange(0/0, 1)", "tensor.concat{}", "tensor.concat({tensor{1}}, 5)",
      "tensor{1}:reshape{-1, -1}", "tensor{1}:reshape{7}", "tensor{1}:permute{2}", "tensor{1}:transpose(1, 9)",
      "tensor{1}:index(1, tensor{5})", "tensor{1}:index(1, tensor{0.5})", "tensor{1}:quantile(2)", "tensor{1}:svd()",
      "tensor{1, 2}:item()", "tensor.threads(0)", "tensor.threads('x')", "(function() local t = {}; t[1] = t; return tensor(t) end)()",
      "tensor{1}:to()", "tensor{1}:to(3)", "tensor{1}:matmul(3)", "tensor{1}:t()", "tensor.where(1, 2, 3)",
      "tensor.randn({2}, {seed=-1})", "tensor.randn({2}, {sed=1})", "tensor{1}:expand{-1}", "#tensor(1)", "tensor.custom{}",
      "tensor.no_grad(5)", "tensor{1}:slice(1, 2, 1)", "tensor({2^53 + 0.5, 1/0}, {dtype='i64'})",
    ])
    func hostileArgumentsAreErrors(_ chunk: String) throws {
      try run("local ok, e = pcall(function() return \(chunk) end); assert(not ok and type(e) == 'table' and e.code, tostring(e))")
    }

    @Test func texts() throws {
      #expect(try run("return tensor{1, 2}:sum()") == ["3.0"])
      #expect(try run("return tensor({1, 2}, {dtype='i64'}):sum()") == ["3"])
      let text = try run("return tensor{{1, 2}, {3, 4}}")[0]
      #expect(text.contains("f32") && text.contains("[3, 4]"))
      #expect(try run("return {1, 'a', x={y=true}}") == ["{1, \"a\", x={y=true}}"])
      #expect(try run("local t = {}; t.t = t; return t") == ["{t={...}}"])
    }
  }
}
