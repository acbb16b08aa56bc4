# contract: pare plugin new for every kind: Lua at once, Swift built and used
root="$CONTRACT/../.."
swift_kinds="method criterion schedule quantizer algorithm observer allocation loss regularizer decomposition rank strategy proxy metric dataset representation operator"
lua_kinds="method criterion schedule quantizer observer loss decomposition rank strategy dataset metric"
cat > use.lua <<'L'
-- arg[1]: the kind whose entry "own_KIND" is there
local kind, name = arg[1], "own_" .. arg[1]
local d = data.load("digits")
local m = nn.sequential{ nn.flatten(), nn.linear{in_features=64, out_features=32, name="fc1"}, nn.relu(), nn.linear{in_features=32, out_features=10, name="fc2"}, input={1,8,8} }
local use = {
  criterion=function() assert(prune{criterion=name, sparsity=0.5}(m, {data=d}) ~= m) end,
  method=function() assert(method[name]{below=0.5}(m, {data=d}) ~= m) end,
  schedule=function() assert(prune{sparsity=0.5, schedule=name, epochs=1}(m, {data=d}) ~= m) end,
  quantizer=function() assert(quantize{bits=8, quantizer=name}(m, {data=d}) ~= m) end,
  algorithm=function() assert(quantize{bits=8, algorithm=name}(m, {data=d}) ~= m) end,
  observer=function() assert(quantize{bits=8, observer=name}(m, {data=d}) ~= m) end,
  loss=function() assert(distill{teacher=m, loss=name, epochs=1}(m:with{["fc2.bias"]=m.parameters["fc2.bias"] + 1}, {data=d}) ~= m) end,
  decomposition=function() local low = lowrank{decomposition=name, rank=4}(m, {data=d}); assert(low.parameters["fc1.weight"].shape[2] == 64) end,
  rank=function() assert(lowrank{rank={name, share=0.25}}(m, {data=d}) ~= m) end,
  strategy=function() assert(#search{space="bits", strategy=name, objectives={"accuracy", "bytes"}, evaluations=3}:front(m, {data=d}) >= 1) end,
  metric=function() assert(d.test:evaluate(m, {metric=name}).value) end,
  dataset=function() local own = data.load(name, {seed=3}); assert(#own.train == 200 and #own.test == 50); assert(train(nn.sequential{nn.linear{in_features=2, out_features=2}}, own, {epochs=1})) end,
}
if use[kind] then use[kind]() end
local found; for _, entry in ipairs(registry.list(kind)) do if entry.name == name then found = entry end end; assert(found and #found.summary > 0, kind)
L
for kind in $lua_kinds; do
  "$PARE" --quiet plugin new own_$kind --kind $kind --lua > /dev/null
  "$PARE" --quiet --plugin own_$kind.lua use.lua $kind || { echo "Lua skeleton of $kind" >&2; exit 1; }
  # the examples are what the command writes
  (mkdir -p e && cd e && "$PARE" --quiet plugin new example_$kind --kind $kind --lua > /dev/null && cmp example_$kind.lua "$root/plugins/examples/lua/example_$kind.lua")
done
for kind in $swift_kinds; do (cd e && "$PARE" --quiet plugin new example_$kind --kind $kind > /dev/null && cmp example_$kind.swift "$root/plugins/examples/swift/example_$kind.swift"); done
status=0; "$PARE" plugin new x --kind proxy --lua 2> err || status=$?; [ $status = 1 ]; grep -q "proxy" err
status=0; "$PARE" plugin new x --kind criterium 2> err || status=$?; [ $status = 1 ]; grep -q "criterion" err
status=0; "$PARE" plugin new own_rank --kind rank --lua 2> err || status=$?; [ $status = 1 ]
command -v swiftc > /dev/null || { echo "SKIPPED: no swiftc on this machine"; exit 0; }
for kind in $swift_kinds; do
  rm -f own_$kind.lua; "$PARE" --quiet plugin new own_$kind --kind $kind > /dev/null
  "$PARE" --quiet --plugin own_$kind.swift use.lua $kind || { echo "Swift skeleton of $kind" >&2; exit 1; }
done
