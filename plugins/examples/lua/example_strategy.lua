-- A strategy: which candidate next? search{strategy="example_strategy", ...}.
define.strategy{
  name="example_strategy", summary="Candidates drawn uniformly",
  -- space: lists of choices by key. All that is drawn comes from rng.
  start=function(space, rng, p)
    local keys = {}
    for key in pairs(space) do keys[#keys + 1] = key end
    table.sort(keys)
    return {space=space, keys=keys, rng=rng}
  end,
  -- Returning nil ends the search.
  ask=function(state)
    local candidate = {}
    for _, key in ipairs(state.keys) do
      local choices = state.space[key]
      candidate[key] = choices[state.rng:integer(#choices)]
    end
    return candidate, state
  end,
  -- All objectives are minimized except accuracy.
  tell=function(state, candidate, values) return state end,
}
