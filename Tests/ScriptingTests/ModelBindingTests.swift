import Scripting
import Testing

extension ScriptingTests {
  @Suite struct ModelBindings {
    private let net = """
      local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="first"}, nn.batchnorm2d{channels=8}, \
      nn.relu(), nn.maxpool2d{kernel=2}, nn.conv2d{in_channels=8, out_channels=4, kernel=1}, nn.flatten(), \
      nn.linear{in_features=64, out_features=10}, input={1,8,8}, seed=0 }
      local x = tensor.randn({2,1,8,8}, {seed=1}); local y = m(x)

      """

    @Test func layersAndCost() throws {
      try run(net + """
        local names = {}
        for i, l in ipairs(m:layers()) do names[i] = l.name; assert(l.index == i and l.op and l.inputs and l.representation) end
        assert(table.concat(names, " ") == "first batchnorm1 relu1 maxpool1 conv2 flatten1 linear1")
        local s = m:layers()[1].shape; assert(s[1] == "N" and s[2] == 8 and s[4] == 8)
        local c = m:cost(); assert(c.parameters == 8*9+8 + 16 + 8*4+4 + 650 and c.macs == 64*8*9 + 16*8*4 + 640)
        assert(#m:summary() > 0 and tostring(m) == m:summary() and #m:ledger() == 0 and #m:groups() > 0 and #m:why("conv2") > 0)
        fails("not_found", m.why, m, "conv9")
        """)
    }

    /// A linear layer on rows, as in a mixer: trained, pruned, quantized, compiled, saved.
    @Test func linearLayersMapTheLastAxis() throws {
      try run("""
        local m = nn.sequential{ nn.reshape{shape={8, 8}}, nn.linear{in_features=8, out_features=12, name="up"}, nn.relu(),
          nn.linear{in_features=12, out_features=6, name="down"}, nn.flatten(), nn.linear{in_features=48, out_features=10}, input={1,8,8} }
        local d = data.load("synthetic", {size=80, seed=1})
        m = train(m, d, {epochs=1, batch=16})
        local small = quantize{bits=8}(prune{granularity="neuron", sparsity=0.5}(m, {data=d}), {data=d})
        same(small.parameters["up.weight"].shape, {6, 8})
        local x = tensor.randn({3,1,8,8}, {seed=1})
        same(small(x).shape, {3, 10}); assert(small:compile{threads=1}:run(x):allclose(small(x), 1e-3))
        local path = os.tmpname(); small:save(path .. ".onnx"); assert(model.load(path .. ".onnx")(x):allclose(small(x), 1e-4))
        os.remove(path); os.remove(path .. ".onnx")
        """)
    }

    @Test func running() throws {
      try run(net + """
        same(y.shape, {2, 10}); assert(y:equal(m:forward(x)))
        local y2, taps = m:forward(x, {taps={"relu1"}}); assert(y2:equal(y)); same(taps.relu1.shape, {2, 8, 8, 8}); assert(taps.relu1:min() >= 0)
        fails("not_found", m.forward, m, x, {taps={"relu9"}}); fails("argument", m.forward, m, x, {tapz={}}); fails("argument", m, 3)
        fails("shape", m, tensor.zeros{2, 3, 8, 8})
        local s = m:compile{threads=1}; assert(s:run(x):allclose(y, 1e-4) and s(x):allclose(y, 1e-4))
        local b = s:benchmark{batch=1, runs=5}; assert(b.median_ms > 0 and b.min_ms <= b.median_ms and b.runs == 5)
        assert(#s:profile{batch=1} > 0); fails("argument", m.compile, m, {treads=2})
        """)
    }

    @Test func edits() throws {
      try run(net + """
        local w = m.parameters["first.weight"]; same(w.shape, {8, 1, 3, 3})
        local m2 = m:with{ ["first.weight"] = w * 2 }
        assert(m.parameters["first.weight"]:equal(w) and m2.parameters["first.weight"]:equal(w * 2) and not m2(x):equal(y))
        assert(#m:diff(m2).changed == 1 and m:diff(m2).changed[1].layer == "first" and tostring(m:diff(m)) == "no difference")
        assert(m:diff(m2).changed[1].weights > 0.5 and m:diff(m2).changed[1].weights <= 1 and tostring(m:diff(m2)):find("by "), tostring(m:diff(m2)))
        local m3 = m:rename{ linear1="head" }; assert(m3.parameters["head.weight"] and m3(x):equal(y))
        assert(#m:cut{from="flatten1", to="linear1"}:layers() == 2)
        same(m:append(nn.linear{in_features=10, out_features=3})(x).shape, {2, 3})
        same(m:replace("linear1", nn.linear{in_features=64, out_features=5})(x).shape, {2, 5})
        assert(#compare(m, m3) == 2)
        fails("not_found", m.with, m, {["no.weight"]=w}); fails("shape", m.with, m, {["first.weight"]=tensor{1}}); fails("argument", m.with, m, {["first.weight"]=1})
        fails("not_found", function() return m.parameters["no.weight"] end)
        local n = 0; for name, t in pairs(m.parameters) do n = n + 1; assert(t.shape) end; assert(n == #m.parameters and n >= 10)
        """)
    }

