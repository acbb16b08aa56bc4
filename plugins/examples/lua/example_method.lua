-- A method: a step of a recipe, example_method{...}. A model is a value: return another one.
define.method{
  name="example_method", summary="Sets small weights of every layer to zero",
  parameters={below={type="number", default=0.01, min=0, doc="Weights smaller than this share of the layer's largest"}},
  apply=function(m, context, p)
    local values = {}
    for _, layer in ipairs(m:layers()) do
      for _, name in ipairs(layer.parameter_names) do
        local w = m.parameters[name]
        if name:find("weight") and #w.shape > 1 then
          local limit = w:abs():max() * p.below
          values[name] = tensor.where(w:abs():lt(limit), tensor.zeros(w.shape), w)
        end
      end
    end
    return m:with(values)
  end,
}
