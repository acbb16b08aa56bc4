-- Two convolutions with batch normalization on Fashion-MNIST.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

local network = nn.sequential{
  nn.conv2d{in_channels=1, out_channels=32, kernel=3, padding=1, bias=false, name="conv1"}, nn.batchnorm2d{channels=32, name="bn1"},
  nn.relu(), nn.maxpool2d{kernel=2},
  nn.conv2d{in_channels=32, out_channels=64, kernel=3, padding=1, bias=false, name="conv2"}, nn.batchnorm2d{channels=64, name="bn2"},
  nn.relu(), nn.maxpool2d{kernel=2}, nn.flatten(),
  nn.linear{in_features=3136, out_features=128, name="fc1"}, nn.relu(), nn.dropout{p=0.3}, nn.linear{in_features=128, out_features=10, name="fc2"},
  input={1, 28, 28},
}
zoo.train("fashion", "fashion-mnist", network, {
  epochs=20, batch=128, lr=0.05, weight_decay=5e-4, nesterov=true, schedule="one_cycle", augment={{"crop", pad=2}, {"flip"}},
})
