-- What determinism.sh compares: determinism.lua operations | training FOLDER
--
-- "operations": every function and method of tensors on seeded inputs that are large enough for all threads, and where
-- there is one its gradient; a line with a hash of all bits for each. "training": the first 100 steps of ResNet-20; a line
-- with the loss of each, and the weights in FOLDER.
if arg[1] == "training" then
  local d = data.load("synthetic", {size=3200, shape={3, 32, 32}, classes=10, train=1, seed=1})
  local m = train(nn.resnet{depth=20, classes=10, seed=2}, d, {
    epochs=4, batch=128, lr=0.1, seed=3, augment={{"crop", pad=4}, {"flip"}},
    callbacks={on_step=function(t)
      print(("%d %a"):format(t.step, t.loss))
      if t.step == 100 then t:stop() end
    end},
  })
  m:save(arg[2] .. "/weights.safetensors")
  return
end

local seed = 0
local function r(shape) seed = seed + 1 return tensor.rand(shape, {seed=seed}) * 2 - 1 end
local function int(shape, below, dtype) seed = seed + 1 return (tensor.rand(shape, {seed=seed}) * below):to(dtype or "i64") end
local function positive(shape) return r(shape):abs() + 0.1 end
local function within(shape) return r(shape) * 0.9 end
local matrix, image = {192, 256}, {8, 16, 32, 32}
local square = r{160, 160}
local symmetric = square:matmul(square:t()) + tensor.eye(160) * 10
local bits, classes = int(matrix, 2, "bool"), int({192}, 256)

