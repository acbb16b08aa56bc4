-- contract: Models
local function same(t, expected) assert(#t == #expected, #t .. " items, expected " .. #expected) for i, v in ipairs(expected) do assert(t[i] == v, tostring(t[i]) .. " is not " .. tostring(v)) end end
local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, stride=1, padding=1, groups=1, bias=true, name="first"}, nn.batchnorm2d{channels=8},
  nn.relu(), nn.maxpool2d{kernel=2}, nn.conv2d{in_channels=8, out_channels=4, kernel=1}, nn.flatten(), nn.linear{in_features=64, out_features=10}, input={1,8,8}, seed=0 }
local names, ops = {}, {}
for i, l in ipairs(m:layers()) do
  names[i], ops[i] = l.name, l.op
  assert(l.index == i and l.inputs and l.outputs and l.parameter_names and l.parameters and l.nonzeros and l.macs and l.bytes and l.shape and l.representation)
end
same(names, {"first", "batchnorm1", "relu1", "maxpool1", "conv2", "flatten1", "linear1"})
same(ops, {"Conv", "BatchNormalization", "Relu", "MaxPool", "Conv", "Flatten", "Gemm"})
same(m:layers()[1].shape, {"N", 8, 8, 8})
local c = m:cost()
assert(c.parameters == 8*9+8 + 16 + 8*4+4 + 650, c.parameters)
assert(c.macs == 64*8*9 + 16*8*4 + 640, c.macs); assert(c.nonzeros <= c.parameters and c.bytes > 0)
same(m.parameters["first.weight"].shape, {8,1,3,3})
for _, n in ipairs{"weight", "bias", "running_mean", "running_var"} do same(m.parameters["batchnorm1." .. n].shape, {8}) end

local x = tensor.randn({2,1,8,8}, {seed=1})
local y = m(x); same(y.shape, {2,10}); assert(y:equal(m:forward(x)))
local y2, taps = m:forward(x, {taps={"relu1"}}); assert(y2:equal(y)); same(taps.relu1.shape, {2,8,8,8}); assert(taps.relu1:min() >= 0)

-- a model is a value
local w = m.parameters["first.weight"]
local m2 = m:with{ ["first.weight"] = w * 2 }
assert(m.parameters["first.weight"]:equal(w)); assert(m2.parameters["first.weight"]:equal(w * 2)); assert(not m2(x):equal(y))
local m3 = m:rename{ linear1="head" }; assert(m3.parameters["head.weight"] and m3(x):equal(y)); assert(m.parameters["linear1.weight"])
local m4 = m:cut{to="conv2"}; assert(#m4:layers() == 5); assert(#m:cut{from="relu1", to="maxpool1"}:layers() == 2)   -- both ends included
local m5 = m4:append(nn.flatten()):append(nn.linear{in_features=64, out_features=3}); same(m5(x).shape, {2,3})
local m6 = m:replace("linear1", nn.linear{in_features=64, out_features=5}); same(m6(x).shape, {2,5})
same(nn.sequential({nn.linear{in_features=4, out_features=2}, input={4}, seed=7}).parameters["linear1.weight"]:totable()[1],
     nn.sequential({nn.linear{in_features=4, out_features=2}, input={4}, seed=7}).parameters["linear1.weight"]:totable()[1])

-- any wiring
local g = nn.graph(function(x) local y = nn.conv2d{in_channels=3, out_channels=3, kernel=3, padding=1}(x):relu(); return y + x end, {input={3,8,8}, seed=0})
same(g(tensor.randn({1,3,8,8}, {seed=2})).shape, {1,3,8,8})
local k = nn.graph(function(x) return nn.concat{nn.relu()(x), x} end, {input={2,4,4}}); same(k(tensor.ones{1,2,4,4}).shape, {1,4,4,4})

-- built-in networks
assert(nn.resnet{depth=20, classes=10}:cost().parameters > 268000); assert(nn.lenet5():cost().parameters == 61706)
assert(nn.lenet300():cost().parameters == 266610)

-- what needs an input shape earlier says so
local open = nn.sequential{ nn.linear{in_features=4, out_features=2} }
local ok, e = pcall(function() return open:compile{} end); assert(not ok and e:find("input"))

-- files and the session
m:save("net.pare"); m:save("net.onnx")
assert(model.load("net.pare")(x):equal(y)); assert(model.load("net.onnx")(x):allclose(y, 1e-5))
local s = m:compile{threads=2}; assert(s:run(x):allclose(y, 1e-4))
local b = s:benchmark{batch=1, runs=5}; assert(b.median_ms > 0 and b.min_ms <= b.median_ms and b.p95_ms >= b.median_ms and b.runs == 5)
assert(#s:profile{batch=1} > 0); assert(#m:summary() > 0); assert(m:ledger()); assert(#m:groups() > 0); assert(m:why("conv2"))
