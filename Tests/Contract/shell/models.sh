# contract: inspect, infer, eval, bench, compress, convert on a network trained here
cat > train.lua <<'L'
local d = data.load("digits")
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=16, kernel=3, padding=1, name="conv1"}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(), nn.linear{in_features=256, out_features=10, name="fc"}, input={1,8,8} }
local m = train(net, d, {epochs=3}); m:save("net.pare"); m:save("net.onnx")
L
"$PARE" --quiet train.lua
"$PARE" inspect net.onnx | grep -q conv1
"$PARE" inspect net.pare --json > i.json
python3 - <<'P'
import json
i = json.load(open("i.json"))
assert {"parameters", "nonzeros", "macs", "bytes", "layers"} <= set(i)
assert {"name", "op", "parameters", "nonzeros", "macs", "bytes", "representation"} <= set(i["layers"][0])
assert i["parameters"] == 16*9+16 + 2570, i["parameters"]
P
"$PARE" inspect net.onnx --groups | grep -q conv1
"$PARE" eval net.onnx --data digits --json > e.json
python3 -c 'import json; e=json.load(open("e.json")); assert e["samples"] == 500 and e["accuracy"] > 0.8 and "loss" in e'
"$PARE" eval net.pare --data digits --split validation | grep -q accuracy
"$PARE" bench net.pare --runs 5 --json > b.json
python3 -c 'import json; b=json.load(open("b.json")); assert {"median_ms","min_ms","p95_ms","runs","batch","threads","model_bytes","peak_rss_bytes"} <= set(b)'
"$PARE" bench net.pare net.onnx --runs 5 --json | python3 -c 'import json,sys; assert len(json.load(sys.stdin)) == 2'
"$PARE" -e 'return 1' > /dev/null
python3 - <<'P'
import struct
def npy(path, shape, data):
    h = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    h = h.ljust(117) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h.encode() + struct.pack("<%df" % len(data), *data))
npy("x.npy", (2, 1, 8, 8), [i / 128 for i in range(128)])
P
"$PARE" infer net.onnx --input x.npy --output-dir out1
"$PARE" infer net.pare --input x.npy --output-dir out2 --engine interpreter
[ "$(ls out1)" = "$(ls out2)" ]
cat > recipe.lua <<'L'
return { prune{granularity="filter", sparsity=0.5}, finetune{epochs=1}, quantize{bits=8} }
L
"$PARE" compress net.onnx --recipe recipe.lua --data digits --output small.pare --report r.html --seed 1 --json > c.json
python3 -c 'import json; c=json.load(open("c.json")); assert c["after"]["bytes"] < c["before"]["bytes"] / 3'
grep -q '<svg' r.html
"$PARE" convert small.pare small.onnx && "$PARE" eval small.onnx --data digits | grep -q accuracy
"$PARE" check net.onnx
# same recipe, seed, data and threads: same bits
"$PARE" compress net.onnx --recipe recipe.lua --data digits --output small2.pare --seed 1 --quiet
cmp small.pare small2.pare
