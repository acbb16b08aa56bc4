-- contract: Compression
local d = data.load("digits")
assert(d.train and d.validation and d.test and #d.classes == 10)
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=16, kernel=3, padding=1, name="conv1"}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
  nn.linear{in_features=256, out_features=32, name="fc1"}, nn.relu(), nn.linear{in_features=32, out_features=10, name="fc2"}, input={1,8,8} }
local m, history = train(net, d, {epochs=4, batch=32, seed=0})
assert(#history == 4 and history[4].epoch == 4 and history[4].loss < history[1].loss)
for _, f in ipairs{"lr", "accuracy", "validation_loss", "validation_accuracy"} do assert(history[1][f], f) end
local e = d.test:evaluate(m); assert(e.samples == 500 and e.accuracy > 0.85 and e.value == e.accuracy and e.loss and e.top5 and e.per_class and e.confusion)
assert(d.test:evaluate(m, {metric=function(outputs, labels) return 42 end}).value == 42)

local r = compress(m, { prune{criterion="magnitude", granularity="filter", sparsity=0.5}, finetune{epochs=1}, quantize{bits=8} }, {data=d, seed=1})
assert(r.model and r.baseline and r.seed == 1 and r.seconds >= 0 and #r.steps == 3)
for _, part in ipairs{r.before, r.after} do for _, f in ipairs{"accuracy", "loss", "parameters", "nonzeros", "macs", "bytes", "median_ms"} do assert(type(part[f]) == "number", f) end end
assert(r.after.bytes < r.before.bytes / 4 and r.after.macs < r.before.macs)
for _, s in ipairs(r.steps) do assert(s.name and s.arguments and s.before and s.after and s.layers and s.skipped and s.seconds) end
r:report("report.html"); r:csv("r.csv"); assert(type(r:json()) == "string"); assert(#tostring(r) > 0)
local html = io.open("report.html"):read("a"); assert(html:find("<svg") and not html:find("src=\"http"))
assert(#r.model:ledger() >= 3)

-- exact sparsity, kept while fine-tuning
local sparse = prune{sparsity=0.75}(m, {data=d})
local function zeros(w) return w:eq(0):to("f32"):sum():item() end
assert(zeros(sparse.parameters["fc1.weight"]) == 0.75 * 256 * 32)
local tuned = finetune{epochs=1}(sparse, {data=d}); assert(zeros(tuned.parameters["fc1.weight"]) == 0.75 * 256 * 32)
assert(zeros(m.parameters["fc1.weight"]) == 0, "the given model is unchanged")
assert(prune{sparsity=0.5}:plan(m))

-- lowrank, distill
local low = lowrank{decomposition="svd", energy=0.8}(m, {data=d})
local found; for _, l in ipairs(low:layers()) do if l.origin == "fc1" then found = true end end; assert(found)
local w = low.parameters["fc1.weight"]; assert(w.shape[1] == 32 and w.shape[2] == 256)
local student = distill{teacher=m, loss="kd", epochs=1}(sparse, {data=d}); assert(student)
compress(m, { distill{teacher="input", loss={ {"kd", temperature=2, weight=1} }, epochs=1} }, {data=d})

-- search
local f = search{space="filters+bits", objectives={"accuracy","bytes"}, budget={bytes=0.25}, strategy="evolution", evaluations=8}:front(m, {data=d, seed=1})
assert(#f >= 1 and f[1].model and f[1].accuracy and f[1].bytes and f[1].macs and f[1].candidate)
assert(f:best{bytes=20000})

-- the rules about data
local ok, err = pcall(function() return train(m, {train=d.test, validation=d.validation, test=d.test, classes=d.classes}, {epochs=1}) end); assert(not ok)
ok, err = pcall(function() return compress(m, { finetune{epochs=0} }, {data=d}) end); assert(not ok)

-- same seed, same bits
compress(m, { prune{sparsity=0.5}, finetune{epochs=1} }, {data=d, seed=3}).model:save("a.pare")
compress(m, { prune{sparsity=0.5}, finetune{epochs=1} }, {data=d, seed=3}).model:save("b.pare")
assert(io.open("a.pare", "rb"):read("a") == io.open("b.pare", "rb"):read("a"))
local runs = compress(m, { prune{sparsity=0.5} }, {data=d, seed=1, runs=2}); assert(#runs.runs == 2 and runs.mean and runs.std)
