import Support

extension ReferenceBackend {
  /// The workspace is the flat position in the input plane that each maximum came from, i64.
  func maxPool(_ x: Tensor, _ p: Window, training: Bool) throws -> (y: Tensor, workspace: Tensor?) {
    switch x.dtype {
    case .f32: return try maximum(x, p, training, Float.self)
    case .f64: return try maximum(x, p, training, Double.self)
    case .f16, .bf16:
      let (y, workspace) = try maxPool(convert(x, to: .f32), p, training: training)
      return (try convert(y, to: x.dtype), workspace)
    case .i8: return try maximum(x, p, training, Int8.self)
    case .u8: return try maximum(x, p, training, UInt8.self)
    default: throw ReferenceBackend.refusal("maxPool", x.dtype, expected: "a float type, i8 or u8")
    }
  }

  private func maximum<T: Number>(_ x: Tensor, _ w: Window, _ training: Bool, _: T.Type) throws -> (y: Tensor, workspace: Tensor?) {
    let x = try x.contiguous()
    let (batch, channels, height, width) = (x.shape.dims[0], x.shape.dims[1], x.shape.dims[2], x.shape.dims[3])
    let (oh, ow) = w.output(height: height, width: width)
    let shape = try Shape([batch, channels, oh, ow])
    let out = try Tensor.empty(shape, T.dtype)
    let positions = training ? try Tensor.empty(shape, .i64) : nil
    let (source, result, at) = (x.pointer(T.self), out.pointer(T.self), positions?.pointer(Int64.self))
    try Compute.parallel(batch * channels, grain: max(1, 4096 / max(oh * ow, 1))) { part in
      for job in part {
        let image = source + job * height * width
        for y in 0..<oh {
          for i in 0..<ow {
            var best: T?
            var position = 0
            for kh in 0..<w.kernelHeight {
              let row = y * w.strideHeight + kh * w.dilationHeight - w.top
              if row < 0 || row >= height { continue }
              for kw in 0..<w.kernelWidth {
                let column = i * w.strideWidth + kw * w.dilationWidth - w.left
                if column < 0 || column >= width { continue }
                let v = image[row * width + column]
                if let now = best, !(v > now || v != v) { continue }
                best = v
                position = row * width + column
              }
            }
            let o = (job * oh + y) * ow + i
            // A window that lies in the padding alone sees the lowest number.
            result[o] = best ?? T(number: -.infinity)
            at?[o] = best == nil ? -1 : Int64(position)
          }
        }
      }
    }
    return (out, positions)
  }

  func maxPoolGradient(_ g: Tensor, workspace: Tensor, inputShape: Shape, _ p: Window) throws -> Tensor {
    switch g.dtype {
    case .f32: try scatter(g, workspace, inputShape, Float.self)
    case .f64: try scatter(g, workspace, inputShape, Double.self)
    case .f16, .bf16: try widened(g.dtype) { try maxPoolGradient($0(g), workspace: workspace, inputShape: inputShape, p) }
    default: throw ReferenceBackend.refusal("maxPool", g.dtype, expected: "a float type")
    }
  }

  private func scatter<T: Real>(_ g: Tensor, _ positions: Tensor, _ shape: Shape, _: T.Type) throws -> Tensor {
    let g = try g.contiguous()
    let out = try Tensor.zeros(shape, T.dtype)
    let (gradient, at, result) = (g.pointer(T.self), positions.pointer(Int64.self), out.pointer(T.self))
    let (inner, plane) = (g.shape.dims[2] * g.shape.dims[3], shape.dims[2] * shape.dims[3])
    try Compute.parallel(shape.dims[0] * shape.dims[1], grain: max(1, 4096 / max(inner, 1))) { part in
      for job in part {
        for i in (job * inner)..<((job + 1) * inner) where at[i] >= 0 { result[job * plane + Int(at[i])] += gradient[i] }
      }
    }
    return out
  }

  func averagePool(_ x: Tensor, _ p: Window, countIncludePad: Bool) throws -> Tensor {
    switch x.dtype {
    case .f32: try average(x, p, countIncludePad, Float.self)
    case .f64: try average(x, p, countIncludePad, Double.self)
    case .f16, .bf16: try widened(x.dtype) { try averagePool($0(x), p, countIncludePad: countIncludePad) }
    default: throw ReferenceBackend.refusal("averagePool", x.dtype, expected: "a float type")
    }
  }

