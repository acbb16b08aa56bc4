-- The Pare side of scripts/bench/tensor_ops.py: reads the name of a case and a count from each line, runs it so often twice
-- (the second time after a line "go") and answers with one number to compare. The other side holds the clock.
-- The same numbers in both: products, differences and floors of f64 are exact to the bit.
local function read(n)
  local function fraction(x) return x - x:floor() end
  local x = fraction(tensor.arange(1, n):to("f64") * 0.6180339887498949)
  x = fraction((x + 0.1234) * (x + 0.1234) * 43758.5453)
  return (x - 0.5):to("f32")
end
local line, points = read(11700000), read(1000000)
local square = {}
for _, n in ipairs{256, 512, 1024, 2048} do square[n] = read(n * n):reshape{n, n} end

local cases = {
  topk = function() return (line:topk(1170000)):sum() end,
  quantile = function() return line:quantile(0.9) end,
  threshold = function() return line:abs():quantile(0.9) end,
  sort = function() return line:sorted()[5850000] end,
  sort_indices = function() return (line:sort())[5850000] end,
  kmeans = function() local _, _, inertia = points:kmeans(16, {start="density", iterations=20}); return inertia end,
}
local image, kernel = read(64 * 56 * 56):reshape{1, 64, 56, 56}, read(64 * 64 * 9):reshape{64, 64, 3, 3}
cases.conv = function() return image:conv(kernel, {padding=1})[{1, 1, 1, 1}] end
for n, x in pairs(square) do
  cases["matmul" .. n] = function() return x:matmul(x)[{1, 1}] end
  if n == 512 or n == 1024 then cases["svd" .. n] = function() local _, s = x:svd(); return s[1] end end
end

for line in io.lines() do
  local name, count = line:match("(%S+) (%d+)")
  local result
  for _ = 1, count do cases[name]() end
  print("go")
  io.flush()
  for _ = 1, count do result = cases[name]() end
  print(type(result) == "number" and result or result:item())
  io.flush()
end
