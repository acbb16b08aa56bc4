-- A quantizer: which grid, which rounding? quantize{bits=8, quantizer="example_quantizer"}.
define.quantizer{
  name="example_quantizer", summary="A symmetric grid up to the largest weight",
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
