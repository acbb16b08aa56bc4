-- The main job: a network is trained, searched, pruned, distilled, factorized and quantized,
-- and what comes out is a smaller, faster file with a report.   pare scripts/demo.lua [seed]
local seed = tonumber((...)) or 0
local digits = data.load("digits")

local net = nn.sequential{
  nn.conv2d{in_channels=1, out_channels=32, kernel=3, padding=1, name="conv1"}, nn.relu(),
  nn.conv2d{in_channels=32, out_channels=64, kernel=3, padding=1, name="conv2"}, nn.relu(),
  nn.maxpool2d{kernel=2}, nn.flatten(),
  nn.linear{in_features=1024, out_features=128, name="fc1"}, nn.relu(),
  nn.linear{in_features=128, out_features=10, name="fc2"},
  input={1,8,8}, seed=seed,
}
local base = train(net, digits, {epochs=15, batch=32, lr=0.02, seed=seed})

local result = compress(base, {
  search{space="filters", budget={macs=0.5}, strategy="evolution", evaluations=24},
  distill{teacher="input", loss="kd", epochs=12},
  prune{criterion="magnitude", granularity="filter", sparsity=0.1},
  finetune{epochs=3},
  lowrank{decomposition="svd", energy=0.95},
  distill{teacher="input", loss="kd", epochs=10},
  quantize{bits=8},
}, {data=digits, seed=seed})

os.execute("mkdir -p out")
base:save("out/base.pare")
result.model:save("out/digits.pare")
result.model:save("out/digits.onnx")
result:report("out/report.html")
print(result)
print("\nwrote out/digits.pare, out/digits.onnx and out/report.html; compare the speed with")
print("  pare bench out/base.pare out/digits.pare --threads 1")
return result
