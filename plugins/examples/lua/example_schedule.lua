-- A schedule: how much of the final sparsity holds at which step? prune{schedule="example_schedule", ...}.
define.schedule{
  name="example_schedule", summary="Slow at first, fast at the end",
  -- step runs from 0 to total; both ends are asked. Returns a share in 0...1.
  value=function(step, total, p) return (step / math.max(1, total)) ^ 2 end,
}
