-- LeNet-5 (LeCun et al. 1998) on MNIST.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("lenet5", "mnist", nn.lenet5(), {
  epochs=15, batch=128, lr=0.05, weight_decay=5e-4, nesterov=true, schedule="one_cycle", augment={{"crop", pad=2}},
})
