import Scripting
import Testing

extension ScriptingTests {
  /// The methods beyond arithmetic: that each reaches its operation with axes from 1 and its options by name. What they
  /// compute is checked in TensorTests.
  @Suite struct TensorBreadth {
    @Test func elementsAndActivations() throws {
      #expect(try run("""
        local x = tensor{-2, -0.5, 0, 3}
        same(x:square():totable(), {4, 0.25, 0, 9}); same(x:trunc():totable(), {-2, 0, 0, 3}); same(x:ceil():totable(), {-2, 0, 0, 3})
        for _, f in ipairs{"exp2", "expm1", "sin", "cos", "tan", "atan", "sinh", "cosh", "asinh"} do assert(x[f](x).dtype == "f32", f) end
        same(tensor{1, 2, 8}:log2():totable(), {0, 1, 3}); same(tensor{1, 100}:log10():totable(), {0, 2}); same(tensor{0}:log1p():totable(), {0})
        same(tensor{0}:asin():totable(), {0}); same(tensor{1}:acos():totable(), {0}); same(tensor{1}:acosh():totable(), {0}); same(tensor{0}:atanh():totable(), {0})
        same(tensor{7, -7}:remainder(3):totable(), {1, 2}); same(tensor{7, -7}:fmod(3):totable(), {1, -1}); same(tensor{7, -7}:floor_divide(2):totable(), {3, -4})
        local i = tensor({5, -6}, {dtype="i64"})
        same(i:remainder(4):totable(), {1, 2}); same(i:bitwise_and(3):totable(), {1, 2}); same(i:bitwise_or(8):totable(), {13, -6})
        same((i // 4):totable(), {1, -2}); same((i % 4):totable(), {1, 2}); same((7 // i):totable(), {1, -2}); same((7 % i):totable(), {2, -5})
        same((i // (i - 3)):totable(), {2, 0}); same((i % (i - 3)):totable(), {1, -6}); same((tensor{3} % (1/0)):totable(), {3})
        fails("dtype", function() return 0.5 % i end); fails("dtype", function() return i // 0.5 end)
        same(i:bitwise_xor(1):totable(), {4, -5}); same(i:bitwise_not():totable(), {-6, 5}); same(i:bitwise_left_shift(1):totable(), {10, -12}); same(i:bitwise_right_shift(1):totable(), {2, -3})
        fails("argument", i.remainder, i, 0.5); fails("argument", i.floor_divide, i, 0)
        same(tensor{1}:atan2(tensor{1}):totable(), {math.pi / 4}); same(tensor{0, 10}:lerp(tensor{10, 20}, 0.25):totable(), {2.5, 12.5})
        same(tensor{0/0, 1/0, 1}:isnan():to("f32"):totable(), {1, 0, 0}); same(tensor{0/0, 1/0, 1}:isinf():to("f32"):totable(), {0, 1, 0}); same(tensor{0/0, 1/0, 1}:isfinite():to("f32"):totable(), {0, 0, 1})
        same(tensor{1, 0}:logical_and(tensor{1, 1}):to("f32"):totable(), {1, 0}); same(tensor{1, 0}:logical_or(tensor{0, 0}):to("f32"):totable(), {1, 0})
        same(tensor{1, 0}:logical_xor(tensor{1, 1}):to("f32"):totable(), {0, 1}); same(tensor{1, 0}:logical_not():to("f32"):totable(), {0, 1})
        same(x:gelu():totable(), {-0.0455003, -0.1542688, 0, 2.9959502}); same(x:gelu{approximate="tanh"}:totable(), {-0.0454023, -0.1542860, 0, 2.9963627})
        fails("argument", x.gelu, x, {approximate="tan"})
        same(x:silu():totable(), {-0.2384058, -0.1887703, 0, 2.8577224}); same(x:mish():totable(), {-0.2525015, -0.2207503, 0, 2.9865350})
        same(x:softplus():totable(), {0.1269280, 0.4740770, 0.6931472, 3.0485874}); same(x:softplus{beta=2}:totable(), {0.0090750, 0.1566308, 0.3465736, 3.0012378})
        same(x:leaky_relu(0.1):totable(), {-0.2, -0.05, 0, 3}); same(x:leaky_relu{slope=0.1}:totable(), {-0.2, -0.05, 0, 3}); same(x:leaky_relu():totable(), {-0.02, -0.005, 0, 3})
        same(x:prelu(tensor{0.5}):totable(), {-1, -0.25, 0, 3}); same((x * 3):relu6():totable(), {0, 0, 0, 6}); same(x:hardtanh():totable(), {-1, -0.5, 0, 1})
        same(x:elu{alpha=2}:totable(), {-1.7293294, -0.7869387, 0, 3}); same(x:celu(2):totable(), {-1.2642411, -0.4423984, 0, 3}); same(x:selu():totable(), {-1.5201665, -0.6917582, 0, 3.1521030})
        same(x:hard_sigmoid():totable(), {1/6, 5/12, 0.5, 1}); same(x:hard_swish():totable(), {-1/3, -5/24, 0, 3}); same(x:softsign():totable(), {-2/3, -1/3, 0, 0.75})
        same(x:threshold(0.1, 9):totable(), {9, 9, 9, 3}); same(x:thresholded_relu():totable(), {0, 0, 0, 3}); same(x:hard_shrink():totable(), {-2, 0, 0, 3}); same(x:soft_shrink(1):totable(), {-1, 0, 0, 2})
        same(x:log_sigmoid():totable(), {-2.1269280, -0.9740770, -0.6931472, -0.0485874}); same(x:glu():totable(), {-1, -0.4762871}); same(x:softmin():sum():totable() and {1}, {1})
        """).isEmpty)
    }

    @Test func reductionsAndCounts() throws {
      #expect(try run("""
        local x = tensor{{3, 1, 3}, {2, 2, 0}}
        same(tensor{1, 2, 3, 4}:std():reshape{1}:totable(), {1.2909944}); same(x:std{axis=1, unbiased=false}:totable(), {0.5, 0.5, 1.5})
        same(x:prod{axis=2}:totable(), {9, 0}); same(tensor{10, 10}:logsumexp():reshape{1}:totable(), {10.6931472})
        same(x:norm{p=1, axis=2}:totable(), {7, 4}); same(x:norm(0):reshape{1}:totable(), {5}); same(x:norm{p=1/0}:reshape{1}:totable(), {3}); same(x:norm{axis=1, keepdim=true}.shape, {1, 3})
        same(x:norm(1, {axis=1}):totable(), {5, 3, 3}); same(tensor{3, 4}:norm():reshape{1}:totable(), {5})
        same(x:argmax():totable(), {0, 0}); same(x:argmax{select_last_index=true}:totable(), {2, 1}); same(x:argmin{axis=1}:totable(), {1, 0, 1}); fails("argument", x.argmax, x, {axis={1, 2}})
        local v, i = x:median{axis=2}; same(v:totable(), {3, 2}); same(i:totable(), {0, 0}); assert(x:median():item() == 2)
        same(x:cumsum(2)[1]:totable(), {3, 4, 7}); same(x:cumsum(-1, {exclusive=true, reverse=true})[1]:totable(), {4, 3, 0}); same(x:cumprod(1)[2]:totable(), {6, 2, 0})
        local c, e = x:histogram{bins=3}; same(c:totable(), {1, 1, 4}); same(e:totable(), {0, 1, 2, 3}); c = x:histogram{bins=2, min=1, max=2}; same(c:totable(), {1, 2})
        fails("argument", x.histogram, x, {min=3, max=1})
        local values, inverse, counts = x:unique(); same(values:totable(), {0, 1, 2, 3}); same(inverse[2]:totable(), {2, 2, 0}); same(counts:totable(), {1, 1, 2, 2})
        same(tensor{0, 2, 2}:bincount():totable(), {1, 0, 2}); same(tensor{0, 2, 2}:bincount{minimum=4, weights=tensor{1, 2, 3}}:totable(), {1, 0, 5, 0}); fails("argument", tensor{-1}.bincount, tensor{-1})
        same(tensor{0, 2}:one_hot(3)[2]:totable(), {0, 0, 1}); same(tensor{0, 2}:one_hot().shape, {2, 3}); assert(tensor{0}:one_hot(2, {dtype="i64"}).dtype == "i64")
        """).isEmpty)
    }

    @Test func indexing() throws {
      #expect(try run("""
        local x = tensor{{1, 2, 3}, {4, 5, 6}}
        same(x:gather(2, tensor{{2}, {0}}):reshape{2}:totable(), {3, 4}); same(x:gather_nd(tensor{{0, 1}, {1, -1}}):totable(), {2, 6}); same(x:gather_nd(tensor{{2}, {0}}, {batch_axes=1}):totable(), {3, 4})
        same(x:scatter(2, tensor{{0, 0}}, tensor{{10, 20}})[1]:totable(), {20, 2, 3}); same(x:scatter(2, tensor{{0, 0}}, tensor{{10, 20}}, {reduce="add"})[1]:totable(), {31, 2, 3})
        same(x:scatter(2, tensor{{1}}, 7)[1]:totable(), {1, 7, 3}); fails("argument", x.scatter, x, 2, tensor{{3}}, 7); fails("argument", x.scatter, x, 2, tensor{{1}}, 7, {reduce="mean"})
        same(x:scatter_nd(tensor{{1}}, tensor{{7, 8, 9}}, {reduce="mul"})[2]:totable(), {28, 40, 54}); same(x:take(tensor{0, 5}):totable(), {1, 6})
        same(x:masked_fill(x:gt(4), 0)[2]:totable(), {4, 0, 0}); same(x:masked_select(x:gt(4)):totable(), {5, 6}); same(x:gt(4):nonzero()[2]:totable(), {1, 2})
        same(x:triu(1)[1]:totable(), {0, 2, 3}); same(x:tril()[1]:totable(), {1, 0, 0}); same(x:diagonal():totable(), {1, 5}); same(x:diagonal{offset=1, axis1=1, axis2=2}:totable(), {2, 6})
        same(tensor{1, 2}:diag_embed()[2]:totable(), {0, 2}); assert(x:trace():item() == 6)
        local w = x:requires_grad(); w:embedding(tensor{1, 1, 0}, {padding_idx=0}):sum():backward(); same(w.grad[1]:totable(), {0, 0, 0}); same(w.grad[2]:totable(), {2, 2, 2})
        fails("argument", x.embedding, x, tensor{2}); fails("dtype", x.take, x, tensor{0.5})
        """).isEmpty)
    }

    @Test func structure() throws {
      #expect(try run("""
        local x = tensor{1, 2, 3}
        same(x:pad{1, 2}:totable(), {0, 1, 2, 3, 0, 0}); same(x:pad{1, 1, mode="reflect"}:totable(), {2, 1, 2, 3, 2}); same(x:pad({1, 1}, {mode="wrap"}):totable(), {3, 1, 2, 3, 1})
        same(x:pad{0, 1, value=7}:totable(), {1, 2, 3, 7}); same(x:pad{2, 0, mode="edge"}:totable(), {1, 1, 1, 2, 3}); fails("argument", x.pad, x, {1, 1, mode="mirror"}); fails("argument", x.pad, x, {1, 1, mod="wrap"}); fails("argument", x.pad, x, {1.5, 1})
        same(x:flip{1}:totable(), {3, 2, 1}); same(x:flip(-1):totable(), {3, 2, 1}); same(x:roll(1, 1):totable(), {3, 1, 2}); same(tensor{{1, 2}, {3, 4}}:roll(1)[1]:totable(), {4, 1})
        same(x:tile{2}:totable(), {1, 2, 3, 1, 2, 3}); same(x:tile{2, 1}.shape, {2, 3}); same(tensor{{1, 2}}:tile{2}.shape, {1, 4}); same(x:repeat_interleave(2, 1):totable(), {1, 1, 2, 2, 3, 3})
        local parts = x:chunk(2); assert(#parts == 2); same(parts[2]:totable(), {3}); parts = x:split({1, 2}); same(parts[2]:totable(), {2, 3}); assert(#x:split(1, 1) == 3)
        local image = tensor.arange(1, 16):reshape{1, 4, 2, 2}
        same(image:pixel_shuffle(2)[1][1][1]:totable(), {1, 5, 2, 6}); assert(image:pixel_shuffle(2):pixel_unshuffle(2):equal(image)); assert(image:depth_to_space(2):space_to_depth(2):equal(image))
        assert(image:depth_to_space(2, {mode="CRD"}):equal(image:pixel_shuffle(2))); same(image:unfold{kernel={2}}.shape, {1, 16, 1}); fails("shape", image.pixel_shuffle, image, 3)
        same(tensor.eye(2)[2]:totable(), {0, 1}); same(tensor.eye(2, 3, {diagonal=1})[2]:totable(), {0, 0, 1}); assert(tensor.eye(2, {dtype="i64"}).dtype == "i64")
        same(tensor.linspace(0, 1, 3):totable(), {0, 0.5, 1}); same(tensor.logspace(0, 2, 3):totable(), {1, 10, 100}); local a, b = tensor.meshgrid(tensor{1, 2}, tensor{3, 4, 5}); same(a[2]:totable(), {2, 2, 2}); same(b[2]:totable(), {3, 4, 5})
        same(tensor.einsum("ij,jk->ik", tensor{{1, 2}, {3, 4}}, tensor{{1}, {1}}):reshape{2}:totable(), {3, 7}); same(tensor.einsum("ii", tensor.eye(3)):reshape{1}:totable(), {3})
        assert(fails("argument", tensor.einsum, "ij,jk->iz", image[1][1], image[1][1]).argument == "equation")
        assert(x:dot(x):item() == 14); same(x:outer(tensor{1, 2})[3]:totable(), {3, 6}); same(tensor{1, 2}:kron(tensor{1, 10}):totable(), {1, 10, 2, 20})
        """).isEmpty)
    }

    @Test func normalizationsAndLosses() throws {
      #expect(try run("""
        local x = tensor{{1, 3}, {2, 6}}
        same(x:layer_norm{epsilon=0}[2]:totable(), {-1, 1}); same(x:layer_norm{axis=1, epsilon=0}:mean():reshape{1}:totable(), {0}); same(x:layer_norm{scale=tensor{2, 3}, shift=tensor{1, 1}, epsilon=0}[1]:totable(), {-1, 4})
        same(tensor{{3, 4}}:rms_norm{epsilon=0}[1]:totable(), {0.8485281, 1.1313708}); same(x:group_norm{groups=1, epsilon=0}[1]:totable(), {-1, 1}); fails("shape", x.group_norm, x, {groups=3}); fails("shape", x.instance_norm, x)
        same(tensor{{{1, 3}}}:instance_norm{epsilon=0}[1][1]:totable(), {-1, 1}); same(x:local_response_norm{size=1, alpha=1, beta=1}[1]:totable(), {0.5, 0.3})
        local t = tensor{{1, 1}, {1, 1}}
        assert(x:mse_loss(t):item() == 7.5 and x:l1_loss(t, {reduction="sum"}):item() == 8 and x:huber_loss(t):item() == 1.625 and x:smooth_l1_loss(t, {beta=2}):item() == 1.3125)
        same(tensor{0}:binary_cross_entropy_with_logits(tensor{1}, {pos_weight=tensor{2}}):reshape{1}:totable(), {1.3862944}); fails("argument", x.mse_loss, x, t, {reduction="max"}); fails("shape", x.mse_loss, x, tensor{1})
        local p = tensor{{0.5, 0.5}}; same(p:log():kl_div(tensor{{0.25, 0.75}}):reshape{1}:totable(), {0.1308120})
        same(p:log():nll_loss(tensor{1}):reshape{1}:totable(), {0.6931472}); same(p:cross_entropy(tensor{1}):reshape{1}:totable(), {0.6931472}); same(p:cross_entropy(p, {label_smoothing=0.1}):reshape{1}:totable(), {0.6931472})
        same(tensor{{0, 0}, {5, 9}}:cross_entropy(tensor{1, 7}, {ignore_index=7, weight=tensor{1, 3}}):reshape{1}:totable(), {0.6931472}); fails("argument", p.cross_entropy, p, tensor{2}); fails("dtype", p.cross_entropy, p, tensor{0.5})
        same(tensor{1, 0}:cosine_similarity(tensor{1, 1}):reshape{1}:totable(), {0.7071068})
        """).isEmpty)
    }

    @Test func differentiation() throws {
      #expect(try run("""
        local x = tensor({1, 2}, {dtype="f64"}); local f = function(x) return (x ^ 3):sum() end
        same(tensor.hvp(f, x, tensor({1, 1}, {dtype="f64"})):totable(), {6, 12}); same(tensor.hvp(f, x, tensor({1, 0}, {dtype="f64"}), {method="differences"}):totable(), {6, 0})
        fails("unsupported", tensor.hvp, function(x) return x:cumprod(1):sum() end, x, x); fails("shape", tensor.hvp, f, x, tensor({1}, {dtype="f64"})); fails("argument", tensor.hvp, function() return "no" end, x, x)
        local w = x:requires_grad(); f(w):backward{create_graph=true}; local first = w.grad; same(first:totable(), {3, 12}); first:sum():backward(); same(w.grad:totable(), {6, 12})
        f(w):backward(tensor(2, {dtype="f64"})); same(w.grad:totable(), {6, 24})
        local a, b = tensor{1, 2}:requires_grad(), tensor{3, 4}:requires_grad()
        local y = tensor.checkpoint(function(a, b) return (a * b):exp() end, a, b); y:log():sum():backward(); same(a.grad:totable(), {3, 4}); same(b.grad:totable(), {1, 2})
        local lost = tensor.checkpoint(function(a) return a * b end, a); fails("argument", lost.backward, lost:sum())
        local q = tensor{0.4, 1.6}:requires_grad(); tensor.straight_through(q:round(), q):square():sum():backward(); same(q.grad:totable(), {0, 4})
        assert(not pcall(function() tensor.no_grad(function() return a * 2 end):sum():backward() end)); assert(not pcall(function() a:detach():sum():backward() end))
        """).isEmpty)
    }
  }
}
