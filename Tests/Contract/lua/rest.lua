-- contract: what the other files leave out, section by section
local function fails(code, f) local ok, e = pcall(f); assert(not ok, "expected an error " .. code); assert(type(e) == "table" and e.code == code, "expected " .. code .. ", got " .. tostring(e)); return e end
local function same(t, u) assert(#t == #u, #t .. " items, not " .. #u); for i, v in ipairs(u) do assert(t[i] == v, tostring(t[i]) .. " is not " .. tostring(v)) end end

-- Conventions: entries by name or by table; accuracy a fraction; 0-d tensors where numbers are taken
local d = data.load("digits")
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="conv1"}, nn.batchnorm2d{channels=8}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(), nn.linear{in_features=128, out_features=10, name="fc"}, input={1,8,8} }
local m, history = train(net, d, {epochs=2, batch=64, seed=0})
assert(prune{criterion="magnitude", sparsity=tensor{0.5}:sum()}); assert(prune{criterion={"magnitude"}, sparsity=0.5})
local accuracy = d.test:evaluate(m).accuracy; assert(accuracy > 0.5 and accuracy <= 1)

-- Tensors: comparison of 0-d tensors, tracked leaves, custom gradients, memory, threads
local s = tensor{1, 2}:sum(); assert(s < 4 and s <= 3 and s > 2 and s >= 3 and s .. "" == tostring(s) and (s == 3) == false and s:item() == 3)
assert(not pcall(string.format, "%f", s)); assert(not pcall(math.floor, s)); fails("shape", function() return tensor{1, 2} < tensor{3, 4} end)
local w = tensor{1, 2}:requires_grad(); (w * w):sum():backward(); same(w.grad:totable(), {2, 4}); assert(not pcall(function() w[1] = 5 end))
local f = tensor.custom{ forward=function(x, p) return x * p.by end, gradient=function(g, x, y, p) return g * p.by end }
local v = tensor{1, 2}:requires_grad(); f(v, {by=3}):sum():backward(); same(v.grad:totable(), {3, 3})
tensor.no_grad(function() return w * 2 end); assert(tensor.memory().current); tensor.threads(2); assert(tensor.threads() == 2)
same(tensor.where(tensor{1, 2}:ge(2), tensor{1, 1}, tensor{0, 0}):totable(), {0, 1})

