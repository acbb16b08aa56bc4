import Scripting
import Testing

extension ScriptingTests {
  @Suite struct LinearAlgebraBindings {
    @Test func decompositionsAndSystems() throws {
      #expect(try run("""
        local x = tensor({{4, 1}, {1, 3}}, {dtype="f64"}); local b = tensor({1, 2}, {dtype="f64"})
        local u, s, vt = x:svd(); assert(((u * s):matmul(vt)):allclose(x, 1e-10))
        assert(x:singular_values():allclose(s, 1e-10))
        u, s, vt = tensor.randn({5, 3}, {seed=1}):svd{full=true}; same(u.shape, {5, 5}); same(vt.shape, {3, 3})
        u, s, vt = tensor.randn({5, 3}, {seed=1}):truncated_svd(2); same(u.shape, {5, 2}); same(s.shape, {2})
        u, s, vt = tensor.randn({9, 8}, {seed=1}):randomized_svd(2, {seed=3, iterations=1}); same(vt.shape, {2, 8})
        local q, r = x:qr(); assert(q:matmul(r):allclose(x, 1e-10))
        local w, v = x:eigh(); assert(((v * w):matmul(v:t())):allclose(x, 1e-10))
        local l = x:cholesky(); assert(l:matmul(l:t()):allclose(x, 1e-10))
        assert(x:matmul(x:solve(b)):allclose(b, 1e-10) and x:matmul(x:lstsq(b)):allclose(b, 1e-10))
        assert(l:matmul(l:solve_triangular(b)):allclose(b, 1e-10) and x:pinv():allclose(x:inverse(), 1e-10))
        assert(math.abs(x:det():item() - 11) < 1e-10 and x:matrix_rank():item() == 2 and x:cond():item() > 1)
        local sign, log = x:slogdet(); assert(sign:item() == 1 and math.abs(log:item() - math.log(11)) < 1e-10)
        fails("argument", function() return tensor.ones{2, 2}:inverse() end)
        fails("argument", function() return x:truncated_svd(3) end); fails("shape", function() return tensor{1}:det() end)
        """).isEmpty)
    }

    @Test func orderAndClusters() throws {
      #expect(try run("""
        local x = tensor{3, 1, 2, 1}
        local v, i = x:sort(); same(v:totable(), {1, 1, 2, 3}); same(i:totable(), {1, 3, 2, 0})
        same(x:sorted{descending=true}:totable(), {3, 2, 1, 1}); same(x:argsort():totable(), {1, 3, 2, 0})
        v, i = x:topk(2, {largest=false}); same(i:totable(), {1, 3})
        v, i = x:kthvalue(3); assert(v:item() == 2 and i:item() == 2)
        same(x:quantile{0, 0.5, 1}:totable(), {1, 1.5, 3}); assert(x:quantile(0.5):item() == 1.5 and x:quantile(1):item() == 3)
        same(tensor{{1, 2}, {3, 5}}:quantile(0.5, {axis=2}):totable(), {1.5, 4})
        same(tensor{{1, 2}, {3, 5}}:quantile(0.5, {axis=1}):totable(), {2, 3.5})
        local c, a, e = tensor{0, 0.1, 5, 5.1}:kmeans(2, {seed=1}); same(c:totable(), {0.05, 5.05}); same(a:totable(), {0, 0, 1, 1})
        assert(e < 0.011); c = tensor{{0, 0}, {9, 9}}:kmeans(2, {start="density"}); same(c.shape, {2, 2})
        fails("argument", function() return x:kmeans(5) end); fails("argument", function() return x:kmeans(2, {start="x"}) end)
        fails("argument", function() return x:kthvalue(5) end); fails("argument", function() return x:quantile{"a"} end)
        """).isEmpty)
    }
  }
}
