/// Direct convolution, summed in f64.
extension ReferenceBackend {
  func convolution(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution, relu: Bool) throws -> Tensor {
    let y = try convolution(x, weight, bias, p)
    return relu ? try unary(.relu, y) : y
  }

  private func convolution(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution) throws -> Tensor {
    switch x.dtype {
    case .f32: try forward(x, weight, bias, p, Float.self)
    case .f64: try forward(x, weight, bias, p, Double.self)
    case .f16, .bf16:
      try widened(x.dtype) { widen in try convolution(widen(x), widen(weight), bias.map { try widen($0) }, p) }
    default: throw ReferenceBackend.refusal("conv", x.dtype, expected: "a float type")
    }
  }

  func convolutionInputGradient(_ g: Tensor, _ weight: Tensor, inputShape: Shape, _ p: Convolution) throws -> Tensor {
    switch g.dtype {
    case .f32: try backwardInput(g, weight, inputShape, p, Float.self)
    case .f64: try backwardInput(g, weight, inputShape, p, Double.self)
    case .f16, .bf16:
      try widened(g.dtype) { try convolutionInputGradient($0(g), $0(weight), inputShape: inputShape, p) }
    default: throw ReferenceBackend.refusal("conv", g.dtype, expected: "a float type")
    }
  }

  func convolutionWeightGradient(_ g: Tensor, _ x: Tensor, weightShape: Shape, bias: Bool, _ p: Convolution) throws
    -> (weight: Tensor, bias: Tensor?)
  {
    let weight =
      switch g.dtype {
      case .f32: try backwardWeight(g, x, weightShape, p, Float.self)
      case .f64: try backwardWeight(g, x, weightShape, p, Double.self)
      case .f16, .bf16:
        try widened(g.dtype) { try convolutionWeightGradient($0(g), $0(x), weightShape: weightShape, bias: false, p).weight }
      default: throw ReferenceBackend.refusal("conv", g.dtype, expected: "a float type")
      }
    guard bias else { return (weight, nil) }
    return (weight, try reduce(.sum, g, axes: [true, false, true, true]).reshaped([g.shape.dims[1]]))
  }

  /// The output positions `o` for which input position `o * stride + shift` lies inside 0..<size.
  @inline(__always)
  private func inside(_ shift: Int, _ stride: Int, _ size: Int, _ count: Int) -> Range<Int> {
    let low = shift >= 0 ? 0 : (-shift + stride - 1) / stride
    let high = size - shift <= 0 ? 0 : min(count, (size - shift - 1) / stride + 1)
    return min(low, high)..<high
  }

  private func forward<T: Real>(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution, _: T.Type) throws -> Tensor {
    let (x, weight, w) = (try x.contiguous(), try weight.contiguous(), p.window)
    let (batch, channels, height, width) = (x.shape.dims[0], x.shape.dims[1], x.shape.dims[2], x.shape.dims[3])
    let outputs = weight.shape.dims[0]
    let (oh, ow) = w.output(height: height, width: width)
    let out = try Tensor.empty(Shape([batch, outputs, oh, ow]), T.dtype)
    let (source, kernel, result) = (x.pointer(T.self), weight.pointer(T.self), out.pointer(T.self))
    let shifts = try bias?.contiguous()
    let perGroup = channels / p.groups
    let each = outputs / p.groups
    let plane = oh * ow
    let scratch = try Storage(byteCount: out.count * 8)
    let sums = scratch.base.assumingMemoryBound(to: Double.self)
    try Compute.parallel(batch * outputs, grain: 1) { part in
      for job in part {
        let (b, o) = (job / outputs, job % outputs)
        let target = sums + job * plane
        let start = shifts.map { Double($0.pointer(T.self)[o]) } ?? 0
        for i in 0..<plane { target[i] = start }
        for c in 0..<perGroup {
          let image = source + (b * channels + o / each * perGroup + c) * height * width
          for kh in 0..<w.kernelHeight {
            let dy = kh * w.dilationHeight - w.top
            for kw in 0..<w.kernelWidth {
              let dx = kw * w.dilationWidth - w.left
              let factor = Double(kernel[((o * perGroup + c) * w.kernelHeight + kh) * w.kernelWidth + kw])
              let columns = inside(dx, w.strideWidth, width, ow)
              for y in inside(dy, w.strideHeight, height, oh) {
                let row = image + (y * w.strideHeight + dy) * width + dx
                let into = target + y * ow
                for i in columns { into[i] += factor * Double(row[i * w.strideWidth]) }
              }
            }
          }
        }
        for i in 0..<plane { result[job * plane + i] = T(target[i]) }
      }
    }
    withExtendedLifetime(scratch) {}
    return out
  }