-- Receiver and arguments of what does not take one matrix alone; several of each where there are several ways.
local one = {
  acosh={{positive(matrix) + 1}}, acos={{within(matrix)}}, asin={{within(matrix)}}, atanh={{within(matrix)}},
  log={{positive(matrix)}}, log10={{positive(matrix)}}, log2={{positive(matrix)}}, log1p={{positive(matrix)}},
  sqrt={{positive(matrix)}}, rsqrt={{positive(matrix)}}, reciprocal={{positive(matrix)}},
  adaptive_avgpool={{r(image), {7, 5}}}, adaptive_maxpool={{r(image), {7, 5}}},
  avgpool={{r(image), {kernel=3, stride=2}}}, maxpool={{r(image), {kernel=2}}, {r(image), {kernel=3, stride=2, indices=true}}},
  lppool={{positive(image), {kernel=2}}}, max_unpool={{r{2, 3, 4, 4}, int({2, 3, 4, 4}, 64), {8, 8}}},
  all={{bits}, {bits, {axis=1}}}, any={{bits}, {bits, {axis=2}}}, logical_not={{bits}},
  logical_and={{bits, int(matrix, 2, "bool")}}, logical_or={{bits, int(matrix, 2, "bool")}}, logical_xor={{bits, int(matrix, 2, "bool")}},
  allclose={{r(matrix), r(matrix)}}, equal={{r(matrix), r(matrix)}}, item={{r(matrix):sum()}},
  argmax={{r(matrix)}, {r(matrix), {axis=1}}}, argmin={{r(matrix)}, {r(matrix), {axis=2}}},
  attention={{r{4, 4, 64, 32}, r{4, 4, 64, 32}, r{4, 4, 64, 32}}, {r{4, 4, 64, 32}, r{4, 2, 64, 32}, r{4, 2, 64, 32}, {causal=true, dropout=0.1, seed=4}}},
  binary_cross_entropy_with_logits={{r(matrix), positive(matrix):clip(0, 1)}},
  bincount={{int({50000}, 100)}, {int({50000}, 100), {weights=r{50000}}}},
  bitwise_and={{int(matrix, 99), int(matrix, 99)}}, bitwise_or={{int(matrix, 99), int(matrix, 99)}}, bitwise_xor={{int(matrix, 99), int(matrix, 99)}},
  bitwise_left_shift={{int(matrix, 99), int(matrix, 8)}}, bitwise_right_shift={{int(matrix, 99), int(matrix, 8)}}, bitwise_not={{int(matrix, 99)}},
  cholesky={{symmetric}}, inverse={{symmetric}}, det={{square}}, slogdet={{square}}, cond={{square}}, trace={{square}}, qr={{square}},
  eigh={{symmetric}}, matrix_rank={{square}}, pinv={{square}}, singular_values={{square}}, svd={{square}, {r{256, 192}, {full=true}}},
  truncated_svd={{square, 9}}, randomized_svd={{square, 9, {seed=5}}},
  solve={{symmetric, r{160, 40}}}, solve_triangular={{symmetric, r{160, 40}, {upper=true}}}, lstsq={{r{256, 160}, r{256, 8}}},
  chunk={{r(matrix), 3, 1}}, split={{r(matrix), {100, 92}, 1}}, clip={{r(matrix), -0.5, 0.5}},
  conv={{r(image), r{32, 16, 3, 3}, {bias=r{32}, padding=1}}, {r(image), r{16, 1, 3, 3}, {groups=16, padding=1}}, {r(image), r{32, 16, 1, 1}, {stride=2}},
    {r{8, 16, 500}, r{32, 16, 5}, {dilation=2}}, {r{4, 4, 8, 16, 16}, r{8, 4, 3, 3, 3}, {padding=1}}},
  conv_transpose={{r(image), r{16, 8, 3, 3}, {stride=2}}},
  cross_entropy={{r(matrix), classes}, {r(matrix), classes, {label_smoothing=0.1}}}, nll_loss={{r(matrix):log_softmax(2), classes}},
  cosine_similarity={{r(matrix), r(matrix)}}, huber_loss={{r(matrix), r(matrix)}}, l1_loss={{r(matrix), r(matrix)}}, mse_loss={{r(matrix), r(matrix)}},
  smooth_l1_loss={{r(matrix), r(matrix)}}, kl_div={{r(matrix):log_softmax(2), r(matrix):softmax(2)}},
  cumprod={{r(matrix), 2}}, cumsum={{r(matrix), 1}}, depth_to_space={{r(image), 2}}, space_to_depth={{r(image), 2}},
  pixel_shuffle={{r(image), 2}}, pixel_unshuffle={{r(image), 2}},
  dft={{r{64, 512, 2}, {axis=2}}}, rfft={{r{64, 1024}}}, irfft={{r{64, 513, 2}}}, stft={{r{4, 16000}, {frame=256, step=128}}},
  istft={{r{4, 16000}:stft{frame=256, step=128}, {frame=256, step=128}}},
  diag_embed={{r{16, 64}}}, diagonal={{square}}, dot={{r{50000}, r{50000}}}, outer={{r{200}, r{300}}}, kron={{r{20, 20}, r{12, 12}}},
  embedding={{r{100, 64}, int({64, 32}, 100)}}, gather={{r(matrix), 1, int(matrix, 192)}}, gather_nd={{r(matrix), int({5000, 2}, 192)}},
  index={{r(matrix), 1, int({500}, 192)}}, take={{r(matrix), int({50000}, 192 * 256)}},
  scatter={{r(matrix), 1, int(matrix, 192), r(matrix), {reduce="add"}}}, scatter_nd={{r(matrix), int({5000, 2}, 192), r{5000}, {reduce="add"}}},
  expand={{r{1, 256}, {192, 256}}}, flip={{r(matrix), {1, 2}}}, fold={{r{4, 9 * 8, 900}, {size={32, 32}, kernel=3}}}, unfold={{r(image), {kernel=3}}},
  glu={{r(matrix), 2}}, grid_sample={{r(image), r{8, 20, 20, 2}}}, resize={{r(image), {scale={1, 1, 2, 2}, mode="linear"}}, {r(image), {size={8, 16, 20, 20}, mode="cubic"}}},
  group_norm={{r(image), {groups=4, scale=r{16}, shift=r{16}}}}, instance_norm={{r(image), {scale=r{16}, shift=r{16}}}},
  layer_norm={{r(matrix), {scale=r{256}, shift=r{256}}}}, rms_norm={{r(matrix), {scale=r{256}}}}, local_response_norm={{r(image), {size=5}}},
  lstm={{r{20, 16, 32}, r{1, 4 * 48, 32}, r{1, 4 * 48, 48}}}, gru={{r{20, 16, 32}, r{1, 3 * 48, 32}, r{1, 3 * 48, 48}}}, rnn={{r{20, 16, 32}, r{1, 48, 32}, r{1, 48, 48}}},
  reordered_gates={{r{4 * 48, 32}, 4}}, histogram={{r{50000}, {bins=64}}}, kmeans={{r{20000}, 16, {seed=6}}, {r{2000, 8}, 16, {seed=6}}},
  kthvalue={{r(matrix), 9}}, topk={{r(matrix), 9}, {r{1, 300000}, 1000}}, median={{r(matrix)}, {r(matrix), {axis=1}}}, quantile={{r{300000}, 0.9}, {r(matrix), 0.3, {axis=1}}},
  sort={{r(matrix)}, {r{300000}}}, sorted={{r{300000}}}, argsort={{r(matrix)}}, unique={{int({50000}, 999)}},
  leaky_relu={{r(matrix), 0.1}}, lerp={{r(matrix), r(matrix), 0.3}}, masked_fill={{r(matrix), bits, 2}}, masked_select={{r(matrix), bits}}, nonzero={{bits}},
  matmul={{r{256, 256}, r{256, 256}}, {r{64, 64, 32}, r{64, 32, 64}}, {r{4096, 64}, r{64, 96}}, {r{8, 12, 64}:transpose(2, 3), r{8, 12, 64}}},
  max={{r(matrix)}, {r(matrix), {axis=2}}}, min={{r(matrix)}, {r(matrix), {axis=2}}}, mean={{r(image)}, {r(image), {axis={1, 3, 4}}}},
  sum={{r(image)}, {r(image), {axis={1, 3, 4}}}, {r(matrix), {axis=2}}}, var={{r(matrix)}, {r(matrix), {axis=1}}}, std={{r(matrix), {axis=1}}},
  prod={{positive(matrix), {axis=2}}}, norm={{r(matrix)}, {r(matrix), 1}}, logsumexp={{r(matrix), {axis=2}}},
  one_hot={{classes, 256}}, pad={{r(image), {0, 0, 1, 2, 0, 0, 3, 1}, {mode="reflect"}}}, permute={{r(image), {1, 3, 4, 2}}}, transpose={{r(matrix), 1, 2}},
  pow={{positive(matrix), 2.5}, {positive(matrix), r(matrix)}}, prelu={{r(image), r{16}}}, repeat_interleave={{r(matrix), 3, 1}}, reshape={{r(image), {-1, 64}}},
  roll={{r(matrix), 5, 1}}, rotary={{r{4, 128, 64}}}, slice={{r(matrix), 1, 3, 170}}, squeeze={{r{192, 1, 256}, 2}}, unsqueeze={{r(matrix), 1}},
  softmax={{r(matrix), 2}, {r(image), 2}}, log_softmax={{r(matrix), 2}, {r(image), 2}}, softmin={{r(matrix), 2}}, threshold={{r(matrix), 0.1, 3}},
  tile={{r(matrix), {2, 3}}}, to={{r(matrix), "bf16"}, {r(matrix), "f16"}, {r(matrix), "i8"}, {r(matrix), "f64"}}, windows={{r(matrix), 2, 16}},
}
for _, name in ipairs{"atan2", "eq", "ne", "lt", "le", "gt", "ge", "floor_divide", "fmod", "remainder", "maximum", "minimum"} do
  one[name] = {{r(matrix), r(matrix)}, {r(matrix), positive{256}}}
