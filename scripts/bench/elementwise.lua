-- The tensor operations of elementwise.py, asked for over standard input: a line "NAME SIZE COUNT" runs the operation
-- COUNT times and answers "done". One process serves all lines, so that the caller can take turns with other libraries.
--
--   echo "add 1000 10" | pare scripts/bench/elementwise.lua

local matrices = {[1000] = {10, 100}, [100000] = {100, 1000}, [10000000] = {1000, 10000}}
local images = {[1000] = {2, 8, 8, 8}, [100000] = {4, 32, 28, 28}, [10000000] = {64, 64, 50, 50}}

local function unary(name)
  return function(size)
    local x = tensor.randn({size}, {seed = 1})
    return function() return x[name](x) end
  end
end
local function axis(name, number)
  return function(size)
    local x, option = tensor.randn(matrices[size], {seed = 1}), {axis = number}
    return function() return x[name](x, option) end
  end
end
local function pair(f)
  return function(size)
    local x, y = tensor.randn({size}, {seed = 1}), tensor.randn({size}, {seed = 2})
    return f(x, y)
  end
end

local cases = {
  add = pair(function(x, y) return function() return x + y end end),
  mul = pair(function(x, y) return function() return x * y end end),
  scale = pair(function(x) return function() return x * 1.5 end end),
  relu = unary("relu"), exp = unary("exp"), tanh = unary("tanh"), sigmoid = unary("sigmoid"), erf = unary("erf"),
  sum = unary("sum"), max = unary("max"),
  sum_rows = axis("sum", 1), sum_columns = axis("sum", 2),
  -- Channels-last activations: the mean of each channel.
  channel_mean = function(size)
    local n = images[size]
    local x = tensor.randn({n[1], n[3], n[4], n[2]}, {seed = 1}):permute{1, 4, 2, 3}
    local option = {axis = {1, 3, 4}}
    return function() return x:mean(option) end
  end,
  -- From N, C, H, W to N, H, W, C in memory.
  channels_last = function(size)
    local n = images[size]
    local x = tensor.randn(n, {seed = 1}):permute{1, 3, 4, 2}
    local flat = {n[1] * n[3] * n[4], n[2]}
    return function() return x:reshape(flat) end
  end,
  transpose = function(size)
    local x = tensor.randn(matrices[size], {seed = 1}):t()
    local flat = {size}
    return function() return x:reshape(flat) end
  end,
  greater = pair(function(x, y) return function() return x:gt(y) end end),
  where = pair(function(x, y)
    local mask = x:gt(0)
    return function() return tensor.where(mask, x, y) end
  end),
  softmax = function(size)
    local x = tensor.randn({size // 1000, 1000}, {seed = 1})
    return function() return x:softmax() end
  end,
}

tensor.threads(tonumber(arg[1]) or 2)
local made = {}
for line in io.lines() do
  local name, size, count = line:match("^(%S+) (%d+) (%d+)$")
  if made.line ~= name .. size then
    made = {line = name .. size, run = cases[name](math.tointeger(size))}
    collectgarbage()
  end
  local run = made.run
  for _ = 1, math.tointeger(count) do run() end
  print("done")
  io.flush()
end