  private func backwardInput<T: Real>(_ g: Tensor, _ weight: Tensor, _ shape: Shape, _ p: Convolution, _: T.Type) throws -> Tensor {
    let (g, weight, w) = (try g.contiguous(), try weight.contiguous(), p.window)
    let (batch, channels, height, width) = (shape.dims[0], shape.dims[1], shape.dims[2], shape.dims[3])
    let (outputs, oh, ow) = (g.shape.dims[1], g.shape.dims[2], g.shape.dims[3])
    let out = try Tensor.empty(shape, T.dtype)
    let (source, kernel, result) = (g.pointer(T.self), weight.pointer(T.self), out.pointer(T.self))
    let perGroup = channels / p.groups
    let each = outputs / p.groups
    let plane = height * width
    let scratch = try Storage(byteCount: shape.count * 8)
    let sums = scratch.base.assumingMemoryBound(to: Double.self)
    try Compute.parallel(batch * channels, grain: 1) { part in
      for job in part {
        let (b, c) = (job / channels, job % channels)
        let group = c / perGroup
        let target = sums + job * plane
        for i in 0..<plane { target[i] = 0 }
        for o in (group * each)..<((group + 1) * each) {
          let image = source + (b * outputs + o) * oh * ow
          for kh in 0..<w.kernelHeight {
            let dy = kh * w.dilationHeight - w.top
            for kw in 0..<w.kernelWidth {
              let dx = kw * w.dilationWidth - w.left
              let factor = Double(kernel[((o * perGroup + c % perGroup) * w.kernelHeight + kh) * w.kernelWidth + kw])
              let columns = inside(dx, w.strideWidth, width, ow)
              for y in inside(dy, w.strideHeight, height, oh) {
                let row = target + (y * w.strideHeight + dy) * width + dx
                let from = image + y * ow
                for i in columns { row[i * w.strideWidth] += factor * Double(from[i]) }
              }
            }
          }
        }
        for i in 0..<plane { result[job * plane + i] = T(target[i]) }
      }
    }
    withExtendedLifetime(scratch) {}
    return out
  }

  private func backwardWeight<T: Real>(_ g: Tensor, _ x: Tensor, _ shape: Shape, _ p: Convolution, _: T.Type) throws -> Tensor {
    let (g, x, w) = (try g.contiguous(), try x.contiguous(), p.window)
    let (batch, channels, height, width) = (x.shape.dims[0], x.shape.dims[1], x.shape.dims[2], x.shape.dims[3])
    let (outputs, oh, ow) = (g.shape.dims[1], g.shape.dims[2], g.shape.dims[3])
    let out = try Tensor.empty(shape, T.dtype)
    let (gradient, source, result) = (g.pointer(T.self), x.pointer(T.self), out.pointer(T.self))
    let perGroup = channels / p.groups
    let each = outputs / p.groups
    try Compute.parallel(outputs * perGroup, grain: 1) { part in
      for job in part {
        let (o, c) = (job / perGroup, job % perGroup)
        for kh in 0..<w.kernelHeight {
          let dy = kh * w.dilationHeight - w.top
          for kw in 0..<w.kernelWidth {
            let dx = kw * w.dilationWidth - w.left
            let columns = inside(dx, w.strideWidth, width, ow)
            var sum = 0.0
            for b in 0..<batch {
              let image = source + (b * channels + o / each * perGroup + c) * height * width
              let from = gradient + (b * outputs + o) * oh * ow
              for y in inside(dy, w.strideHeight, height, oh) {
                let row = image + (y * w.strideHeight + dy) * width + dx
                for i in columns { sum += Double(from[y * ow + i]) * Double(row[i * w.strideWidth]) }
              }
            }
            result[(job * w.kernelHeight + kh) * w.kernelWidth + kw] = T(sum)
          }
        }
      }
    }
    return out
  }
}
