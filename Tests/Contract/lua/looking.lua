-- pictures in the terminal and in files; runs; sweeps; sessions are for the prompt
local function size(path) local f = assert(io.open(path, "rb")); local text = f:read("a"); f:close(); return #text, text end
local d = data.load("digits")
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1, name="block.conv1"}, nn.relu{name="block.relu"}, nn.flatten(), nn.linear{in_features=512, out_features=10, name="fc"}, input={1,8,8} }
local m, history = train(net, d, {epochs=2})
plot({1, 3, 2}); plot(history, {x="epoch", y={"loss", "validation_loss"}, title="training", log=true}); plot({a={1, 2}, b={2, 1}}, {kind="points"}); plot{x={1, 2, 4}, y={3, 1, 2}}
hist(m.parameters["fc.weight"], {bins=20}); heat(d.test:evaluate(m).confusion); heat(tensor.rand({40, 300}, {seed=1})); bars{magnitude=0.9, random=0.3}; m:bars("macs"); m:bars()
for _, kind in ipairs{"svg", "png"} do
  plot(history, {x="epoch", path="p." .. kind}); hist({1, 2, 2, 3}, {path="h." .. kind}); heat({{1, 2}, {3, 4}}, {path="e." .. kind}); m:bars("bytes", {path="b." .. kind}); m:graph("g." .. kind)
  for _, name in ipairs{"p", "h", "e", "b", "g"} do
    local n, text = size(name .. "." .. kind); assert(n > 300, name)
    if kind == "svg" then assert(text:find("^<svg") and text:find("</svg>")) else assert(text:sub(1, 4) == "\137PNG") end
  end
end
assert(select(2, size("g.svg")):find("block.conv1")); assert(not pcall(plot, {1, 2}, {path="x.gif"})); assert(not pcall(plot, {"a"})); assert(not pcall(heat, tensor{1, 2})); assert(not pcall(hist, {}))
plot({0/0, 1/0}); plot({1}); hist({1, 1, 1}); hist({-1e308, 1e308}); bars{}
-- shares keep their digits, long names their ends; records take values without axes, and say what they lack
bars({share=0.94, whole=3, [("long."):rep(9) .. "end"]=0.5, none=0/0}, {path="s.svg"}); local drawn = select(2, size("s.svg")); assert(drawn:find("0.940", 1, true) and drawn:find(">3<") and drawn:find("%.%.[%w.]*end<"))
plot{{epoch=1, loss=tensor{2}:sum()}, {epoch=2, loss=tensor{1}:sum()}}
local function lacks(text, ...) local ok, e = pcall(plot, ...); assert(not ok and e.code == "argument" and e:find(text, 1, true), tostring(e)) end
lacks("did you mean 'epoch'", {{epoch=1, loss=2}}, {x="epoc"}); lacks("did you mean 'loss'", {{epoch=1, loss=2}}, {y={"los"}}); lacks("records", {{1, 2}, {3, 4}})
local text = m:summary(); assert(text:find("\nblock ") and text:find("\n  conv1 ") and text:find("total"))
local c = correlate(m, {"magnitude", "random", {"magnitude"}}, {data=d}); assert(c.magnitude.magnitude > 0.999 and math.abs(c.magnitude.random) < 0.3)

-- every compress is a row
local r = compress(m, {prune{sparsity=0.5}, finetune{epochs=1}}, {data=d, seed=4})
local row = runs.list()[1]
assert(row.status == "done" and row.data == "digits" and row.seed == 4 and row.methods[1] == "prune" and row.after.accuracy == r.after.accuracy and row.after.bytes == r.after.bytes and row.script:find("looking.lua"))
local failed = pcall(compress, m, {prune{sparsity=0.5, keep={"no"}}}, {data=d}); assert(not failed and runs.list{limit=1}[1].status == "failed" and runs.list{limit=1}[1].error:find("no"))
local again = runs.rerun(row.id); assert(again.model == r.model and again.after.accuracy == r.after.accuracy)
local other = runs.rerun(row.id, {seed=5, recipe={prune{sparsity=0.8, criterion={"magnitude"}}}}); assert(other.model ~= r.model)
assert(runs.rerun(runs.list()[1].id).model == other.model)
local compared = runs.compare(row.id, runs.list()[1].id); assert(#compared == 2 and tostring(compared):find("sparsity"))
runs.note(row.id, "first"); assert(runs.get(row.id).note == "first"); assert(#runs.filter(function(run) return run.note == "first" end) == 1)
assert(#runs.list{method="prune", data="digits", status="done"} >= 3 and #runs.list{data="mnist"} == 0 and tostring(runs.list()):find("recipe"))
runs.remove(row.id); assert(not pcall(runs.get, row.id)); assert(#runs.folder() > 0)

-- sweeps
local s = sweep{model=m, data=d, over={sparsity={0.5, 0.7, 2}, criterion={"magnitude", "random"}}, recipe=function(p) return {prune{sparsity=p.sparsity, criterion=p.criterion}} end}
assert(#s == 6 and s.left == 0 and s[1].choice.sparsity and s[1].accuracy and s[1].result.model); local errors = 0; for _, one in ipairs(s) do if one.error then errors = errors + 1 end end; assert(errors == 2)
assert(tostring(s):find("criterion")); local short = sweep{model=m, data=d, over={sparsity={0.1, 0.2, 0.3, 0.4, 0.5, 0.6}}, recipe=function(p) return {finetune{epochs=3}} end, minutes=0.001, order="random"}
assert(#short >= 1 and short.left > 0 and #short + short.left == 6)
-- autosave: the second call goes on from what the first one kept
local recipe = {prune{sparsity=0.6}, finetune{epochs=2}}
local a = compress(m, recipe, {data=d, seed=9, autosave="kept"}); local b = compress(m, recipe, {data=d, seed=9, autosave="kept"}); assert(a.model == b.model and #b.steps == 2 and b.steps[2].history[2].loss == a.steps[2].history[2].loss and b.after.accuracy == a.after.accuracy)
for _, name in ipairs{"save", "restore", "forget"} do local ok, e = pcall(session[name], "x.lua"); assert(not ok and (e.code == "unsupported" or e.code == "argument")) end
bars({down=-3, up=1}, {path="n.svg"}); local _, signs = size("n.svg"); local places = {}
for x in signs:gmatch('<rect x="([%d.]+)"') do places[x] = true end
local several = 0; for _ in pairs(places) do several = several + 1 end; assert(several >= 2, signs) -- below 0 goes to the left
bars{down=-3, up=1, none=0/0}; bars{a=-1e308, b=1e308}
heat({{1, 0/0}, {2, 3}}, {path="nan.svg"}); assert(select(2, size("nan.svg")):find("crossed", 1, true)); heat({{0/0}}, {path="nan.svg"})
