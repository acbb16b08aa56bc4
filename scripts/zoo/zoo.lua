-- What the scripts of the zoo share: train a network on a data set, with a checkpoint after each epoch from which the
-- next call goes on, and leave the trained file, the log of epochs and a line with the accuracy.
--
--   pare scripts/zoo/lenet5.lua [FOLDER]      FOLDER (default out/zoo) takes NAME.pare, NAME.jsonl, NAME.checkpoint
--
-- The data are looked for in $PARE_DATA. The same folder, called again after an interruption, goes on where it was.
local zoo = {}

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- Trains `network` on the data set `set` and returns the trained model.
-- `options` are those of `train`; seed, checkpoint, resume and log are added.
function zoo.train(name, set, network, options)
  local folder = arg[1] or "out/zoo"
  os.execute("mkdir -p '" .. folder .. "'")
  local path = folder .. "/" .. name
  local d = data.load(set)
  options.seed = 0
  options.checkpoint = path .. ".checkpoint"
  options.log = path .. ".jsonl"
  if exists(options.checkpoint) then options.resume = options.checkpoint end
  local model = train(network, d, options)
  model:save(path .. ".pare")
  local result = d.test:evaluate(model)
  print(string.format("%s: accuracy %.4f, loss %.4f on %d test samples, %d parameters, %d bytes", name, result.accuracy,
    result.loss, result.samples, model:cost().parameters, model:cost().bytes))
  return model
end

return zoo
