-- ResNet-56 (He et al. 2016) on CIFAR-10.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("resnet56", "cifar10", nn.resnet{depth=56, classes=10}, {
  epochs=30, batch=128, lr=0.2, weight_decay=5e-4, nesterov=true, schedule="one_cycle", precision="bf16",
  augment={{"crop", pad=4}, {"flip"}},
})
