-- Random calls of everything that is bound, with arguments that nobody means: fuzz.lua COUNT SEED
-- Each call gives values or an error object; nothing crashes, hangs or leaks. The call that runs stands in the file "last".
local count, seed = tonumber(arg[1]) or 20000, tonumber(arg[2]) or 1
math.randomseed(seed)
local cycle = {}; cycle.a = cycle; cycle[1] = cycle
local nothing = function(...) return ... end
local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=4, kernel=3, padding=1, name="conv"}, nn.relu(), nn.flatten(), nn.linear{in_features=256, out_features=10, name="fc"}, input={1, 8, 8} }
local d = data.load("digits")
local tiny = { train=d.train:take(8), validation=d.validation:take(8), test=d.test:take(8), classes=d.classes }
local objects = { tensor{{1, 2}, {3, 4}}, tensor(1), tensor.zeros{0, 3}, tensor({1, 2}, {dtype="i64"}), tensor{1e300, -1e300}:to("i64"), tensor{1, 2}:requires_grad(), m, d, tiny.train, prune{sparsity=0.5},
  optimizer.sgd{}, m:compile{threads=1}, m.parameters, nn.relu(), nn.conv2d{in_channels=1, out_channels=2, kernel=3} }
local words = { "", "x", "weight", "fc", "conv", "fc.weight", "f32", "i64", "f99", "digits", "magnitude", "nope", "/nowhere/x", "../x", "x.svg", "x.png", "x.pare", "x.onnx", "macs", "bytes", ("a"):rep(2000), "\0\255", "%s%n" }
local numbers = { 0, 1, 2, 3, -1, -7, 5, 0.5, 1.5, -0.25, 2^31, 2^53, -2^53, 1e300, -1e300, 0/0, 1/0, -1/0, math.mininteger, math.maxinteger, 64, 1000 }
local function pick(list) return list[math.random(#list)] end
local keys = { "axis", "keepdim", "dtype", "seed", "data", "epochs", "sparsity", "criterion", "path", "bits", "layers", "keep", "name", "input", "runs", "limit", "metric", "loss", "title", "x", "y", "size", "batch", "from", "to", "taps", "model", "recipe", "over" }
local function value(depth)
  local kind = math.random(12)
  if kind == 1 then return nil elseif kind == 2 then return math.random() < 0.5 elseif kind <= 5 then return pick(numbers) elseif kind == 6 then return pick(words)
  elseif kind == 7 then return nothing elseif kind == 8 then return pick(objects) elseif kind == 9 then return pick{cycle, coroutine.create(nothing), io.stdout, setmetatable({}, {__index=function() error("index") end})}
  elseif depth > 2 then return {} end
  local t = {}
  if kind <= 11 then for i = 1, math.random(0, 4) do t[i] = value(depth + 1) end end
  if kind >= 11 then for _ = 1, math.random(0, 3) do t[pick(keys)] = value(depth + 1) end end
  return t
end

-- What takes a terminal, a compiler, or all processors is left out.
local skip = { ["tensor.threads"]=true, ["plugin.load"]=true, ["help"]=true, ["s.benchmark"]=true, ["s.profile"]=true }
local targets = {}
for space, t in pairs(pare) do
  if type(t) == "function" and not skip[space] then targets[#targets + 1] = {name=space, f=t} end
  if type(t) == "table" then for key, f in pairs(t) do if type(f) == "function" and not skip[space .. "." .. key] then targets[#targets + 1] = {name=space .. "." .. key, f=f} end end end
end
for _, o in ipairs(objects) do
  local meta = debug.getmetatable(o)
  local own = meta.__name
  for key, f in pairs(meta.__methods or {}) do if key ~= "benchmark" and key ~= "profile" then targets[#targets + 1] = {name=own .. ":" .. key, f=f, object=o} end end
  for key, f in pairs(meta) do if type(f) == "function" and key ~= "__gc" and key ~= "__close" then targets[#targets + 1] = {name=own .. "." .. key, f=f, object=o} end end
end
table.sort(targets, function(a, b) return a.name < b.name end)

local print_ = print
print = function() end
local rounds = math.max(1, math.ceil(count / #targets))
local calls, errors, slowest, slowest_name = 0, 0, 0, ""
local last = io.open("last", "w"); last:setvbuf("no")
for round = 1, rounds do
  for _, target in ipairs(targets) do
    local arguments = table.pack()
    local n = math.random(0, 4)
    for i = 1, n do arguments[i] = value(0) end
    if target.object and math.random() < 0.9 then table.insert(arguments, 1, target.object); n = n + 1 end
    last:seek("set", 0); last:write(round, " ", target.name, (" "):rep(40))
    local started = os.clock()
    local results = table.pack(pcall(target.f, table.unpack(arguments, 1, n)))
    local took = os.clock() - started
    if took > slowest then slowest, slowest_name = took, target.name end
    calls = calls + 1
    if not results[1] then
      errors = errors + 1
      local e = results[2]
      -- What a function or a metamethod of the arguments raised arrives unchanged.
      local foreign = type(e) == "string" and (e:find("index", 1, true) or e:find("attempt to", 1, true) or e:find("bad argument", 1, true) or e:find("cannot", 1, true))
      assert(foreign or (type(e) == "table" and e.code), target.name .. ": " .. tostring(e))
      assert(foreign or e.code ~= "internal", target.name .. ": " .. tostring(e))
      assert(foreign or (#tostring(e) > 0 and not tostring(e):find("\n")), target.name)
    end
    results = nil
  end
  collectgarbage()
  if round == math.ceil(rounds / 4) then early = tensor.memory().current end
end
print = print_
local now = tensor.memory().current
assert(not early or now < early + 64 * 2^20, "tensors leak: " .. tostring(early) .. " -> " .. now)
print(string.format("%d calls of %d functions, %d at least %d times each, %d errors, slowest %.1f s (%s)", calls, #targets, #targets, rounds, errors, slowest, slowest_name))
