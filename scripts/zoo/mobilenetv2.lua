-- MobileNetV2 at half width with CIFAR strides (Sandler et al. 2018) on CIFAR-10.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("mobilenetv2", "cifar10", nn.mobilenetv2{width=0.5}, {
  epochs=26, batch=128, lr=0.1, weight_decay=2e-4, nesterov=true, schedule="one_cycle", augment={{"crop", pad=4}, {"flip"}},
})
