import Compression
import Glibc
import Scripting
import Support
import Testing

extension ScriptingTests {
  @Suite struct CompressionBindings {
    private let setUp = """
      local d = data.load("digits"); local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="conv1"}, \
      nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(), nn.linear{in_features=128, out_features=10, name="fc"}, input={1,8,8} }

      """

    @Test func dataSets() throws {
      try run(setUp + """
        assert(#d.classes == 10 and #d.test == 500 and d.test.size == 500 and d.train.role == "train")
        local n, seen = 0, 0
        for batch in d.train:take(100):batches{size=32, shuffle=true, seed=1} do n = n + 1; seen = seen + #batch.x; assert(#batch.x == #batch.y) end
        assert(n == 4 and seen == 100); assert(d.train:all().x.shape[2] == 1)
        local e = d.test:evaluate(net); assert(e.samples == 500 and e.value == e.accuracy and #e.per_class == 10 and #e.confusion == 10)
        assert(d.test:evaluate(net, {metric=function(outputs, labels) assert(#outputs == 500 and #labels == 500); return 42 end}).value == 42)
        assert(d.test:evaluate(net, {metric="loss"}).value == e.loss)
        fails("not_found", data.load, "digitz"); fails("argument", data.load, "digits", {train=0}); fails("argument", data.load, "digits", {normalise=1})
        fails("not_found", d.test.evaluate, d.test, net, {metric="acuracy"}); fails("argument", d.test.evaluate, d.test, 3)
        fails("argument", d.train.batches, d.train, {size=0})
        """)
    }

    @Test func training() throws {
      try run(setUp + """
        local calls = {}
        local m, history = train(net, d, {epochs=1, batch=64, callbacks={
          on_start=function(t) calls.start = t.step end, on_step=function(t) calls.step = (calls.step or 0) + 1; if t.step == 5 then t:stop() end end,
          before_optimizer=function(t) assert(t.grads["fc.weight"] and t.batch.x and t.loss and t.optimizer.lr > 0); return t.grads end,
          on_end=function(t) calls.stop = t.step; assert(#t.history == 1); return t.model end}})
        assert(calls.start == 0 and calls.step == 5 and calls.stop == 5 and #history == 1 and history[1].epoch == 1 and history[1].lr)
        assert(not m.parameters["fc.weight"]:equal(net.parameters["fc.weight"]))
        local l = train(net, d, {epochs=1, loss=function(output, labels) return (output * output):mean() end}); assert(l)
        fails("argument", train, net, d, {epoch=1}); fails("argument", train, net, d, {epochs=-1}); fails("argument", train, net, d, {callbacks={on_stop=print}})
        fails("argument", train, net, d.test, {}); fails("argument", train, net, {train=d.test, validation=d.validation, test=d.test}, {})
        fails("argument", train, net, d, {callbacks={on_start=function() return 3 end}})
        local ok, e = pcall(train, net, d, {callbacks={on_start=function() error({mine=true}) end}}); assert(not ok and e.mine)
        local own = {train={x=tensor.randn({8,1,8,8}), y=tensor{0,1,2,3,4,5,6,7}}, validation={size=2, get=function(i) return tensor.zeros{1,8,8}, i end}, test=d.test}
        assert(#select(2, train(net, own, {epochs=1, batch=4})) == 1)
        """)
    }

    @Test func stepsAreValues() throws {
      try run(setUp + """
        local s = prune{sparsity=0.75}; assert(tostring(s):find("prune{") and s.name == "prune" and s.arguments.sparsity == 0.75)
        local m = s(net, {data=d}); assert(m.parameters["fc.weight"]:eq(0):to("f32"):sum():item() == 0.75 * 1280)
        assert(net.parameters["fc.weight"]:eq(0):to("f32"):sum():item() == 0); assert(s:plan(net).before.parameters == net:cost().parameters)
        local r = compress(net, {prune{granularity="filter", sparsity=0.5}, quantize{bits=8}}, {data=d, seed=1})
        assert(r.seed == 1 and #r.steps == 2 and r.after.bytes < r.before.bytes and r.steps[1].arguments.sparsity == 0.5 and r.steps[1].name == "prune")
        for _, f in ipairs{"accuracy", "loss", "parameters", "nonzeros", "macs", "bytes", "median_ms"} do assert(type(r.after[f]) == "number", f) end
        assert(#r.model:ledger() == 2 and r:json():find("accuracy") and #r:csv() > 0 and #tostring(r) > 0)
        local runs = compress(net, {prune{sparsity=0.5}}, {data=d, runs=2}); assert(#runs.runs == 2 and runs.mean.accuracy and runs.std.accuracy)
        assert(fails("argument", function() return prune{sparcity=0.5} end).suggestion == "did you mean 'sparsity'?")
        fails("argument", function() return prune{sparsity=2} end); fails("argument", function() return prune{} end); fails("argument", function() return prune(3) end)
        fails("argument", function() return prune{sparsity=0.5, criterion={"magnitude", powr=2}} end)
        fails("not_found", function() return prune{sparsity=0.5, criterion="magnitud"} end)
        fails("argument", compress, net, {prune}, {}); fails("argument", compress, net, {}, {}); fails("argument", compress, net, prune{sparsity=0.5}, {dat=d})
        fails("not_found", function() return method.prun end); assert(method.prune{sparsity=0.5}.name == "prune")
        local t = {}; t.t = t; fails("argument", function() return prune{sparsity=0.5, layers=t} end)
        """)
    }

