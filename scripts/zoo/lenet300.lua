-- LeNet-300-100 (LeCun et al. 1998) on MNIST.
package.path = arg[0]:gsub("[^/]*$", "?.lua") .. ";" .. package.path
local zoo = require "zoo"

zoo.train("lenet300", "mnist", nn.lenet300(), {
  epochs=20, batch=128, lr=0.05, weight_decay=5e-4, nesterov=true, schedule="one_cycle", augment={{"crop", pad=2}},
})
