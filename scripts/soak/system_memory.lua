-- What system_memory.py traces: trains a network for 120 steps and says when step 20 and step 120 are over.
local networks = {
  lenet5={64, {1, 28, 28}, function()
    return nn.sequential{
      nn.conv2d{in_channels=1, out_channels=6, kernel=5, padding=2}, nn.relu(), nn.maxpool2d{kernel=2},
      nn.conv2d{in_channels=6, out_channels=16, kernel=5}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
      nn.linear{in_features=400, out_features=120}, nn.relu(), nn.linear{in_features=120, out_features=84}, nn.relu(),
      nn.linear{in_features=84, out_features=10}, input={1, 28, 28},
    }
  end},
  cnn={64, {3, 32, 32}, function()
    return nn.sequential{
      nn.conv2d{in_channels=3, out_channels=64, kernel=3, padding=1}, nn.relu(), nn.maxpool2d{kernel=2},
      nn.conv2d{in_channels=64, out_channels=128, kernel=3, padding=1}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
      nn.linear{in_features=8192, out_features=1024}, nn.relu(), nn.linear{in_features=1024, out_features=10}, input={3, 32, 32},
    }
  end},
  resnet20={64, {3, 32, 32}, function() return nn.resnet{depth=20, classes=10} end},
  resnet18={16, {3, 32, 32}, function() return nn.resnet{depth=18, classes=10, stem="cifar"} end},
}
local batch, shape, network = table.unpack(networks[arg[1]])
local d = data.load("synthetic", {size=10 * batch, shape=shape, classes=10, train=1, seed=1})
train(network(), d, {epochs=13, batch=batch, lr=0.01, seed=1, callbacks={on_step=function(t)
  if t.step == 20 or t.step == 120 then io.stdout:write("step ", t.step, "\n") io.stdout:flush() end
  if t.step == 120 then t:stop() end
end}})
