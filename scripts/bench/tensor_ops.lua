-- The Pare side of scripts/bench/tensor_ops.py: reads the name of a case from each line, runs it once and answers with
-- one number to compare. The other side holds the clock.
local folder = arg[1]
local function read(name) return tensor.load(folder .. "/" .. name .. ".npy") end
local line, points = read("line"), read("points")
local square = {}
for _, n in ipairs{256, 512, 1024, 2048} do square[n] = read("square" .. n) end

local cases = {
  topk = function() return (line:topk(1170000)):sum() end,
  quantile = function() return line:quantile(0.9) end,
  threshold = function() return line:abs():quantile(0.9) end,
  sort = function() return line:sorted()[5850000] end,
  sort_indices = function() return (line:sort())[5850000] end,
  kmeans = function() local _, _, inertia = points:kmeans(16, {start="density", iterations=20}); return inertia end,
}
for n, x in pairs(square) do
  cases["matmul" .. n] = function() return x:matmul(x)[{1, 1}] end
  if n == 512 or n == 1024 then cases["svd" .. n] = function() local _, s = x:svd(); return s[1] end end
end

for name in io.lines() do
  local result = cases[name]()
  print(type(result) == "number" and result or result:item())
  io.flush()
end
