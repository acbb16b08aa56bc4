-- Super-resolution: a network that doubles the side of an image, measured by its peak signal to noise ratio, and what
-- pruning does to it.   pare scripts/examples/super_resolution.lua [epochs]
local epochs = tonumber(arg[1]) or 8

-- Digits at half their side are the input, the digits themselves (0..1) the target.
local digits = data.load("digits", {normalize=false})
local function part(of)
  local y = of:all().x
  local n = y.shape[1]
  local x = y:reshape{n, 1, 4, 2, 4, 2}:mean{axis=6}:mean{axis=4}
  return {x=x, y=y}
end
local d = {train=part(digits.train), validation=part(digits.validation), test=part(digits.test)}

-- 10 log10(peak^2 / mean squared error), in dB
local function psnr(outputs, targets)
  local e = outputs - targets
  return 10 * math.log((1 / (e * e):mean():item()), 10)
end

local net = nn.graph(function(x)
  local y = nn.conv2d{in_channels=1, out_channels=32, kernel=3, padding=1, name="features"}(x):relu()
  y = nn.conv2d{in_channels=32, out_channels=32, kernel=3, padding=1, name="middle"}(y):relu()
  return nn.conv_transpose2d{in_channels=32, out_channels=1, kernel=2, stride=2, name="upsample"}(y)
end, {input={1, 4, 4}, seed=0})
local m = train(net, d, {epochs=epochs, batch=32, optimizer="adam", lr=0.002, loss="mse"})

-- Every pixel twice, as the thing to beat.
local test = d.test.x
local n = test.shape[1]
local doubled = tensor.zeros{n, 1, 4, 2, 4, 2} + test:reshape{n, 1, 4, 1, 4, 1}
print(string.format("nearest neighbour %.2f dB", psnr(doubled:reshape{n, 1, 8, 8}, d.test.y)))

local r = compress(m, {prune{sparsity=0.7}, finetune{epochs=2, loss="mse", lr=0.002, optimizer="adam"}}, {data=d, metric=psnr, seed=1})
print(string.format("network %.2f dB, with 70%% of its weights gone %.2f dB", r.before.metric, r.after.metric))
print(r)
return r
