-- Segmentation: which pixels belong to which shape? Measured by the mean intersection over union of the classes.
--   pare scripts/examples/segmentation.lua [epochs]
local epochs = tonumber(arg[1]) or 10
local side, classes = 16, 3                    -- nothing, a square, a disc

-- Images with one square and one disc in noise; a label for each pixel. Drawn from the seed alone.
local function part(count, seed)
  local noise = tensor.randn({count, 1, side, side}, {seed=seed}) * 0.2
  local places = tensor.rand({count, 4}, {seed=seed + 1})
  local rows = tensor.arange(0, side - 1):reshape{1, side, 1} + tensor.zeros{1, side, side}
  local columns = tensor.arange(0, side - 1):reshape{1, 1, side} + tensor.zeros{1, side, side}
  local function place(i) return (places:slice(2, i, i) * (side - 8) + 4):reshape{count, 1, 1} end
  local square = ((rows - place(1)):abs():lt(3):to("f32")) * ((columns - place(2)):abs():lt(3):to("f32"))
  local dy, dx = rows - place(3), columns - place(4)
  local disc = (dy * dy + dx * dx):lt(10):to("f32")
  local labels = square + disc * 2 - square * disc          -- the disc lies over the square
  labels = labels:clip(0, 2)
  return {x=noise + (square * 0.7 + disc * 1.3):reshape{count, 1, side, side}, y=labels:to("i64")}
end
local d = {train=part(400, 1), validation=part(60, 11), test=part(100, 21), classes={"nothing", "square", "disc"}}

-- Intersection over union of each class over the whole split, averaged.
local function mean_iou(outputs, labels)
  local answers, sum = outputs:argmax{axis=2}, 0
  for class = 0, classes - 1 do
    local a, b = answers:eq(class):to("f32"), labels:eq(class):to("f32")
    local both = (a * b):sum():item()
    local either = a:sum():item() + b:sum():item() - both
    sum = sum + (either > 0 and both / either or 1)
  end
  return sum / classes
end

local net = nn.sequential{
  nn.conv2d{in_channels=1, out_channels=16, kernel=3, padding=1, name="conv1"}, nn.relu(),
  nn.conv2d{in_channels=16, out_channels=16, kernel=3, padding=1, name="conv2"}, nn.relu(),
  nn.conv2d{in_channels=16, out_channels=classes, kernel=1, name="classify"}, input={1, side, side}, seed=0,
}
local m = train(net, d, {epochs=epochs, batch=20, optimizer="adam", lr=0.005})
local r = compress(m, {prune{granularity="filter", sparsity=0.5, keep={"classify"}}, finetune{epochs=3, optimizer="adam", lr=0.003}},
  {data=d, metric=mean_iou, seed=1})
print(string.format("mean IoU %.3f, with half of the filters gone %.3f", r.before.metric, r.after.metric))
print(r)
return r