end
-- These take part above, or compute nothing.
local skipped = { backward=true, requires_grad=true, totable=true }

-- FNV-1a over the bytes of all values.
local function hash(value, h)
  h = h or 0xcbf29ce484222325
  if type(value) == "table" then
    for i = 1, #value do h = hash(value[i], h) end
    local keys = {}
    for key in pairs(value) do if type(key) == "string" then keys[#keys + 1] = key end end
    table.sort(keys)
    for _, key in ipairs(keys) do h = hash(value[key], h) end
    return h
  end
  if type(value) == "userdata" then
    return hash(#value.shape > 0 and value:reshape{-1}:totable() or {value:item()}, h)
  end
  if type(value) == "number" then return (h ~ string.unpack("<i8", string.pack(math.type(value) == "integer" and "<i8" or "<d", value))) * 0x100000001b3 end
  return (h ~ (value and 1 or 0)) * 0x100000001b3
end

local function tensors(results) return type(results[1]) == "table" and results[1] or results end
local function run(name, f, arguments)
  local results = table.pack(f(table.unpack(arguments)))
  print(("%-36s %016x"):format(name, hash(results)))
  local x = arguments[1]
  if type(x) ~= "userdata" or x.dtype ~= "f32" then return end
  local leaf = x:requires_grad()
  local y = tensors(table.pack(f(leaf, table.unpack(arguments, 2))))[1]
  if type(y) ~= "userdata" or y.dtype ~= "f32" or not pcall(function() (y * y):sum():backward() end) then return end
  print(("%-36s %016x"):format(name .. " gradient", hash(leaf.grad)))
end

local methods = debug.getmetatable(square).__methods
local names = {}
for name in pairs(methods) do if not skipped[name] then names[#names + 1] = name end end
table.sort(names)
for _, name in ipairs(names) do
  for place, arguments in ipairs(one[name] or {{r(matrix)}}) do
    run(name .. (place > 1 and " " .. place or ""), methods[name], arguments)
  end
end
for name in pairs(one) do assert(methods[name], name .. " is no method") end

local function both(f) return f, {r(matrix), positive(matrix)} end
run("+", both(function(a, b) return a + b end)) run("-", both(function(a, b) return a - b end)) run("*", both(function(a, b) return a * b end))
run("/", both(function(a, b) return a / b end)) run("%", both(function(a, b) return a % b end)) run("//", both(function(a, b) return a // b end))
run("^", both(function(a, b) return b ^ a end)) run("-x", both(function(a) return -a end))
run("tensor.concat", both(function(a, b) return tensor.concat({a, b}, 1) end)) run("tensor.stack", both(function(a, b) return tensor.stack({a, b}, 1) end))
run("tensor.where", both(function(a, b) return tensor.where(bits, a, b) end))
run("tensor.einsum", both(function(a, b) return tensor.einsum("ij,kj->ik", a, b) end))
run("tensor.straight_through", both(function(a, b) return tensor.straight_through(b, a) end))
run("tensor.checkpoint", both(function(a, b) return tensor.checkpoint(function(x) return (x * x):sum() end, a) end))
run("tensor.custom", both(function(a, b) return tensor.custom{forward=function(x) return x * 2 end, gradient=function(g) return g * 2 end}(a) end))
run("tensor.hvp", both(function(a, b) return tensor.hvp(function(x) return (x * x * x):sum() end, a:detach(), b) end))
run("tensor.meshgrid", function(a, b) return tensor.meshgrid(a, b) end, {r{200}, r{300}})
run("tensor.rand", function() return tensor.rand({300, 200}, {seed=1}), tensor.randn({300, 200}, {seed=1}) end, {})
