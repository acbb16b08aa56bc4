-- A vision transformer of a million parameters (Dosovitskiy et al. 2021) on CIFAR-10.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("vit", "cifar10", nn.vit{width=128, depth=5, heads=4, pool="mean"}, {
  epochs=24, batch=128, optimizer="adamw", lr=0.002, weight_decay=0.05, schedule="one_cycle", label_smoothing=0.1, clip=1,
  augment={{"crop", pad=4}, {"flip"}},
})
