-- contract: Tensors
local function near(a, b, eps) assert(math.abs(a - b) <= (eps or 1e-6), a .. " is not near " .. b) end
local function same(t, expected) for i, v in ipairs(expected) do near(t[i], v, 1e-5) end assert(#t == #expected) end

local x = tensor{{1,2},{3,4}}
same(x.shape, {2,2}); assert(x.dtype == "f32"); assert(#x == 2)
assert(tostring(tensor({1e300, 1e15, -1e38, 5e-324, 9.999999e-7}, {dtype="f64"})):find("[1e300, 1e15, -1e38, 4.94066e-324, 1e-6]", 1, true))
local ok, e = pcall(function() return tensor({1}, {dtype="i64"}) + tensor{1} end); assert(not ok and e.code == "dtype" and e:find("x:to(", 1, true), tostring(e))
assert(tostring(tensor{0/0, 1/0, -1/0}):find("[nan, inf, -inf]", 1, true))
assert(tensor({1,2}, {dtype="i64"}).dtype == "i64")
local wide = tensor({{9007199254740993, math.maxinteger}, {math.mininteger, 3.0}}, {dtype="i64"}) -- no digit goes through a float
assert(wide[{1,1}] == 9007199254740993 and wide[{1,2}] == math.maxinteger and wide:totable()[2][1] == math.mininteger)
assert(wide:totable()[2][2] == 3 and tostring(wide[1]):find("9007199254740993", 1, true), tostring(wide[1]))
wide[{2,2}] = 9007199254740995; assert(wide[{2,2}] == 9007199254740995)
wide = tensor.full({2}, 9007199254740993, {dtype="i64"}); assert(wide[2] == 9007199254740993 and wide:max():item() == wide[1])
assert(tensor(math.maxinteger, {dtype="i64"}):item() == math.maxinteger)
same(tensor.zeros{2,3}.shape, {2,3}); assert(tensor.zeros({2,3}, {dtype="f64"}).dtype == "f64")
same(tensor.ones{2}:totable(), {1,1}); same(tensor.full({2}, 7):totable(), {7,7})
assert(tensor.randn({64,10}, {seed=1}):equal(tensor.randn({64,10}, {seed=1})))
assert(not tensor.randn({64,10}, {seed=1}):equal(tensor.randn({64,10}, {seed=2})))
local r = tensor.rand({100}, {seed=3}); assert(r:min() >= 0 and r:max() < 1)
assert(#tensor.arange(1, 10) == 10); same(tensor.arange(1,4):totable(), {1,2,3,4})
assert(tensor.arange(1, 10).dtype == "f32")
assert(x:to("f16").dtype == "f16"); near(x:sum():item(), 10)
assert(x:totable()[2][1] == 3)

-- slices, elements, assignment
same(x[1]:totable(), {1,2}); same(x[-1]:totable(), {3,4})
assert(tensor{5,6}[2] == 6); assert(x[{2,1}] == 3); same(x[{2}]:totable(), {3,4})
local y = x; y[{1,1}] = 9
assert(y[{1,1}] == 9)
local z = x:reshape{4}; z[1] = 100; assert(x[{1,1}] == 9, "assignment writes into this handle only")
x = tensor{{1,2},{3,4}}
local v = tensor{1,2,3}; v[2] = 20; same(v:totable(), {1,20,3})
x[1] = tensor{7,8}; same(x[1]:totable(), {7,8}); x = tensor{{1,2},{3,4}}
same(tensor{1,2,3,4}:slice(1, 2, 3):totable(), {2,3})
same(tensor{10,20,30}:index(1, tensor({2,0}, {dtype="i64"})):totable(), {30,10})
assert(not pcall(function() return x[3] end)); assert(not pcall(function() return x[{1,5}] end))

ok, e = pcall(function() for _ in ipairs(tensor{1,2}) do end end); assert(not ok and e.suggestion:find("for i = 1, #x", 1, true), tostring(e))

-- arithmetic, reductions
local w = (x * 2 + 1):relu():matmul(x:t())
same(w:totable()[1], {3*1+5*2, 3*3+5*4})
same(x:sum{axis=1}:totable(), {4,6}); same(x:sum{axis=-1, keepdim=true}.shape, {2,1})
near(x:mean():item(), 2.5); same((-x):abs():reshape{4}:totable(), {1,2,3,4})
near(tensor.arange(0, 10):quantile(0.9):item(), 9)
local values, indices = tensor{{3,1},{2,5}}:max{axis=1}
same(values:totable(), {3,5}); same(indices:totable(), {0,1})
values, indices = tensor{4,9,1,7}:topk(2); same(values:totable(), {9,7}); same(indices:totable(), {1,3})
local a = tensor.randn({5,3}, {seed=4}); local u, s, vt = a:svd()
assert((u * s):matmul(vt):allclose(a, 1e-4))
same(x:transpose(1,2):totable()[1], {1,3}); same(tensor.zeros{2,3,4}:permute{3,1,2}.shape, {4,2,3})
same(tensor.concat({x, x}, 1).shape, {4,2}); same(tensor.where(tensor{1,2,3}:gt(2), tensor{1,1,1}, tensor{0,0,0}):totable(), {0,0,1})
same(x:eq(tensor{{1,0},{3,0}}):to("f32"):reshape{4}:totable(), {1,0,1,0})
assert(x:ne(x):sum():item() == 0 or true); assert(x:lt(5):all():item() ~= 0)
for _, name in ipairs{"le", "gt", "ge"} do assert(x[name](x, x).dtype == "bool") end
assert(x:equal(x)); assert(x:allclose(x + 1e-8, 1e-6)); assert(not x:equal(x + 1))

-- 0-d tensors behave as their value
local total = x:sum()
assert(total + 1 > 10.5); assert(total < 11 and total <= 10); assert(total .. "" == tostring(total))
assert(not pcall(function() return x < 3 end)); assert(not pcall(string.format, "%f", total))
near(tensor.full({1}, x:sum())[1], 10)

-- gradients
local p = tensor{1,2,3}:requires_grad()
local loss = (p * p):sum(); loss:backward()
same(p.grad:totable(), {2,4,6})
assert(not pcall(function() p[1] = 5 end), "a tracked tensor is not written")
local q = tensor.no_grad(function() return p * 2 end); same(q:totable(), {2,4,6})
local double = tensor.custom{ forward=function(x, k) return x * k end, gradient=function(g, x, y, k) return g * 10 end }
local t = tensor{1,2}:requires_grad(); double(t, 2):sum():backward(); same(t.grad:totable(), {10,10})
local sliced = tensor{1,2,3,4}:requires_grad(); sliced:slice(1, 2, 3):sum():backward(); same(sliced.grad:totable(), {0,1,1,0})
assert(type(tensor.memory()) == "table" or tensor.memory()); tensor.threads(2)
