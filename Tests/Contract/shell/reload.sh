# contract: reload after an edit changes the result; 100 reloads leave one entry; wrong libraries are refused 100 of 100 times
command -v swiftc > /dev/null || { echo "SKIPPED: no swiftc on this machine"; exit 0; }
cp "$CONTRACT/plugins/grad_sign.swift" mine.swift
cat > reload.lua <<'L'
local d = data.load("digits")
local m = nn.sequential{ nn.flatten(), nn.linear{in_features=64, out_features=10, name="fc"}, input={1,8,8} }
plugin.load("mine.swift")
local before = #registry.list()
local first = prune{criterion="grad_sign", sparsity=0.5}(m, {data=d})
-- an edit: the opposite of the score
local f = io.open("mine.swift"); local text = f:read("a"); f:close()
local edited, n = text:gsub("%.abs%(%)%.pow%(power%)", ".abs().pow(power).neg()"); assert(n == 1)
f = io.open("mine.swift", "w"); f:write(edited); f:close()
plugin.load("mine.swift")
local second = prune{criterion="grad_sign", sparsity=0.5}(m, {data=d})
assert(not first.parameters["fc.weight"]:equal(second.parameters["fc.weight"]))
for _ = 1, 100 do plugin.load("mine.swift") end
assert(#registry.list() == before and #plugin.list() == 1)
f = io.open("own.lua", "w"); f:write("define.criterion{ name=\"own\", score=function(layer) return layer.weight:abs() end }"); f:close()
for _ = 1, 100 do plugin.load("own.lua") end
assert(#registry.list() == before + 1 and #plugin.list() == 2)
L
"$PARE" --quiet reload.lua
"$PARE" --quiet plugin build mine.swift > library; library=$(cat library)
cat > refuse.lua <<'L'
local f = io.open(arg[1], "rb"); local bytes = f:read("a"); f:close()
local at = assert(bytes:find("Plugin_mine_", 1, true)); local stamp = assert(bytes:find(arg[2], 1, true))
math.randomseed(5)
local function refused(text, what)
  local f = io.open("wrong.so", "wb"); f:write(text); f:close()
  local ok, e = pcall(plugin.load, "wrong.so"); assert(not ok and (e.code == "plugin" or e.code == "io") and #tostring(e) > 20, what .. ": " .. tostring(e))
end
for i = 1, 50 do refused(bytes:sub(1, math.random(0, #bytes - 1)), "truncated") end
for i = 1, 49 do
  local place = stamp + math.random(0, #arg[2] - 1)
  refused(bytes:sub(1, place - 1) .. string.char((bytes:byte(place) + 1) % 128) .. bytes:sub(place + 1), "another compiler")
end
refused("no library at all", "text")
L
compiler=$("$PARE" plugin check "$library" | sed 's/.*interface [0-9]*, //')
"$PARE" --quiet refuse.lua "$library" "$compiler"
