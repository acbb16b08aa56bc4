-- Memory of tensors is the same after 10,000 steps of training as after 100: memory.lua [STEPS]
local steps = tonumber(arg[1]) or 10000
local d = data.load("synthetic", {size=320, shape={1, 8, 8}, classes=10, train=1, seed=1})
local net = nn.sequential{
  nn.conv2d{in_channels=1, out_channels=4, kernel=3, padding=1}, nn.batchnorm2d{channels=4}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
  nn.linear{in_features=64, out_features=10}, input={1, 8, 8},
}
-- Blocks that are in use and kept for reuse are what tensors hold of the system's memory; garbage of Lua is in use too.
local function held()
  collectgarbage()
  local m = tensor.memory()
  return {current=m.current, peak=m.peak, blocks=m.current + m.cached}
end
local early, late
train(net, d, {
  epochs=math.ceil(steps / 10), batch=32, optimizer="adamw", lr=0.001, ema=0.99, augment={{"flip"}}, seed=2,
  callbacks={on_step=function(t)
    if t.step == 100 then early = held() elseif t.step == steps then late = held() t:stop() end
  end},
})
for _, what in ipairs{"current", "peak", "blocks"} do
  print(("%s: %d bytes after 100 steps, %d after %d"):format(what, early[what], late[what], steps))
end
-- A prefetched batch more or less may be there at the moment of looking.
local batch = 2 * 32 * (64 + 1) * 8
for _, what in ipairs{"current", "peak", "blocks"} do assert(late[what] - early[what] <= batch, what .. " has grown") end
