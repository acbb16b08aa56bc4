-- The demo over three seeds: accuracy before and after, size.   pare scripts/demo_seeds.lua
local folder = arg[0]:match("^(.*/)") or ""
local demo = assert(loadfile(folder .. "demo.lua"))
local before, after = 0, 0
local rows = {}
for seed = 0, 2 do
  local r = demo(seed)
  before, after = before + r.before.accuracy / 3, after + r.after.accuracy / 3
  rows[#rows + 1] = string.format("seed %d   accuracy %.4f -> %.4f   bytes %d -> %d   median ms %.4f -> %.4f",
    seed, r.before.accuracy, r.after.accuracy, r.before.bytes, r.after.bytes, r.before.median_ms, r.after.median_ms)
end
print("\n" .. table.concat(rows, "\n"))
print(string.format("mean     accuracy %.4f -> %.4f", before, after))
