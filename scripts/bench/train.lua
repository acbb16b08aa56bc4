-- The Pare side of train.py: trains one network on the batches that train.py wrote, some steps for each line on
-- standard input, and answers with the losses of these steps.
local name, folder, steps = arg[1], arg[2], tonumber(arg[3])

local networks = {
  lenet5 = function()
    return nn.sequential{
      nn.conv2d{in_channels=1, out_channels=6, kernel=5, padding=2}, nn.relu(), nn.maxpool2d{kernel=2},
      nn.conv2d{in_channels=6, out_channels=16, kernel=5}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
      nn.linear{in_features=400, out_features=120}, nn.relu(), nn.linear{in_features=120, out_features=84}, nn.relu(),
      nn.linear{in_features=84, out_features=10}, input={1,28,28},
    }
  end,
  cnn = function()
    return nn.sequential{
      nn.conv2d{in_channels=3, out_channels=64, kernel=3, padding=1}, nn.relu(), nn.maxpool2d{kernel=2},
      nn.conv2d{in_channels=64, out_channels=128, kernel=3, padding=1}, nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
      nn.linear{in_features=8192, out_features=1024}, nn.relu(), nn.linear{in_features=1024, out_features=10},
      input={3,32,32},
    }
  end,
  resnet20 = function() return nn.resnet{depth=20, classes=10} end,
  resnet18 = function() return nn.resnet{depth=18, classes=10, stem="cifar"} end,
}

local net = networks[name]()
if not steps then
  -- The parameters in the order of the layers, for the peer to fill.
  for _, layer in ipairs(net:layers()) do
    for _, parameter in ipairs(layer.parameter_names) do
      if not parameter:find("running_") then print(parameter, table.concat(net.parameters[parameter].shape, " ")) end
    end
  end
  return
end

net = net:load_parameters(folder .. "/weights.safetensors", {strict=false})
local batches = data.load("npy", {dir=folder, normalize=false})
local each = tonumber(arg[4])
local losses = {}
train(net, batches, {
  epochs=steps, batch=tonumber(arg[5]), lr=tonumber(arg[6]), momentum=0.9, schedule="constant", shuffle=false,
  callbacks={on_step=function(t)
    losses[#losses + 1] = string.format("%.9g", t.loss)
    if #losses == each then
      print(table.concat(losses, " "))
      io.flush()
      losses = {}
      if not io.read() then t:stop() end
    end
  end},
})
