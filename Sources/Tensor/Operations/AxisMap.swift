import Support

/// A linear map along one axis: each result is a weighted sum of few positions. Interpolation, adaptive averages and
/// whatever else is linear along an axis and sparse are such tables; the gradient is the transposed table.
struct AxisMap: Sendable {
  let inputs: Int, outputs: Int
  /// Row `o` has the entries starts[o]..<starts[o + 1].
  let starts: [Int]
  let indices: [Int]
  let weights: [Double]

  init(inputs: Int, rows: [[(index: Int, weight: Double)]]) {
    self.inputs = inputs
    outputs = rows.count
    var (starts, indices, weights) = ([0], [Int](), [Double]())
    for row in rows {
      for entry in row {
        indices.append(entry.index)
        weights.append(entry.weight)
      }
      starts.append(indices.count)
    }
    (self.starts, self.indices, self.weights) = (starts, indices, weights)
  }

  func transposed() -> AxisMap {
    var rows = Array(repeating: [(index: Int, weight: Double)](), count: inputs)
    for o in 0..<outputs {
      for e in starts[o]..<starts[o + 1] { rows[indices[e]].append((o, weights[e])) }
    }
    return AxisMap(inputs: outputs, rows: rows)
  }
}

extension Tensor {
  /// Applies a table along an axis. The result lies in memory as this tensor does; halves are summed in f32.
  func mapped(_ map: AxisMap, axis: Int) throws -> Tensor {
    let y: Tensor
    switch dtype {
    case .f32: y = try detached().applied(map, axis, Float.self)
    case .f64: y = try detached().applied(map, axis, Double.self)
    case .f16, .bf16: y = try detached().converted(to: .f32).applied(map, axis, Float.self).converted(to: dtype)
    default: throw PareError(.dtype, "[interpolate] \(dtype)", expected: "a float type", op: "interpolate")
    }
    guard records else { return y }
    let back = map.transposed()
    return y.recorded("map", self) { g, pullback in try pullback.add(0, g.mapped(back, axis: axis)) }
  }

  private func applied<T: Real>(_ map: AxisMap, _ axis: Int, _: T.Type) throws -> Tensor {
    let x = isDense ? self : try contiguous()
    let target = shape.replacing(axis, with: map.outputs)
    try target.validate()
    let result = try Tensor.empty(target, dtype, layout: x.denseLayout(like: target))
    guard result.count > 0 else { return result }
    guard count > 0 else {
      result.clear()
      return result
    }
    // In memory, whatever the order of the axes: outer blocks of positions of inner runs.
    let order = x.strideOrder
    var inner = 1
    for k in Swift.stride(from: rank - 1, through: 0, by: -1) {
      if order[k] == axis { break }
      inner *= shape.dims[order[k]]
    }
    let (n, m, width) = (map.inputs, map.outputs, inner)
    let outer = count / (n * width)
    let weights = map.weights.map { T($0) }
    let (source, into) = (x.pointer(T.self), result.pointer(T.self))
    try map.starts.withUnsafeBufferPointer { starts in
      try map.indices.withUnsafeBufferPointer { indices in
        try weights.withUnsafeBufferPointer { weights in
          try Compute.parallel(outer * m, grain: Swift.max(1, LoopNest.grain / width)) { part in
            for job in part {
              let (block, o) = (job / m, job % m)
              let (p, q) = (source + block * n * width, into + job * width)
              let (first, last) = (starts[o], starts[o + 1])
              if width == 1 {
                var sum: T = 0
                for e in first..<last { sum += weights[e] * p[indices[e]] }
                q[0] = sum
                continue
              }
              guard first < last else {
                for i in 0..<width { q[i] = 0 }
                continue
              }
              let (w, row) = (weights[first], p + indices[first] * width)
              for i in 0..<width { q[i] = w * row[i] }
              for e in (first + 1)..<last {
                let (w, row) = (weights[e], p + indices[e] * width)
                for i in 0..<width { q[i] += w * row[i] }
              }
            }
          }
        }
      }
    }
    return result
  }
}
