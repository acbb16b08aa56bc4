-- What strangers write: rows of layers as modules, layers by position, entries as tables, free forms of returned values
local function fails(code, f, text) local ok, e = pcall(f); assert(not ok and e.code == code and (not text or e:find(text, 1, true)), tostring(e)); return e end
local d = data.load("digits")
local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="conv1"}, nn.batchnorm2d{channels=8}, nn.relu(), nn.flatten(), nn.linear{in_features=512, out_features=16, name="fc1"},
  nn.relu(), nn.linear{in_features=16, out_features=10, name="fc"}, input={1,8,8} }
-- a row of layers inside another one, in a layer's place, behind the model, as factors
assert(nn.sequential{nn.sequential{nn.relu(), nn.relu{name="q"}}, nn.relu(), input={4}}:layers()[2].name == "q")
local two = m:replace("fc", nn.sequential{nn.linear{in_features=16, out_features=4, bias=false}, nn.linear{in_features=4, out_features=10}})
assert(two:layers()[7].name == "fc.0" and two:layers()[8].origin == "fc" and #m:append(nn.sequential{nn.relu(), nn.linear{in_features=10, out_features=2}}):layers() == 9)
define.decomposition{ name="row", factor=function(layer, rank) local u, s, vt = layer.weight:svd()
  return nn.sequential{ nn.linear{in_features=layer.weight.shape[2], out_features=rank, bias=false}:with{weight=vt:slice(1, 1, rank)}, nn.linear{in_features=rank, out_features=layer.weight.shape[1]}:with{weight=u:slice(2, 1, rank) * s:slice(1, 1, rank), bias=layer.bias} } end }
local low = lowrank{decomposition="row", rank=4, scope={"fc1"}}(m, {data=d}); assert(low.parameters["fc1.weight"]:allclose(lowrank{rank=4, scope={"fc1"}}(m, {data=d}).parameters["fc1.weight"], 1e-4))
-- layers by position, from the end too
assert(m:why(1) == m:why("conv1") and m:replace(-1, nn.linear{in_features=16, out_features=5}):layers()[7].shape[2] == 5 and #m:cut{from=1, to=3}:layers() == 3 and #m:cut{to=-2}:layers() == 6)
local _, taps = m:forward(tensor.ones{1, 1, 8, 8}, {taps={1}}); assert(taps.conv1.shape[2] == 8); fails("argument", function() return m:why(9) end, "layer")
assert(m.inputs[1] == "input" and #m.outputs == 1)
fails("argument", function() m.parameters["fc.bias"] = tensor.zeros{10} end, "m:with")
-- registry entries as tables, and their parameters among the options
define.dataset{ name="few", parameters={n={type="integer", default=5}}, open=function(p) local part = {x=tensor.ones{p.n, 1, 8, 8}, y=tensor.zeros({p.n}, {dtype="i64"})}; return {train=part, validation=part, test=part} end }
assert(#data.load("few").train == 5 and #data.load({"few", n=7}).train == 7 and #data.load("few", {n=8, seed=2}).train == 8); fails("argument", function() return data.load("few", {m=8}) end, "did you mean 'n'")
define.metric{ name="constant", parameters={k={type="number", default=2}}, value=function(outputs, labels, p) return p.k end }
assert(d.test:evaluate(m, {metric="constant"}).value == 2 and d.test:evaluate(m, {metric={"constant", k=9}}).value == 9); fails("not_found", function() return d.test:evaluate(m, {metric="acuracy"}) end, "accuracy")
-- quantizers may give one scale, a scale for each channel with or without axes of size 1, and no zero point or 0
local function quantizer(name, body, back) define.quantizer{ name=name, quantize=body, dequantize=back }; return quantize{weights={bits=8}, quantizer=name} end
local function largest(w, p) local axes = {}; for i = 2, #w.shape do axes[#axes + 1] = i end; return w:abs():max{axis=axes, keepdim=true} / 127 end
local plain = m.parameters["fc1.weight"]
for _, step in ipairs{
  quantizer("whole", function(w, p) local s = w:abs():max() / 127; return (w / s):round(), s, 0 end, function(q, s, zero, p) return (q - zero) * s end),
  quantizer("kept", function(w, p) local s = largest(w); return (w / s):round(), s end, function(q, s) return q * s end),
  quantizer("flat", function(w, p) assert(p.bits == 8 and p.axis == 1); local s = largest(w); return (w / s):round(), s:reshape{w.shape[1]}, 0 end) } do
  local q = step(m, {data=d}); assert((q.parameters["fc1.weight"] - plain):abs():max() <= plain:abs():max() / 127 and q:layers()[4].representation == "int")
end
fails("unsupported", function() return quantizer("other", function(w) local s = w:abs():max() / 127; return (w / s):round(), s end, function(q, s) return q * s * 2 end)(m, {data=d}) end, "linear")
-- arithmetic as Lua's, and messages that count from 1 and show the call
local x = tensor{5, -5}; assert((x // 2):equal(tensor{2, -3}) and (x % 3):equal(tensor{2, 1}) and (7 // tensor{2}):equal(tensor{3}) and (7 % tensor{4}):equal(tensor{3}) and (x % tensor{3, 4}):equal(tensor{2, 3}))
fails("argument", function() return tensor{{1, 2}}:topk(3) end, "at most"); fails("argument", function() return tensor{{1, 2}}:permute{1, 1} end, "from 1 to 2"); fails("argument", function() return x:cumsum{axis=1} end, "x:cumsum(axis")
-- slips of those who write plugins; a plugin that is loaded again still has its entries
fails("argument", function() define.criterion{ name="slip", parameters={"p"}, score=function(l) return l.weight end } end, "p={type=")
define.observer{ name="turned", start=function() return {} end, update=function(s) return s end, range=function() return 1, 0 end }; fails("argument", function() return quantize{bits=8, observer="turned"}(m, {data=d}) end, "the lower one first")
define.strategy{ name="lost", start=function() return {} end, ask=function(s) return {nowhere=1}, s end, tell=function(s) return s end }; fails("argument", function() return search{space="filters", strategy="lost", evaluations=2}:front(m, {data=d}) end, "key '")
define.metric{ name="whole", value=function(outputs) return outputs end }; fails("argument", function() return d.test:evaluate(m, {metric="whole"}) end, "got tensor")
local file = assert(io.open("again.lua", "w")); file:write('define.metric{ name="again", value=function() return 1 end }'); file:close()
for _ = 1, 2 do local entries = plugin.load("again.lua"); assert(#entries == 1 and entries[1] == "metric.again") end
local listed = plugin.list(); assert(listed[#listed].entries[1] == "metric.again")
-- one that fails half-way leaves nothing, and what it had replaced comes back
local half = assert(io.open("half.lua", "w"))
half:write('define.metric{ name="again", value=function() return 2 end }\ndefine.method{ name="halfway", apply=function(m) return m end }\nerror("half-way")'); half:close()
assert(not pcall(plugin.load, "half.lua")); assert(#plugin.list() == #listed and rawget(pare, "halfway") == nil)
assert(d.test:evaluate(m, {metric="again"}).value == 1); fails("not_found", function() return method.halfway{} end)