    @Test func fiveLinesEqualMagnitude() throws {
      try run(setUp + """
        define.criterion{ name="mine", score=function(layer, p) return layer.weight:abs() end }
        local a, b = prune{criterion="mine", sparsity=0.7}(net, {data=d}), prune{criterion="magnitude", sparsity=0.7}(net, {data=d})
        for _, n in ipairs{"conv1.weight", "fc.weight"} do assert(a.parameters[n]:equal(b.parameters[n]), n) end
        local found; for _, e in ipairs(registry.list("criterion")) do if e.name == "mine" then found = e end end
        assert(found.kind == "criterion" and found.origin:find("script"))
        """)
      // What a script defined ends with it.
      #expect(Registry.shared.lookUp(.criterion, "mine") == nil)
    }

    @Test func definitions() throws {
      try run(setUp + """
        define.criterion{ name="scaled", parameters={p={type="number", default=2, min=1}}, needs={"gradient"}, score=function(layer, p) assert(p.p == 3); return (layer.weight * layer.gradient):abs() end }
        assert(prune{criterion={"scaled", p=3}, sparsity=0.5}(net, {data=d})); fails("argument", function() return prune{criterion={"scaled", p=0}, sparsity=0.5} end)
        define.criterion{ name="liar", score=function(layer) return layer.gradient end }
        fails("undeclared", function() return prune{criterion="liar", sparsity=0.5}(net, {data=d}) end)
        define.criterion{ name="broken", score=function() error({mine=1}) end }
        local ok, e = pcall(function() return prune{criterion="broken", sparsity=0.5}(net, {data=d}) end); assert(not ok and e.mine == 1)
        define.criterion{ name="odd", score=function() return "x" end }; fails("argument", function() return prune{criterion="odd", sparsity=0.5}(net, {data=d}) end)
        fails("argument", define.criterion, { name="magnitude", score=print }); fails("argument", define.criterion, { name="x" }); fails("argument", define.criterion, { name="x y", score=print })
        fails("argument", define.criterion, { name="x", score=print, needs={"gradients"} }); fails("argument", define.criterion, { name="x", score=print, parameters={p={type="nunber"}} })
        fails("unsupported", define.operator, {}); fails("argument", define.criterion, 3)
        define.method{ name="halve", parameters={by={type="number", default=2, min=1}}, apply=function(m, context, p)
          context.log("halving"); assert(context.seed == 0 and context.data.train and context.baseline and context.rng:uniform() < 1 and not context.cancelled())
          fails("argument", function() return context.data.test end); assert(context.evaluate(m).accuracy)
          return m:with{["fc.weight"]=m.parameters["fc.weight"] / p.by} end }
        local h = compress(net, {halve{by=4}}, {data=d}); assert(h.model.parameters["fc.weight"]:allclose(net.parameters["fc.weight"] / 4, 1e-6)); assert(method.halve)
        define.method{ name="nothing", apply=function(m) return m end }
        local e = fails("nothing_changed", compress, net, {prune{sparsity=0.5}, nothing{}}, {data=d}); assert(e.step == 2 and e.method == "nothing")
        define.metric{ name="seven", value=function() return 7 end }; assert(d.test:evaluate(net, {metric="seven"}).value == 7)
        define.dataset{ name="tiny", open=function(p) return {train=d.train:take(8), validation=d.validation, test=d.test} end }; assert(#data.load("tiny").train == 8)
        """)
    }

