-- A rank: how many components? lowrank{rank={"example_rank", share=0.5}}.
define.rank{
  name="example_rank", summary="A share of the full rank",
  parameters={share={type="number", default=0.25, min=0, max=1, doc="Of the number of singular values"}},
  choose=function(layer, spectrum, p) return math.max(1, math.floor(#spectrum * p.share)) end,
}
