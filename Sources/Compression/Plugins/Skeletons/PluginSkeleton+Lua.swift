extension PluginSkeleton {
  static let lua: [ExtensionKind: String] = [
    .criterion: """
      -- A criterion: how important is each weight? Use it as prune{criterion="NAME", sparsity=0.5}.
      define.criterion{
        name="NAME", summary="Weight times gradient, by size", needs={"gradient"},
        parameters={power={type="number", default=1, min=0, max=4, doc="Exponent of the product"}},
        -- Higher means keep. A tensor of the weight's shape, or one score per unit: layer.units of them.
        score=function(layer, p) return (layer.weight * layer.gradient):abs():pow(p.power) end,
      }

      """,
    .method: """
      -- A method: a step of a recipe, NAME{...}. A model is a value: return another one.
      define.method{
        name="NAME", summary="Sets small weights of every layer to zero",
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

      """,
    .schedule: """
      -- A schedule: how much of the final sparsity holds at which step? prune{schedule="NAME", ...}.
      define.schedule{
        name="NAME", summary="Slow at first, fast at the end",
        -- step runs from 0 to total; both ends are asked. Returns a share in 0...1.
        value=function(step, total, p) return (step / math.max(1, total)) ^ 2 end,
      }

      """,
    .quantizer: """
      -- A quantizer: which grid, which rounding? quantize{bits=8, quantizer="NAME"}.
      define.quantizer{
        name="NAME", summary="A symmetric grid up to the largest weight",
        -- Once per tensor, or per channel along p.axis (nil: per tensor). value = (q - zero) * scale.
        quantize=function(w, p)
          local steps = 2 ^ (p.bits - 1) - 1
          local largest = w:abs():max()
          if p.axis then
            local rows = w:transpose(1, p.axis):reshape{w.shape[p.axis], -1}
            largest = rows:abs():max{axis=2}
          end
          local scale = largest / steps + 1e-12
          local along = scale
          if p.axis then
            local sizes = {}
            for i = 1, #w.shape do sizes[i] = i == p.axis and w.shape[i] or 1 end
            along = scale:reshape(sizes)
          end
          return (w / along):round():clip(-steps, steps):to("i8"), scale
        end,
      }

      """,
    .observer: """
      -- An observer: which range do activations take? quantize{bits=8, observer="NAME"}.
      define.observer{
        name="NAME", summary="Mean of the batches' extremes",
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

      """,
    .loss: """
      -- A loss: how far is the student from the teacher? distill{teacher=m, loss="NAME"}.
      define.loss{
        name="NAME", summary="Squared difference of the outputs",
        -- needs={"layer3"} would give student.taps[1] and teacher.taps[1].
        value=function(student, teacher, labels, p)
          local difference = student.logits - teacher.logits
          return (difference * difference):mean()
        end,
      }

      """,
    .decomposition: """
      -- A decomposition: which layers replace this one? lowrank{decomposition="NAME", rank=8}.
      define.decomposition{
        name="NAME", summary="A linear layer as two thinner ones",
        factor=function(layer, rank, p)
          assert(layer.op == "Gemm", "NAME takes linear layers (Gemm) only")
          local u, s, vt = layer.weight:svd()
          local first, second = vt:slice(1, 1, rank), (u * s):slice(2, 1, rank)
          return {
            nn.linear{in_features=first.shape[2], out_features=rank, bias=false}:with{weight=first},
            nn.linear{in_features=rank, out_features=second.shape[1], bias=layer.bias ~= nil}:with{weight=second, bias=layer.bias},
          }
        end,
      }

      """,
    .rank: """
      -- A rank: how many components? lowrank{rank={"NAME", share=0.5}}.
      define.rank{
        name="NAME", summary="A share of the full rank",
        parameters={share={type="number", default=0.25, min=0, max=1, doc="Of the number of singular values"}},
        choose=function(layer, spectrum, p) return math.max(1, math.floor(#spectrum * p.share)) end,
      }

      """,
    .strategy: """
      -- A strategy: which candidate next? search{strategy="NAME", ...}.
      define.strategy{
        name="NAME", summary="Candidates drawn uniformly",
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

      """,
    .dataset: """
      -- A data set: where do samples come from? data.load("NAME").
      define.dataset{
        name="NAME", summary="Two clouds of points",
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

      """,
    .metric: """
      -- A metric: how good is a model? d.test:evaluate(m, {metric="NAME"}), compress(..., {metric="NAME"}).
      define.metric{
        name="NAME", summary="Share of right answers",
        -- Called once, with the outputs and labels of the whole split.
        value=function(outputs, labels) return outputs:argmax{axis=2}:eq(labels):to("f32"):mean() end,
      }

      """,
  ]
}