-- Models: several forms, files, comparisons
assert(nn.resnet{depth=18, classes=10, stem="cifar"}:cost().parameters > 1e7)
for _, name in ipairs{"vgg", "mobilenetv2", "vit", "gpt", "bert"} do local ok, e = pcall(nn[name], {}); assert(ok or (e.code == "unsupported" and e:find("nn." .. name)) or e.code == "argument", name .. ": " .. tostring(e)) end
local m2 = prune{sparsity=0.5}(m, {data=d})
local diff = m:diff(m2); assert(#diff.changed == 2 and diff.changed[1].before.nonzeros > diff.changed[1].after.nonzeros and #diff.added == 0 and #diff.removed == 0 and tostring(diff):find("conv1"))
local both = compare(m, m2); assert(#both == 2 and both[2].nonzeros < both[1].nonzeros); assert(m:why("conv1"):find("conv1"))
m:save("m.safetensors"); local again, report = net:load_parameters("m.safetensors", {strict=true}); assert(again == m and #report.missing == 0 and #report.unexpected == 0 and #report.mismatched == 0)
m:save("e.pare", {encode=true}); assert(model.load("e.pare") == m); m2:save("s.onnx", {sparse_initializer=true}); m:save("t.onnx", {profile="tensorrt"})
fails("unsupported", function() quantize{bits=8}(m, {data=d}):save("u.onnx", {profile="tensorrt"}) end)   -- its activations are u8
local open = nn.sequential{ nn.flatten(), nn.linear{in_features=64, out_features=10} }; assert(train(open, d, {epochs=1}):cost().macs == 640)
fails("argument", function() return open:compile{} end)
assert(m:layers()[1].index == 1 and m:layers()[1].shape[1] == "N")

-- Data: options, parts, iteration; what decides never sees the test part
assert(#data.load("digits", {train=0.8, seed=1}).train < #d.train); data.load("digits", {normalize=false}); data.load("digits", {normalize={mean={0.5}, std={0.5}}}); data.load("digits", {layout="nhwc"})
local n = 0; for batch in d.train:batches{size=64, shuffle=true, seed=1} do n = n + batch.x.shape[1]; assert(batch.y) end; assert(n == #d.train)
assert(#d.train:take(512) == 512 and #d.classes == 10 and #d.validation > 0)
fails("argument", function() return train(m, d.test, {}) end)
for _, name in ipairs{"mnist", "cifar10"} do local ok, e = pcall(data.load, name, {dir="nowhere"}); assert(not ok and e.code == "not_found") end

-- Training: the six callbacks, your own loop
local seen = {}
local own = function(name) return function(t) seen[name] = true; assert(t.model and t.epoch and t.step and t.steps and t.optimizer and t.history) end end
train(net, d, {epochs=1, callbacks={on_start=own "on_start", on_epoch=own "on_epoch", on_end=own "on_end", after_optimizer=own "after_optimizer",
  before_optimizer=function(t) seen.before_optimizer = true; assert(t.grads and t.batch and t.loss); return t.grads end,
  on_step=function(t) seen.on_step = true; if t.step == 5 then t:stop() end end}})
for _, name in ipairs{"on_start", "on_epoch", "on_step", "before_optimizer", "after_optimizer", "on_end"} do assert(seen[name], name) end
local batch = d.train:take(16):all(); local loss, grads = m:gradients(function(m) return m(batch.x):cross_entropy(batch.y) end)
local opt = optimizer.sgd{lr=0.1}; local stepped = opt:step(m, grads); assert(stepped ~= m and stepped(batch.x):cross_entropy(batch.y) < loss)
for _, o in ipairs{"adam", "adamw"} do train(net, d, {epochs=1, batch=256, optimizer=o, schedule="constant", warmup=0.5, augment={"flip"}, weight_decay=1e-4, momentum=0.9}) end
for _, p in ipairs{"bf16", "f16"} do train(net, {train=d.train:take(64), validation=d.validation, test=d.test, classes=d.classes}, {epochs=1, precision=p}) end
train(net, d, {epochs=1, batch=256, checkpoint="c.state"}); train(net, d, {epochs=1, batch=256, resume="c.state"})
train(net, d, {epochs=1, batch=256, loss=function(outputs, labels) return outputs:cross_entropy(labels) end})

-- prune: exactly one of the four; budgets, layers, keep, rounding, structure that stays
for _, step in ipairs{ prune{threshold=0.01}, prune{percentile=60}, prune{budget={macs=0.5}, granularity="filter"}, prune{budget={parameters=0.5}, granularity="filter"},
  prune{budget={bytes=0.5}, granularity="filter"}, prune{sparsity=0.5, scope="global"}, prune{sparsity=0.5, keep={"conv1"}}, prune{sparsity=0.5, layers={["fc"]={sparsity=0.9}}},
  prune{sparsity=0.5, granularity="filter", round_to=4}, prune{sparsity=0.5, granularity="filter", physical=false} } do assert(step(m, {data=d}) ~= m, tostring(step)) end
local kept = prune{sparsity=0.5, keep={"conv1"}}(m, {data=d}); assert(kept.parameters["conv1.weight"]:equal(m.parameters["conv1.weight"]))
local cut = prune{sparsity=0.5, granularity="filter"}(m, {data=d}); assert(cut.parameters["conv1.weight"].shape[1] == 4)
local held = prune{sparsity=0.5, granularity="filter", physical=false}(m, {data=d}); assert(held.parameters["conv1.weight"].shape[1] == 8)
local plan = prune{sparsity=0.5, granularity="filter"}:plan(m); assert(plan.items[1].layer and plan.after.macs < plan.before.macs and plan.skipped)
-- a method, granularity or option that is not there names itself
for _, make in ipairs{ function() return prune{sparsity=0.5, granularity="2:4"}(m, {data=d}) end, function() return prune{sparsity=0.5, granularity="block", block={4, 4}}(m, {data=d}) end,
  function() return prune{budget={latency_ms=0.001}, granularity="filter"}(m, {data=d}) end, function() return quantize{bits=4}(m, {data=d}) end, function() return quantize{weights={bits=4}}(m, {data=d}) end,
  function() return prune{sparsity=0.5, schedule="cubic"}(m, {data=d}) end } do
  local ok, e = pcall(make); assert(ok or ({unsupported=1, argument=1, not_found=1, not_reached=1})[e.code], tostring(e))
end

-- compress: several seeds, metric, steps' tables
local r = compress(m, {prune{sparsity=0.5}, finetune{epochs=1}}, {data=d, seed=2, runs=3, metric=function(outputs, labels) return 7 end})
assert(#r.runs == 3 and r.runs[2].seed == 3 and r.mean.accuracy and r.std.accuracy and r.interval.accuracy and tostring(r):find("±"))
assert(r.after.metric == 7 and r.mean.metric == 7 and r:json():find('"metric"')); assert(r.steps[1].layers[1].error_db and r.steps[1].arguments.sparsity == 0.5)
assert(r:csv():find("metric")); r:report("runs.html"); assert(io.open("runs.html"):read("a"):find("3 seeds"))
local front = search{space={["conv1.filters"]={0.5, 1}}, objectives={"accuracy", "bytes"}, strategy="random", evaluations=2}
local ok, found = pcall(front.front, front, m, {data=d, seed=1}); if ok then assert(#found >= 1 and found:best{bytes=1e9}); found:plot("front.svg") else assert(({unsupported=1, argument=1, not_found=1})[found.code], tostring(found)) end

-- Errors: place, step, method; the string forms
local e = fails("not_found", function() compress(m, {prune{sparsity=0.5}, prune{sparsity=0.5, keep={"nope"}}}, {data=d}) end)
assert(e.step == 2 and e.method == "prune" and e.file and e.line and e.traceback and e.message and e:match("nope") and (e .. "!"):find("!") and #tostring(e) > 10)
e = fails("not_found", function() return m.parameters["conv1.weihgt"] end); assert(e.suggestion:find("conv1.weight"))
fails("argument", function() return quantize{bits=8, weights={bitz=4}} end)

-- help for every function and entry there is
for _, entry in ipairs(registry.list()) do help(entry.kind .. "." .. entry.name) end
help(prune); help "criterion"; help(tensor); help(m); help()
for _, kind in ipairs{"method", "criterion", "schedule", "quantizer", "algorithm", "observer", "allocation", "loss", "regularizer", "decomposition", "rank", "strategy", "proxy", "metric", "dataset", "representation", "operator"} do
  assert(registry.list(kind)); local swift_only = ({algorithm=1, allocation=1, regularizer=1, proxy=1, representation=1, operator=1})[kind]
  if swift_only then fails("unsupported", function() define[kind]{name="x"} end) else fails("argument", function() define[kind]{nmae="x"} end) end
end
