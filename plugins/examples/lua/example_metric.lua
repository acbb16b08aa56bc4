-- A metric: how good is a model? d.test:evaluate(m, {metric="example_metric"}), compress(..., {metric="example_metric"}).
define.metric{
  name="example_metric", summary="Share of right answers",
  -- Called once, with the outputs and labels of the whole split.
  value=function(outputs, labels) return outputs:argmax{axis=2}:eq(labels):to("f32"):mean() end,
}