  func averagePoolGradient(_ g: Tensor, inputShape: Shape, _ p: Window, countIncludePad: Bool) throws -> Tensor {
    switch g.dtype {
    case .f32: try averageGradient(g, inputShape, p, countIncludePad, Float.self)
    case .f64: try averageGradient(g, inputShape, p, countIncludePad, Double.self)
    case .f16, .bf16:
      try widened(g.dtype) { try averagePoolGradient($0(g), inputShape: inputShape, p, countIncludePad: countIncludePad) }
    default: throw ReferenceBackend.refusal("averagePool", g.dtype, expected: "a float type")
    }
  }

  /// One window along one axis: the taps inside the input, and how many the divisor counts.
  private struct Taps {
    let first: Int, step: Int
    let range: Range<Int>
    let counted: Int

    init(_ o: Int, size: Int, begin: Int, end: Int, kernel: Int, stride: Int, dilation: Int, countIncludePad: Bool) {
      first = o * stride - begin
      step = dilation
      var low = 0
      while low < kernel, first + low * dilation < 0 { low += 1 }
      var high = low
      while high < kernel, first + high * dilation < size { high += 1 }
      range = low..<high
      var padded = 0
      for k in 0..<kernel where first + k * dilation < size + end { padded += 1 }
      counted = countIncludePad ? padded : range.count
    }
  }

  private func average<T: Real>(_ x: Tensor, _ w: Window, _ countIncludePad: Bool, _: T.Type) throws -> Tensor {
    let x = try x.contiguous()
    let (height, width) = (x.shape.dims[2], x.shape.dims[3])
    let (oh, ow) = w.output(height: height, width: width)
    let out = try Tensor.empty(Shape([x.shape.dims[0], x.shape.dims[1], oh, ow]), T.dtype)
    let (source, result) = (x.pointer(T.self), out.pointer(T.self))
    let (rows, columns) = taps(w, height, width, countIncludePad)
    try Compute.parallel(x.shape.dims[0] * x.shape.dims[1], grain: max(1, 4096 / max(oh * ow, 1))) { part in
      for job in part {
        let image = source + job * height * width
        for y in 0..<oh {
          for i in 0..<ow {
            let (r, c) = (rows[y], columns[i])
            var sum = 0.0
            for kh in r.range {
              for kw in c.range { sum += Double(image[(r.first + kh * r.step) * width + c.first + kw * c.step]) }
            }
            result[(job * oh + y) * ow + i] = T(sum / Double(max(r.counted * c.counted, 1)))
          }
        }
      }
    }
    return out
  }

  private func averageGradient<T: Real>(_ g: Tensor, _ shape: Shape, _ w: Window, _ countIncludePad: Bool, _: T.Type) throws -> Tensor {
    let g = try g.contiguous()
    let out = try Tensor.zeros(shape, T.dtype)
    let (height, width) = (shape.dims[2], shape.dims[3])
    let (oh, ow) = (g.shape.dims[2], g.shape.dims[3])
    let (gradient, result) = (g.pointer(T.self), out.pointer(T.self))
    let (rows, columns) = taps(w, height, width, countIncludePad)
    try Compute.parallel(shape.dims[0] * shape.dims[1], grain: max(1, 4096 / max(oh * ow, 1))) { part in
      for job in part {
        let image = result + job * height * width
        for y in 0..<oh {
          for i in 0..<ow {
            let (r, c) = (rows[y], columns[i])
            let share = T(Double(gradient[(job * oh + y) * ow + i]) / Double(max(r.counted * c.counted, 1)))
            for kh in r.range {
              for kw in c.range { image[(r.first + kh * r.step) * width + c.first + kw * c.step] += share }
            }
          }
        }
      }
    }
    return out
  }

  private func taps(_ w: Window, _ height: Int, _ width: Int, _ countIncludePad: Bool) -> ([Taps], [Taps]) {
    let (oh, ow) = w.output(height: height, width: width)
    let rows = (0..<oh).map {
      Taps(
        $0, size: height, begin: w.top, end: w.bottom, kernel: w.kernelHeight, stride: w.strideHeight,
        dilation: w.dilationHeight, countIncludePad: countIncludePad)
    }
    let columns = (0..<ow).map {
      Taps(
        $0, size: width, begin: w.left, end: w.right, kernel: w.kernelWidth, stride: w.strideWidth,
        dilation: w.dilationWidth, countIncludePad: countIncludePad)
    }
    return (rows, columns)
  }
}
