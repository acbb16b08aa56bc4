-- Inference as infer.py asks for it over standard input, one line each:
--
--   load ID MODEL THREADS BATCH PRECISION NAME=FILE.npy ...     compiles and runs once      -> ok
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

local sessions = {}

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

-- A dense f32 or int64 file of numpy's.
local function read_npy(path)
  local file <close> = assert(io.open(path, "rb"))
  local data = file:read("a")
  local length = string.unpack("<I2", data, 9)
  local header = data:sub(11, 10 + length)
  local sizes, count = {}, 1
  for size in header:match("'shape': %((.-)%)"):gmatch("%d+") do
    sizes[#sizes + 1] = math.tointeger(size)
    count = count * sizes[#sizes]
  end
  local form, dtype = "<f", "f32"
  if header:find("<i8", 1, true) then form, dtype = "<i8", "i64" end
  local values, at = {}, 11 + length
  for i = 1, count do values[i], at = string.unpack(form, data, at) end
  return tensor(values, {dtype = dtype}):reshape(sizes)
end

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

function commands.load(id, path, threads, batch, precision, ...)
  local options = {threads = math.tointeger(threads), batch = math.tointeger(batch)}
  if precision ~= "f32" then options.precision = precision end
  local inputs, count = {}, 0
  for _, pair in ipairs{...} do
    local name, file = pair:match("^(.-)=(.*)$")
    inputs[name], count = read_npy(file), count + 1
  end
  local m = model.load(path)
  local session = m:compile(options)
  sessions[id] = {session, count == 1 and select(2, next(inputs)) or inputs, m}
  session:run(sessions[id][2])
end

function commands.compress(kind, path, target, file)
  local options = {}
  if file then
    local part = {x = read_npy(file)}
    part.y = tensor.zeros({part.x.shape[1]}, {dtype = "i64"})
    define.dataset{name = "calibration_" .. kind, open = function() return {train = part, validation = part, test = part} end}
    options.data = data.load("calibration_" .. kind, {normalize = false})
  end
  local m = model.load(path)
  for _, step in ipairs{recipes[kind]()} do m = step(m, options) end
  m:save(target)
end

function commands.check(id)
  local session, x, m = table.unpack(sessions[id])
  local expected = m(x)
  print(((session:run(x) - expected):abs():max() / expected:abs():max()):item())
end

function commands.macs(id) print(sessions[id][3]:cost().macs) end

function commands.run(id, count)
  local session, x = table.unpack(sessions[id])
  for _ = 1, math.tointeger(count) do session:run(x) end
end

function commands.save(id, folder)
  local session, x = table.unpack(sessions[id])
  local results = session:run(x)
  if type(results) ~= "table" then results = {output = results} end
  for name, value in pairs(results) do
    local file <close> = assert(io.open(folder .. "/" .. name:gsub("/", "_") .. ".f32", "wb"))
    file:write(flat(value))
  end
end

function commands.profile(id)
  local session, x = table.unpack(sessions[id])
  print(session:profile(type(x) == "table" and {inputs = x} or {x = x}))
end

for line in io.lines() do
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  local done, problem = pcall(commands[words[1]], table.unpack(words, 2))
  print(done and "ok" or "error " .. tostring(problem))
  io.stdout:flush()
end
