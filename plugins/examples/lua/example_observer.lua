-- An observer: which range do activations take? quantize{bits=8, observer="example_observer"}.
define.observer{
  name="example_observer", summary="Mean of the batches' extremes",
  start=function(p) return {low=0, high=0, count=0} end,
  update=function(state, x)
    state.low, state.high, state.count = state.low + x:min():item(), state.high + x:max():item(), state.count + 1
    return state
  end,
  range=function(state)
    local n = math.max(1, state.count)
    return math.min(0, state.low / n), math.max(0, state.high / n)
  end,
}
