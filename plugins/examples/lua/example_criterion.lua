-- A criterion: how important is each weight? Use it as prune{criterion="example_criterion", sparsity=0.5}.
define.criterion{
  name="example_criterion", summary="Weight times gradient, by size", needs={"gradient"},
  parameters={power={type="number", default=1, min=0, max=4, doc="Exponent of the product"}},
  -- Higher means keep. A tensor of the weight's shape, or one score per unit: layer.units of them.
  score=function(layer, p) return (layer.weight * layer.gradient):abs():pow(p.power) end,
}
