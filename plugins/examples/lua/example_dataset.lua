-- A data set: where do samples come from? data.load("example_dataset").
define.dataset{
  name="example_dataset", summary="Two clouds of points",
  open=function(p)
    local function part(count, seed)
      local labels = {}
      for i = 1, count do labels[i] = i % 2 end
      local y = tensor(labels, {dtype="i64"})
      return {x=tensor.rand({count, 2}, {seed=seed}) + y:to("f32"):reshape{count, 1}, y=y}
    end
    return {train=part(200, p.seed), validation=part(50, p.seed + 1), test=part(50, p.seed + 2), classes={"left", "right"}}
  end,
}
