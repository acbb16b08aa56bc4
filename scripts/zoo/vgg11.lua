-- VGG-11 at half width with batch normalization (Simonyan and Zisserman 2015) on CIFAR-10.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("vgg11", "cifar10", nn.vgg{depth=11, width=0.5}, {
  epochs=22, batch=128, lr=0.1, weight_decay=5e-4, nesterov=true, schedule="one_cycle", augment={{"crop", pad=4}, {"flip"}},
})
