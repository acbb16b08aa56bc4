-- contract: Data, training
local d = data.load("synthetic", {size=200, seed=1})
local function net(seed) return nn.sequential{ nn.conv2d{in_channels=1, out_channels=4, kernel=3, padding=1, name="conv"}, nn.batchnorm2d{channels=4, name="bn"}, nn.relu(), nn.flatten(),
  nn.linear{in_features=256, out_features=10, name="fc"}, input={1,8,8}, seed=seed or 0 } end
local function refused(f, argument) local ok, e = pcall(f); assert(not ok and e.argument == argument, tostring(e)) end

-- every option of train at once; the same call gives the same model
local options = {epochs=2, batch=16, optimizer="adamw", lr=0.01, weight_decay=0.01, schedule="one_cycle", warmup=0.5, clip=1, accumulate=2, ema=0.99, label_smoothing=0.1,
  augment={"flip", {"crop", pad=2}, {"cutout", size=2}, {"mixup", alpha=0.2}}, precision="bf16", keep_f32={"fc"}, early_stop={patience=3, metric="accuracy", restore_best=true},
  log="train.jsonl", checkpoint="state", seed=4}
local m, history = train(net(), d, options)
assert(#history == 2 and history[2].validation_loss and m:hash() == train(net(), d, options):hash())
local lines = 0; for line in io.lines("train.jsonl") do lines = lines + 1; assert(line:find('"epoch": ' .. lines) and line:find('"cpu_seconds": ')) end; assert(lines == 2)
options.resume = "state"; assert(train(net(), d, options):hash() == m:hash())     -- from the end: nothing left to do
options.seed = 5; refused(function() train(net(), d, options) end, "seed")
refused(function() train(net(), d, {augment={"flop"}}) end, "augment"); refused(function() train(net(), d, {augment={{"crop", size=2}}}) end, "size")
refused(function() train(net(), d, {keep_f32={"fd"}, precision="f16"}) end, "keep_f32"); refused(function() train(net(), d, {early_stop={patients=2}}) end, "patients")
-- files that cannot be written are named before the work
for _, option in ipairs{"checkpoint", "log"} do
  local begun; local ok, e = pcall(train, net(), d, {[option]="none/file", callbacks={on_start=function() begun = true end}}); assert(not ok and e.code == "io" and e:find("none/file", 1, true) and not begun)
end
local skipped; train(net(), d, {precision="f16", callbacks={on_step=function(t) assert(t.scale > 0); skipped = t.skipped end}}); assert(skipped == 0)

-- file order
local first; train(net(), d, {shuffle=false, batch=8, callbacks={on_step=function(t) first = first or t.batch.x end}})
for b in d.train:batches{size=8} do assert(first:equal(b.x)); break end

-- several seeds
local models, histories, summary = train(net, d, {runs=3, seed=7, epochs=1})
assert(#models == 3 and #histories == 3 and summary.seeds[3] == 9 and models[1]:hash() ~= models[2]:hash())
assert(models[2]:hash() == train(net(8), d, {seed=8, epochs=1}):hash())
local sum = 0; for i = 1, 3 do sum = sum + histories[i][1].loss end; assert(math.abs(summary.mean.loss - sum / 3) < 1e-9 and summary.std.loss > 0 and summary.mean.validation_accuracy)

-- an own loop: gradients, an optimizer, a schedule, running statistics

for _, make in ipairs{function() return optimizer.sgd{lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=true} end, function() return optimizer.adam{lr=0.01, betas={0.9, 0.99}, eps=1e-7} end, function() return optimizer.adamw{lr=0.01, weight_decay=0.01} end} do
  local m, opt, losses = net(), make(), {}
  local rate = optimizer.schedule("cosine", {steps=24, warmup=3, lr=opt.lr}); assert(rate(4) == opt.lr and rate(1) < rate(2) and rate(24) < rate(12))
  local step = 0
  for epoch = 1, 2 do
    for batch in d.train:batches{size=16, shuffle=true, seed=1, epoch=epoch} do
      step = step + 1; opt.lr = rate(step)
      local loss, grads, statistics = m:gradients(function(m) return m(batch.x):cross_entropy(batch.y) end, {training=true, seed=step})
      assert(grads["conv.weight"].shape[1] == 4 and grads["bn.weight"] and statistics["bn.running_mean"])
      m = opt:step(m, grads):with(statistics); losses[#losses + 1] = loss:item()
    end
  end
  assert(step == 24 and losses[24] < losses[1] / 2, losses[24]); assert(m.parameters["bn.running_mean"]:abs():sum() > 0)
  assert(d.test:evaluate(m).accuracy > 0.5)
  local before = m.parameters["fc.bias"]; opt.lr = 0; m = opt:step(m, {["fc.bias"] = tensor.ones{10}}); assert(m.parameters["fc.bias"]:allclose(before, 1e-6))
  assert(not pcall(function() opt.lr = -1 end)); assert(not pcall(function() opt.momentum = 1 end))
end
refused(function() optimizer.adam{betas={1}} end, "betas")

-- data of one's own: classes, values, a class for each pixel
local x = tensor.rand({40, 3}, {seed=1})
local line = {x=x, y=(x * 2):sum{axis=2, keepdim=true}}
local _, h = train(nn.sequential{nn.linear{in_features=3, out_features=1}}, {train=line, validation=line, test=line}, {loss="mse", epochs=30, batch=10})
assert(h[30].loss < 0.01 and h[30].validation_loss < 0.01 and h[30].accuracy == nil)
local each = {size=40, get=function(i) return tensor{i / 40, 1}, i / 20 end}
_, h = train(nn.sequential{nn.linear{in_features=2, out_features=1}, nn.flatten()}, {train=each, validation=each, test=each}, {loss=function(o, y) return ((o:reshape{o.shape[1]} - y) ^ 2):mean() end, epochs=20, batch=8})
assert(h[20].loss < h[1].loss)
define.dataset{ name="stripes", parameters={n={type="integer", default=30}}, open=function(p)
  local x = tensor.rand({p.n, 1, 4, 4}, {seed=p.seed}); local part = {x=x, y=x:gt(0.5):to("i64"):reshape{p.n, 4, 4}}
  return {train=part, validation=part, test=part, classes={"dark", "bright"}} end }
local maps = data.load("stripes", {seed=3}); assert(#maps.train == 30 and maps.classes[2] == "bright")
local s, hs = train(nn.sequential{nn.conv2d{in_channels=1, out_channels=2, kernel=1}}, maps, {epochs=30, batch=10, lr=0.5}); assert(hs[30].validation_accuracy > 0.9 and maps.test:evaluate(s).accuracy > 0.9)
assert(#data.load("synthetic", {kind="spirals", size=50}).classes == 3 and data.load("synthetic", {kind="regression", size=50}).train:all().y.shape[2] == 1)
assert(#data.load("synthetic", {kind="shapes", size=20, shape={1, 16, 16}}).train:all().y.shape == 3)
refused(function() data.load("images", {dir="."}) end, "size"); assert(not pcall(data.load, "images", {dir="nowhere", size={8, 8}}))
-- Every kind of network trains in mixed precision.
local small = data.load("synthetic", {size=12, shape={3, 16, 16}, classes=3})
for _, p in ipairs{"bf16", "f16"} do
  for _, m in ipairs{nn.vit{image=16, patch=8, width=16, depth=1, heads=2, classes=3}, nn.sequential{nn.conv2d{in_channels=3, out_channels=4, kernel=3}, nn.batchnorm2d{channels=4}, nn.relu6(), nn.avgpool2d{kernel=2}, nn.conv2d{in_channels=4, out_channels=4, kernel=3, groups=4}, nn.maxpool2d{kernel=2}, nn.flatten(), nn.linear{in_features=16, out_features=3}, input={3, 16, 16}}} do
    local _, log = train(m, small, {epochs=2, batch=6, precision=p, lr=0.01}); assert(log[2].loss == log[2].loss and log[2].loss < 5)
  end
end
-- A label outside the classes, a loss of several elements and a part without a size are told, not trained on.
do
  local net = nn.sequential{nn.linear{in_features=4, out_features=3}}
  local function told(part, options, word)
    local ok, e = pcall(train, net, {train=part, validation=part, test=part}, options); assert(not ok and e:find(word, 1, true), tostring(e))
  end
  for _, label in ipairs{-1, 3} do told({x=tensor.ones{2, 4}, y=tensor.full({2}, label, {dtype="i64"})}, {epochs=1}, "is no class") end
  told({x=tensor.ones{2, 4}, y=tensor.zeros({2}, {dtype="i64"})}, {epochs=1, loss=function(outputs) return outputs end}, "one element")
  told({size=-1, get=function() return tensor.ones{4}, 1 end}, {epochs=1}, "at least 0")
end