    @Test func globalsMayBeReplaced() throws {
      try run("data = pare.data.load('digits'); assert(data.train and pare.model and pare.data.load); model = 5; assert(model == 5)")
    }

    @Test func sandbox() throws {
      try run("""
        fails("io", model.load, "/etc/passwd.onnx"); fails("io", model.load, "../x.onnx"); fails("not_found", model.load, "no.onnx")
        local m = nn.lenet5(); fails("io", m.save, m, "x.pare"); fails("plugin", plugin.load, "x.so"); fails("plugin", plugin.load, "x.swift")
        assert(os == nil and io == nil and (tensor{1, 2} * 2):sum():item() == 6); assert(#data.load("digits").test == 500)
        """) { $0.sandbox = true }
      for chunk in ["local t = {} for i = 1, 1e9 do t[i] = tensor.zeros{1000000} end", "return tensor.zeros{100000000}", "while true do end"] {
        #expect(throws: ScriptFailure.self) {
          try run(chunk) { $0.sandbox = true; $0.memoryLimit = 64 << 20; $0.instructionLimit = 10_000_000 }
        }
      }
    }

    @Test func collectorSeesTensors() throws {
      try run("""
        local x = tensor.zeros{1000000}; local peak = 0
        for i = 1, 200 do local y = x + i; peak = math.max(peak, tensor.memory().current) end
        assert(peak < 200e6, peak)
        """)
    }

    @Test func helpTexts() throws {
      let environment = try environment()
      for name in ["prune", "criterion.magnitude", "criterion", "tensor.zeros", "tensor", "x:sum", "compress", "train"] {
        _ = try environment.evaluate("help \"\(name)\"")
      }
      _ = try environment.evaluate("help(); help(prune); help(tensor.zeros); help(tensor); help(print); help(tensor{1}); help(5)")
      #expect(throws: (any Error).self) { try environment.evaluate("help 'tensor.zeross'") }
      _ = try environment.evaluate("help ''")
    }

    @Test func completion() throws {
      let environment = try environment()
      _ = try environment.evaluate("t = tensor{1}; own = {alpha=1, _hidden=2}")
      #expect(environment.completions(of: "ten") == ["tensor"])
      #expect(environment.completions(of: "tensor.zer") == ["zeros"])
      #expect(environment.completions(of: "t:requ") == ["requires_grad"])
      #expect(environment.completions(of: "t.sha") == ["shape"])
      #expect(environment.completions(of: "own.") == ["alpha"])
      #expect(environment.completions(of: "own._") == ["_hidden"])
      #expect(environment.completions(of: "prune{crit") == ["criterion="])
      #expect(environment.completions(of: "compress(m, {prune{criterion=\"magn") == ["magnitude"])
      #expect(environment.completions(of: "prune{criterion={\"magn") == ["magnitude"])
      #expect(environment.completions(of: "x = data.load(\"dig") == ["digits"])
      #expect(environment.completions(of: "nothing.at.all").isEmpty)
      _ = try environment.evaluate("d = data.load('digits')")
      #expect(environment.completions(of: "d.test:eval") == ["evaluate"])
      #expect(environment.completions(of: "d.name:eval").isEmpty)
      #expect(environment.completions(of: "compress(m, {prune{schedule={\"cubic\", expo") == ["exponent="])
      #expect(environment.completions(of: "prune{schedule={\"cubic\", exponent=2}, crit") == ["criterion="])
      #expect(environment.completions(of: "? criterion.magn") == ["criterion.magnitude"])
      #expect(environment.completions(of: "?tensor.zer") == ["tensor.zeros"])
      #expect(environment.completions(of: "? critn").isEmpty)
      #expect(environment.completions(of: "prune{granularity=\"fil") == ["filter"])
      #expect(environment.completions(of: "tensor.zeros({2}, {dtype=\"bf") == ["bf16"])
      #expect(environment.completions(of: "t:to(\"u") == ["u16", "u8"])
      #expect(environment.completions(of: "d.test:evaluate(m, {metric=\"top") == ["top5"])
      #expect(environment.completions(of: "(((").isEmpty == false)
    }

    @Test func exitStatus() throws {
      #expect(try environment().run(chunk: "return 1") == 0)
      #expect(try environment().run(chunk: "error('no')") == 1)
      #expect(try environment().run(chunk: "x = = 1") == 1)
      #expect(try environment().run(file: "/no/such/file.lua") == 1)
    }
  }
}
