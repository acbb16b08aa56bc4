import CKernels
import Synchronization

/// Fully connected layers of f32 in blocks of rows, so that what follows a product finds its results in the second cache.
extension CPUBackend {
  func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, residual: Tensor?, relu: Bool) throws -> Tensor? {
    guard x.dtype == .f32, x.count > 0, weight.count > 0, x.count < Int32.max, weight.count < Int32.max else { return nil }
    let (rows, outputs, inner) = (x.shape.dims[0], weight.shape.dims[0], weight.shape.dims[1])
    let y = try Tensor.empty(Shape([rows, outputs]), .f32)
    let (a, b) = (try BLAS.Operand(x), try BLAS.Operand(weight.transposed()))
    let (bias, residual) = (try bias?.contiguous(), try residual?.contiguous())
    Compute.prepareLibraries()
    let result = y.pointer(Float.self)
    func finish(_ rows: Range<Int>) {
      guard bias != nil || residual != nil || relu else { return }
      var epilogue = pare_epilogue(
        bias: bias.map { UnsafePointer($0.pointer(Float.self)) },
        residual: residual.map { UnsafePointer($0.pointer(Float.self) + rows.lowerBound * outputs) }, residual_step: outputs,
        then: PARE_THEN_LIMIT, lower: relu ? 0 : -.infinity, upper: .infinity)
      pare_gemm_finish(result + rows.lowerBound * outputs, outputs, rows.count, outputs, &epilogue)
    }
    // Blocks of a megabyte of results, as many for each thread; each brings all weights into its cache.
    let (threads, megabyte) = (Compute.threads, 1 << 18)
    let blocks = (rows * outputs / megabyte + threads) / threads * threads
    let failed = Atomic<Bool>(false)
    if rows / blocks >= 128, weight.count <= megabyte {
      try Compute.parallel(blocks, grain: 1) { part in
        for block in part {
          let (first, end) = (rows * block / blocks, rows * (block + 1) / blocks)
          let start = a.transposed ? first : first * Int(a.leading)
          if !BLAS.multiply(a, at: start, b, at: 0, into: result + first * outputs, end - first, outputs, inner) {
            failed.store(true, ordering: .relaxed)
          }
          finish(first..<end)
        }
      }
    } else {
      if !BLAS.multiply(a, at: 0, b, at: 0, into: result, rows, outputs, inner) { failed.store(true, ordering: .relaxed) }
      try Compute.parallel(rows, grain: max(1, LoopNest.grain / outputs)) { finish($0) }
    }
    withExtendedLifetime((bias, residual)) {}
    guard !failed.load(ordering: .relaxed) else { throw BLAS.refusal }
    return y
  }

  /// Each thread adds up the products of its rows by itself, and the sums of columns while it has them at hand.
  func linearWeightGradient(_ g: Tensor, _ x: Tensor, bias: Bool) throws -> (weight: Tensor, bias: Tensor?)? {
    let (rows, outputs, inputs) = (g.shape.dims[0], g.shape.dims[1], x.shape.dims[1])
    // Where rows are few or weights are many, a product on all threads is the better way.
    guard g.dtype == .f32, rows >= 2048, outputs * inputs <= 1 << 18, g.count > 0, x.count > 0, g.count < Int32.max, x.count < Int32.max
    else { return nil }
    let (g, x) = (try g.contiguous(), try x.contiguous())
    let (a, b) = (try BLAS.Operand(g.transposed()), try BLAS.Operand(x))
    let parts = Compute.threads
    let products = try Tensor.empty(Shape([parts, outputs, inputs]), .f32)
    let sums = bias ? try Tensor.zeros(Shape([parts, outputs]), .f64) : nil
    Compute.prepareLibraries()
    let failed = Atomic<Bool>(false)
    let block = 512
    try Compute.parallel(parts, grain: 1) { range in
      for part in range {
        let (begin, end) = (rows * part / parts, rows * (part + 1) / parts)
        let result = products.pointer(Float.self) + part * outputs * inputs
        for first in stride(from: begin, to: end, by: block) {
          let count = min(block, end - first)
          let done = BLAS.multiply(
            a, at: first * outputs, b, at: first * inputs, into: result, outputs, inputs, count, beta: first == begin ? 0 : 1)
          if !done { failed.store(true, ordering: .relaxed) }
          if let sums {
            pare_fold_across(
              PARE_SUM, PARE_F32, sums.pointer(Double.self) + part * outputs, g.pointer(Float.self) + first * outputs, count, outputs,
              outputs)
          }
        }
      }
    }
    withExtendedLifetime((g, x)) {}
    guard !failed.load(ordering: .relaxed) else { throw BLAS.refusal }
    let weight = parts == 1 ? products : try reduce(.sum, products, axes: [true, false, false])
    let total = try sums.map { try convert(reduce(.sum, $0, axes: [true, false]), to: .f32) }
    return (try weight.reshaped(Shape([outputs, inputs])), try total?.reshaped(Shape([outputs])))
  }
}
