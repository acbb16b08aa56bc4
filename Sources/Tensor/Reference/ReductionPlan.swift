/// A dense tensor's axes in memory order, neighbours of the same fate joined: alternating runs that are kept or reduced.
struct ReductionPlan {
  let sizes: Dims
  /// Steps in the result, 0 for reduced runs.
  let steps: Dims
  private let reduced: Int
  /// The result: reduced axes of size 1, the kept ones in the order in which they lie in the input.
  let shape: Shape
  let layout: Dims

  @inline(__always) func isReduced(_ run: Int) -> Bool { reduced >> run & 1 == 1 }

  init(_ x: Tensor, _ axes: [Bool]) {
    var dims = x.shape.dims
    for i in 0..<x.rank where axes[i] { dims[i] = 1 }
    shape = Shape(dims)
    let order = x.strideOrder
    var (sizes, steps, reduced) = (Dims(), Dims(), 0)
    for k in 0..<x.rank {
      let i = order[k]
      let size = x.shape.dims[i]
      if size == 1 { continue }
      let last = sizes.rank - 1
      if last >= 0, (reduced >> last & 1 == 1) == axes[i] {
        sizes[last] *= size
      } else {
        if axes[i] { reduced |= 1 << sizes.rank }
        sizes.append(size)
      }
    }
    if sizes.rank == 0 { sizes.append(1) }
    steps.rank = sizes.rank
    var step = 1
    for k in stride(from: sizes.rank - 1, through: 0, by: -1) where reduced >> k & 1 == 0 {
      steps[k] = step
      step *= sizes[k]
    }
    var layout = Dims(repeating: 1, rank: x.rank)
    step = 1
    for k in stride(from: x.rank - 1, through: 0, by: -1) {
      layout[order[k]] = step
      step *= max(dims[order[k]], 1)
    }
    (self.sizes, self.steps, self.reduced, self.layout) = (sizes, steps, reduced, layout)
  }
}
