-- Sentence embeddings of all-MiniLM-L6-v2 from its published safetensors, and what 8-bit weights do to them.
--
--   pare scripts/examples/sentence_embeddings.lua model.safetensors FOLDER
--
-- FOLDER holds token rows (input_ids.npy, attention_mask.npy) and the embeddings of another program (embeddings.npy).
local weights, folder = arg[1], arg[2]
if not folder then
  print("usage: pare sentence_embeddings.lua model.safetensors FOLDER")
  os.exit(2)
end

-- The cosine of each embedding and its reference: 1 is the same direction.
local function cosine(outputs, labels)
  local product = (outputs * labels):sum{axis=2}
  local lengths = ((outputs * outputs):sum{axis=2} * (labels * labels):sum{axis=2}):sqrt()
  return product / lengths
end
-- As a metric it can be named wherever Pare measures: its mean.
define.metric{ name="cosine", value=function(outputs, labels) return cosine(outputs, labels):mean():item() end }

local ids, mask = tensor.load(folder .. "/input_ids.npy"), tensor.load(folder .. "/attention_mask.npy")
local expected = tensor.load(folder .. "/embeddings.npy")
local m, report = nn.bert{width=384, layers=6, inner=1536, sentence=true}:load_parameters(weights, {strict=false})
assert(#report.missing == 0 and #report.mismatched == 0, "the file is another network's")

local function measure(model)
  local sum, least, rows, step = 0, 1, #ids, 50
  for first = 1, rows, step do
    local last = math.min(first + step - 1, rows)
    local x = ids:slice(1, first, last)
    local y = model{input_ids=x, attention_mask=mask:slice(1, first, last), token_type_ids=tensor.zeros(x.shape, {dtype="i64"})}
    local c = cosine(y, expected:slice(1, first, last))
    sum, least = sum + c:sum():item(), math.min(least, c:min():item())
  end
  return sum / rows, least
end

for _, row in ipairs{ {"float", m}, {"8-bit weights", quantize{weights={bits=8}}(m)} } do
  local mean, least = measure(row[2])
  print(string.format("%-14s cosine: mean %.6f, least %.6f, %d bytes", row[1], mean, least, row[2]:cost().bytes))
end
