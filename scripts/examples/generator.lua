-- A generator in the manner of DCGAN: transposed convolutions from a code to an image. Here it learns the codes' images
-- directly (no adversary), so that the error of its output is a number to compare by.
--   pare scripts/examples/generator.lua [epochs]
local epochs = tonumber(arg[1]) or 12
local codes = 8

-- The codes are the digits' own coordinates along their first singular directions.
local digits = data.load("digits", {normalize=false})
local images = digits.train:all().x
local flat = images:reshape{images.shape[1], 64}
local center = flat:mean{axis=1, keepdim=true}
local _, _, directions = (flat - center):svd()
directions = directions:slice(1, 1, codes)
local function part(of)
  local y = of:all().x
  local code = (y:reshape{y.shape[1], 64} - center):matmul(directions:t())
  return {x=code:reshape{y.shape[1], codes, 1, 1}, y=y}
end
local d = {train=part(digits.train), validation=part(digits.validation), test=part(digits.test)}

local function error_of(outputs, targets) local e = outputs - targets; return (e * e):mean():item() ^ 0.5 end

local net = nn.sequential{
  nn.conv_transpose2d{in_channels=codes, out_channels=32, kernel=4, name="project"}, nn.batchnorm2d{channels=32}, nn.relu(),
  nn.conv_transpose2d{in_channels=32, out_channels=16, kernel=2, stride=2, name="double"}, nn.batchnorm2d{channels=16}, nn.relu(),
  nn.conv2d{in_channels=16, out_channels=1, kernel=3, padding=1, name="paint"}, nn.sigmoid(), input={codes, 1, 1}, seed=0,
}
local m = train(net, d, {epochs=epochs, batch=32, optimizer="adam", lr=0.003, loss="mse"})
local r = compress(m, {prune{sparsity=0.6}, finetune{epochs=3, loss="mse", optimizer="adam", lr=0.002}}, {data=d, metric=error_of, seed=1})
print(string.format("root mean squared error %.4f, with 60%% of the weights gone %.4f", r.before.metric, r.after.metric))
print(r)
heat(r.model(d.test.x:slice(1, 1, 1)):reshape{8, 8}, {title="the first digit, generated"})
return r
