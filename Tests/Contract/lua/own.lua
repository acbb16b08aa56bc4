-- contract: Your own
local d = data.load("digits")
local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="conv1"}, nn.relu(), nn.flatten(), nn.linear{in_features=512, out_features=10, name="fc"}, input={1,8,8} }
define.criterion{ name="mine", score=function(layer, p) return layer.weight:abs() end }
local a = prune{criterion="mine", sparsity=0.7}(m, {data=d}); local b = prune{criterion="magnitude", sparsity=0.7}(m, {data=d})
for _, n in ipairs{"conv1.weight", "fc.weight"} do assert(a.parameters[n]:equal(b.parameters[n]), n) end
define.criterion{ name="scaled", summary="Magnitude to a power", reference="own", parameters={p={type="number", default=2, min=1}}, needs={"gradient"},
  score=function(layer, p) return (layer.weight * layer.gradient):abs() end }
assert(prune{criterion={"scaled", p=3}, sparsity=0.5}(m, {data=d}))
local ok, e = pcall(function() return prune{criterion={"scaled", p=0}, sparsity=0.5} end); assert(not ok and e.code == "argument")
define.criterion{ name="liar", score=function(layer) return layer.gradient:abs() end }
ok, e = pcall(function() return prune{criterion="liar", sparsity=0.5}(m, {data=d}) end); assert(not ok and e.code == "undeclared", tostring(e))
ok, e = pcall(function() define.criterion{ name="magnitude", score=function(layer) return layer.weight end } end); assert(not ok)

define.schedule{ name="late", value=function(step, total, p) return step < total and 0 or 1 end }
define.loss{ name="halfway", value=function(student, teacher, labels, p) local d = student.logits - teacher.logits; return (d * d):mean() end }
assert(distill{teacher=m, loss="halfway", epochs=1}(m:with{["fc.bias"]=m.parameters["fc.bias"] + 1}, {data=d}))
define.method{ name="halve", family="own", parameters={by={type="number", default=2, min=1}}, apply=function(m, context, p)
  context.log("halving"); assert(context.seed and context.data and context.baseline)
  assert(not pcall(function() return context.data.test end))
  return m:with{ ["fc.weight"] = m.parameters["fc.weight"] / p.by } end }
local h = compress(m, { halve{by=4} }, {data=d}); assert(h.model.parameters["fc.weight"]:allclose(m.parameters["fc.weight"] / 4, 1e-6))
assert(method.halve and method.prune)
define.method{ name="nothing", apply=function(m) return m end }
ok, e = pcall(function() return compress(m, { method.nothing{} }, {data=d}) end); assert(not ok and e.code == "nothing_changed" and e.step == 1, tostring(e))
local found; for _, entry in ipairs(registry.list("criterion")) do if entry.name == "mine" then found = entry end end
assert(found and found.kind == "criterion" and found.origin and found.parameters); assert(#registry.list("method") >= 6)
assert(#plugin.list() >= 0)
-- Pare's globals may be assigned
data = pare.data.load("digits"); assert(data.train and pare.model)
