# contract: Swift plugins
command -v swiftc >/dev/null || { echo "SKIPPED: no swiftc on this machine"; exit 0; }
cp "$CONTRACT/plugins/grad_sign.swift" .
cat > use.lua <<'L'
plugin.load("grad_sign.swift")
local d = data.load("digits")
local m = nn.sequential{ nn.flatten(), nn.linear{in_features=64, out_features=10, name="fc"}, input={1,8,8} }
define.criterion{ name="lua_grad", needs={"gradient"}, score=function(l) return (l.weight * l.gradient):abs() end }
local a = prune{criterion="grad_sign", sparsity=0.5}(m, {data=d}); local b = prune{criterion="lua_grad", sparsity=0.5}(m, {data=d})
assert(a.parameters["fc.weight"]:equal(b.parameters["fc.weight"]))
local ok, e = pcall(function() return prune{criterion={"grad_sign", power=9}, sparsity=0.5} end); assert(not ok and e.code == "argument")
plugin.load("grad_sign.swift")   -- loading again replaces the entry
local n = 0; for _, x in ipairs(registry.list("criterion")) do if x.name == "grad_sign" then n = n + 1 end end; assert(n == 1)
assert(#plugin.list() == 1)
L
"$PARE" use.lua
"$PARE" plugin build grad_sign.swift | grep -q '\.so'
library=$(find . -name '*.so' | head -1)
"$PARE" --plugin "$library" methods grad_sign | grep -q power
# a truncated library and one without the stamp are refused, not crashed on
head -c 2000 "$library" > cut.so
status=0; "$PARE" -e 'plugin.load("cut.so")' 2>err || status=$?; [ $status = 1 ]; grep -qi "cut.so" err
echo 'syntax error here' > bad.swift
status=0; "$PARE" -e 'plugin.load("bad.swift")' 2>err || status=$?; [ $status = 1 ]; grep -q 'bad.swift' err
status=0; "$PARE" --sandbox --plugin "$library" -e 'return 1' 2>/dev/null || status=$?; [ $status = 2 ]
