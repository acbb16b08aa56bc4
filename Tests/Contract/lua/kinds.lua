-- Kinds that other steps consume: allocations, regularizers, proxies, losses that pair layers, and what is not there yet
local function fails(code, f) local ok, e = pcall(f); assert(not ok and e.code == code, tostring(e)); return e end
local d = data.load("digits")
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=16, kernel=3, padding=1, name="conv1"}, nn.batchnorm2d{channels=16, name="bn"}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
  nn.linear{in_features=256, out_features=32, name="fc1"}, nn.relu(), nn.linear{in_features=32, out_features=10, name="fc"}, input={1,8,8} }
local m = train(net, d, {epochs=2})
local function zeros(m, name) return m.parameters[name]:eq(0):to("f32"):sum():item() end

-- taylor is (w g)^2, bit for bit; planned names are refused as such, typos as typos
define.criterion{ name="by_hand", needs={"gradient"}, score=function(l) local p = l.weight * l.gradient; return p * p end }
for _, granularity in ipairs{"weight", "filter"} do
  assert(prune{criterion="taylor", granularity=granularity, sparsity=0.5}(m, {data=d}) == prune{criterion="by_hand", granularity=granularity, sparsity=0.5}(m, {data=d}))
end
assert(prune{criterion={"taylor", gate=true}, granularity="filter", sparsity=0.5}(m, {data=d}).parameters["conv1.weight"].shape[1] == 8)
assert(fails("unsupported", function() return prune{criterion="hrank", sparsity=0.5} end):find("hrank")); fails("not_found", function() return prune{criterion="tailor", sparsity=0.5} end)

-- allocations: the whole is reached, the shares are the allocation's
local even = prune{sparsity=0.8, allocation="uniform"}(m, {data=d}); local kernel = prune{sparsity=0.8, allocation="erdos_renyi"}(m, {data=d})
local sizes = {["conv1.weight"]=144, ["fc1.weight"]=8192, ["fc.weight"]=320}
local function removed(m) local n = 0; for name in pairs(sizes) do n = n + zeros(m, name) end; return n end
for _, one in ipairs{even, kernel} do assert(math.abs(removed(one) - 0.8 * 8656) <= 3, removed(one)) end
for name, size in pairs(sizes) do assert(math.abs(zeros(even, name) / size - 0.8) < 0.01) end
-- density in proportion to the sum of a layer's sizes over their product
local function density(name) return 1 - zeros(kernel, name) / sizes[name] end
local function raw(...) local sum, product = 0, 1; for _, n in ipairs{...} do sum = sum + n; product = product * n end; return sum / product end
assert(math.abs(density("fc1.weight") / density("fc.weight") - raw(32, 256) / raw(10, 32)) < 0.01 and density("conv1.weight") > density("fc.weight"))
local cut = prune{budget={macs=0.5}, granularity="filter", allocation="erdos_renyi"}(m, {data=d}); assert(cut:cost().macs <= 0.5 * m:cost().macs)
assert(zeros(prune{sparsity=0.5, allocation="erdos_renyi", layers={fc={sparsity=0.9}}}(m, {data=d}), "fc.weight") == 288)
fails("argument", function() return prune{threshold=0.1, allocation="uniform"} end); fails("argument", function() return prune{sparsity=0.5, scope="global", allocation="uniform"} end)

-- regularizers: train, finetune, distill; one or a weighted list
local function size(m, name) return m.parameters[name]:abs():sum():item() end
local plain = train(net, d, {epochs=2})
for name, parameter in pairs{l1="fc1.weight", group_lasso="fc1.weight", bn_l1="bn.weight"} do
  local held = train(net, d, {epochs=2, regularizer={name, strength=0.01}}); assert(size(held, parameter) < 0.97 * size(plain, parameter), name)
end
local tuned = finetune{epochs=1, regularizer={{"l1", strength=0.001}, {"bn_l1", strength=0.01, weight=2}}}(m, {data=d}); assert(size(tuned, "fc1.weight") < size(finetune{epochs=1}(m, {data=d}), "fc1.weight"))
-- the gradient is that of the sum: one step of sgd against the arithmetic
local part = {x=tensor.ones{1, 4}, y=tensor.zeros({1}, {dtype="i64"})}
local one = nn.sequential{nn.linear{in_features=4, out_features=2, bias=false, name="l"}}
local options = {epochs=1, batch=1, lr=0.1, momentum=0, schedule="constant"}
local a = train(one, {train=part, validation=part, test=part}, options); options.regularizer={"l1", strength=0.5}; local b = train(one, {train=part, validation=part, test=part}, options)
assert((a.parameters["l.weight"] - b.parameters["l.weight"]):allclose(one.parameters["l.weight"]:sign() * 0.05, 1e-6))
fails("not_found", function() return train(net, d, {regularizer="l3"}) end)
-- masked weights stay masked and cost nothing
assert(zeros(finetune{epochs=1, regularizer="l1"}(even, {data=d}), "fc1.weight") == zeros(even, "fc1.weight"))

-- proxies pick among proposals
for _, proxy in ipairs{"grad_norm", "synflow"} do local f = search{space="filters+bits", proxy=proxy, proposals=3, evaluations=3, objectives={"accuracy", "bytes"}}:front(m, {data=d}); assert(#f >= 1 and f[1].accuracy) end
fails("argument", function() return search{proposals=3} end)

-- attention: pairs layers of equal resolution by itself, or takes names
distill{teacher=m, loss={ {"kd", temperature=4, weight=1}, {"attention", weight=1000} }, epochs=1}(cut, {data=d})
distill{teacher=m, loss={"attention", layers={"conv1", {"relu1", "relu1"}}}, epochs=1}(m, {data=d})
fails("argument", function() return distill{teacher=m, loss="attention"}(nn.sequential{nn.flatten(), nn.linear{in_features=64, out_features=10}, input={1,8,8}}, {data=d}) end)