    @Test func wiringAndNetworks() throws {
      #expect(try run("""
        local g = nn.graph(function(x) local y = nn.conv2d{in_channels=3, out_channels=3, kernel=3, padding=1}(x):relu(); return y + x end, {input={3,8,8}, seed=0})
        same(g(tensor.randn({1,3,8,8}, {seed=2})).shape, {1, 3, 8, 8})
        local two = nn.graph(function(a, b) local y = nn.linear{in_features=4, out_features=3}(a) + b; return y, y:relu() end, {input={{4}, {3}}, seed=1})
        local out = two{input1=tensor.ones{2,4}, input2=tensor.ones{2,3}}
        same(out.output1.shape, {2, 3}); assert(out.output2:equal(out.output1:relu())); assert(two:cost().macs == 12)
        local named = nn.graph(function(image, text) return nn.concat{image, text} end, {input={text={1,4,4}, image={2,4,4}}})
        same(named{image=tensor.ones{1,2,4,4}, text=tensor.zeros{1,1,4,4}}:sum{axis=3}:sum{axis=3}:reshape{3}:totable(), {16, 16, 0})
        fails("argument", nn.graph, function(a) return a end, {input={{4}, "x"}}); fails("argument", nn.graph, function(a) return a end, {input={a={4}, {3}}})
        fails("argument", nn.graph, function(a, b) return a, 1 end, {input={{4}, {3}}}); fails("argument", nn.graph, function(a) return a end, {input={a={0}}})
        fails("argument", nn.graph, function(a) end, {input={{4}}})
        local k = nn.graph(function(x) return nn.concat{nn.relu()(x), x} end, {input={2,4,4}}); same(k(tensor.ones{1,2,4,4}).shape, {1, 4, 4, 4})
        assert(nn.resnet{depth=20, classes=10}:cost().parameters > 268000 and nn.lenet5():cost().parameters == 61706)
        fails("argument", nn.vgg, {depth=12}); fails("argument", nn.vit, {width=10, heads=3}); fails("argument", nn.gpt, {}); fails("argument", nn.resnet, {depth=21}); fails("argument", nn.resnet, {})
        assert(fails("argument", nn.conv2d, {in_channels=1, out_channels=8, kernal=3}).suggestion == "did you mean 'kernel'?")
        fails("argument", nn.conv2d, {in_channels=1, out_channels=8}); fails("argument", nn.conv2d, {in_channels=0, out_channels=8, kernel=3})
        fails("argument", nn.sequential, {1}); fails("argument", nn.sequential, {nn.relu}); fails("argument", nn.sequential, {})
        fails("argument", nn.sequential, {nn.relu(), inptu={1}}); fails("argument", nn.relu(), tensor{1})
        fails("argument", nn.graph, function(x) return 1 end, {input={1}}); local ok, e = pcall(nn.graph, function(x) error("own", 0) end); assert(e == "own")
        local ok, e = pcall(function() return nn.sequential{ nn.linear{in_features=4, out_features=2} }:compile{} end); assert(not ok and e:find("input"))
        """).isEmpty)
    }

    @Test func ownTrainingLoop() throws {
      #expect(try run("""
        local m = nn.sequential{ nn.linear{in_features=2, out_features=1}, input={2} }
        local x, target = tensor{{0, 1}, {1, 0}, {1, 1}}, tensor{{1}, {2}, {3}}
        local opt = optimizer.sgd{lr=0.1, momentum=0}; local first, last
        for i = 1, 300 do
          local loss, grads = m:gradients(function(m) local d = m(x) - target; return (d * d):mean() end)
          first = first or loss:item(); last = loss:item(); m = opt:step(m, grads)
        end
        assert(last < 0.01 * first, last); fails("argument", optimizer.sgd, {lr=-1})
        fails("argument", m.gradients, m, function(m) return tensor(1) end); fails("argument", m.gradients, m, function() return "x" end)
        local penalty, g = m:gradients(function(m) local w = m.parameters["linear1.weight"]; return (w * w):sum() end)
        assert(g["linear1.weight"]:allclose(m.parameters["linear1.weight"] * 2, 1e-5))
        """).isEmpty)
    }
  }
}
