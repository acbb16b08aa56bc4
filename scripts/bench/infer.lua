-- Inference as infer.py asks for it over standard input, one line each:
--
--   inputs ID NAME=FILE.npy ...                                 reads what the session is run on -> ok
--   load ID MODEL THREADS BATCH PRECISION                       compiles and runs once      -> ok
--   run ID COUNT                                                runs COUNT times            -> ok
--   save ID FOLDER                                              FOLDER/NAME.f32, row-major, where each / of a name is _
--                                                               -> ok
--   compress KIND MODEL TARGET [FILE.npy]                       compresses as KIND says and saves; FILE holds inputs to
--                                                               calibrate on                -> ok
--   check ID                                                    the session's largest difference from the interpreter of
--                                                               the same model, relative    -> number, ok
--   macs ID                                                     multiply-accumulates        -> number, ok
--   profile ID                                                  one line per step, then     -> ok
--
-- One process serves all lines, so that the caller can take turns with other programs; it holds the clock.

-- By ID: the session, the path of its model, and what it is run on.
local sessions, paths, inputs = {}, {}, {}

-- What a user would write for each kind: steps, one after another.
local recipes = {
  sparse90 = function() return prune{sparsity = 0.9} end,
  sparse80 = function() return prune{sparsity = 0.8} end,
  block90 = function() return prune{sparsity = 0.9, granularity = "block", block = {16, 1}} end,
  sparse8 = function() return prune{sparsity = 0.9, granularity = "block", block = {1, 4}}, quantize{bits = 8, calibration = 16} end,
  linear4 = function() return quantize{weights = {bits = 4, granularity = "group", group = 32}} end,
  binary = function() return binarize{activations = true} end,
  half = function() return prune{sparsity = 0.5, granularity = "filter"} end,
}

local function flat(t)
  local text = {}
  local values = t:to("f32"):reshape{-1}:totable()
  for i = 1, #values, 100 do
    local last = math.min(i + 99, #values)
    text[#text + 1] = string.pack("<" .. ("f"):rep(last - i + 1), table.unpack(values, i, last))
  end
  return table.concat(text)
end

local commands = {}

function commands.inputs(id, ...)
  local read, count = {}, 0
  for _, pair in ipairs{...} do
    local name, file = pair:match("^(.-)=(.*)$")
    read[name], count = tensor.load(file), count + 1
  end
  inputs[id] = count == 1 and select(2, next(read)) or read
end

function commands.load(id, path, threads, batch, precision)
  local options = {threads = math.tointeger(threads), batch = math.tointeger(batch)}
  if precision ~= "f32" then options.precision = precision end
  sessions[id], paths[id] = model.compile(path, options), path
  sessions[id]:run(inputs[id])
end

function commands.compress(kind, path, target, file)
  local options = {}
  if file then
    local part = {x = tensor.load(file)}
    part.y = tensor.zeros({part.x.shape[1]}, {dtype = "i64"})
    define.dataset{name = "calibration_" .. kind, open = function() return {train = part, validation = part, test = part} end}
    options.data = data.load("calibration_" .. kind, {normalize = false})
  end
  local m = model.load(path)
  for _, step in ipairs{recipes[kind]()} do m = step(m, options) end
  m:save(target)
end

function commands.check(id)
  local x = inputs[id]
  local expected = model.load(paths[id])(x)
  print(((sessions[id]:run(x) - expected):abs():max() / expected:abs():max()):item())
end

function commands.macs(id) print(model.load(paths[id]):cost().macs) end

function commands.run(id, count)
  local session, x = sessions[id], inputs[id]
  for _ = 1, math.tointeger(count) do session:run(x) end
end

function commands.save(id, folder)
  local results = sessions[id]:run(inputs[id])
  if type(results) ~= "table" then results = {output = results} end
  for name, value in pairs(results) do
    local file <close> = assert(io.open(folder .. "/" .. name:gsub("/", "_") .. ".f32", "wb"))
    file:write(flat(value))
  end
end

function commands.profile(id)
  local x = inputs[id]
  print(sessions[id]:profile(type(x) == "table" and {inputs = x} or {x = x}))
end

for line in io.lines() do
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  local done, problem = pcall(commands[words[1]], table.unpack(words, 2))
  print(done and "ok" or "error " .. tostring(problem))
  io.stdout:flush()
end
