import Support

extension Tensor {
  /// The matrix product of the last two axes; leading axes broadcast. A vector on the left counts as a row, on the right
  /// as a column, and that axis is absent from the result.
  ///
  /// - Shapes: [.., m, k] and [.., k, n] to [.., m, n].
  /// - Dtypes: one for both; f32 and f64 run in OpenBLAS, integers wrap.
  public func matmul(_ other: Tensor) throws -> Tensor {
    guard dtype == other.dtype else {
      throw PareError(.dtype, "[matmul] operands of \(dtype) and \(other.dtype)", expected: "one dtype", op: "matmul")
    }
    guard rank > 0, other.rank > 0 else {
      throw PareError(.shape, "[matmul] shapes \(shape) and \(other.shape)", expected: "at least one axis each", op: "matmul")
    }
    if rank == 1 || other.rank == 1 {
      let left = rank == 1 ? try unsqueezed(0) : self
      let right = other.rank == 1 ? try other.unsqueezed(1) : other
      var y = try left.matmul(right)
      if other.rank == 1 { y = try y.squeezed(-1) }
      if rank == 1 { y = try y.squeezed(other.rank == 1 ? -1 : -2) }
      return y
    }
    var (a, b) = (self, other)
    while a.rank < b.rank { a = try a.unsqueezed(0) }
    while b.rank < a.rank { b = try b.unsqueezed(0) }
    try a.checkMatrices(b, origin: (shape, other.shape))
    let y = try Compute.backend.matmul(a.detached(), b.detached())
    guard a.records || b.records else { return y }
    let (p, q) = (a.detached(), b.detached())
    return y.recorded("matmul", a, b, repeatable: true) { g, pullback in
      let (p, q) = (pullback.input(0, p), pullback.input(1, q))
      // A gradient lies like its operand, by rows or by columns: what comes before wants it so.
      if pullback.needs(0) {
        let gp = try p.liesByColumns ? q.matmul(g.transposed()).transposed() : g.matmul(q.transposed())
        try pullback.add(0, gp.reduced(to: p.shape))
      }
      if pullback.needs(1) {
        let gq = try q.liesByColumns ? g.transposed().matmul(p).transposed() : p.transposed().matmul(g)
        try pullback.add(1, gq.reduced(to: q.shape))
      }
    }
  }

  /// Whether neighbours in memory are those along the last axis but one.
  private var liesByColumns: Bool { layout[rank - 1] != 1 && layout[rank - 2] == 1 }

  private func checkMatrices(_ b: Tensor, origin: (Shape, Shape)) throws {
    var fits = shape.dims[rank - 1] == b.shape.dims[rank - 2]
    for i in 0..<(rank - 2) {
      let (p, q) = (shape.dims[i], b.shape.dims[i])
      if p != q && p != 1 && q != 1 { fits = false }
    }
    guard fits else {
      throw PareError(
        .shape, "[matmul] shapes \(origin.0) and \(origin.1) do not fit", expected: "[.., m, k] and [.., k, n]", op: "matmul")
    }
  }

  /// A fully connected layer: x * weight^T + bias + residual.
  ///
  /// - Shapes: x [.., in], weight [out, in], bias [out], residual and result [.., out].
  /// - Parameter relu: whether negative results become 0.
  public func linear(weight: Tensor, bias: Tensor? = nil, residual: Tensor? = nil, relu: Bool = false) throws -> Tensor {
    guard weight.rank == 2, rank >= 1, shape.dims[rank - 1] == weight.shape.dims[1] else {
      throw PareError(
        .shape, "[linear] input \(shape) and weight \(weight.shape) do not fit", expected: "[.., in] and [out, in]", op: "linear")
    }
    let outputs = weight.shape.dims[0], result = shape.replacing(rank - 1, with: outputs)
    if let bias, bias.shape != Shape(unchecked: [outputs]) {
      throw PareError(
        .shape, "[linear] bias \(bias.shape) does not fit weight \(weight.shape)", expected: "[\(outputs)]", op: "linear")
    }
    if let residual, residual.shape != result {
      throw PareError(.shape, "[linear] residual \(residual.shape) of result \(result)", expected: "\(result)", op: "linear")
    }
    guard dtype == weight.dtype, bias == nil || bias?.dtype == dtype, residual == nil || residual?.dtype == dtype else {
      throw PareError(
        .dtype,
        "[linear] input \(dtype), weight \(weight.dtype)\(bias.map { ", bias \($0.dtype)" } ?? "")\(residual.map { ", residual \($0.dtype)" } ?? "")",
        expected: "one dtype", op: "linear")
    }
    // Leading axes are one for the product, so that the weight's gradient is one product too.
    guard rank != 2 else { return try affine(weight, bias, residual, relu) }
    let rows = shape.replacing(rank - 1, with: 1).count
    let flat = try reshaped(Shape([rows, weight.shape.dims[1]]))
    return try flat.affine(weight, bias, residual?.reshaped(Shape([rows, outputs])), relu).reshaped(result)
  }

  /// `linear` on rows, as one step of the tape: the weight's gradient comes out in the weight's own order.
  private func affine(_ weight: Tensor, _ bias: Tensor?, _ residual: Tensor?, _ relu: Bool) throws -> Tensor {
    let (x, w) = (detached(), weight.detached())
    let y = try Tensor.affine(x, w, bias?.detached(), residual?.detached(), relu)
    let inputs = [self, weight] + [bias, residual].compactMap { $0 }
    guard inputs.contains(where: { $0.records }) else { return y }
    let (mask, hasBias, hasResidual) = (relu ? y : nil, bias != nil, residual != nil)
    return y.recorded("linear", from: inputs) { g, pullback in
      let backend = Compute.backend
      let g = try mask.map { try backend.binary(.reluGradient, g, $0, g.shape) } ?? g
      if pullback.needs(0) { try pullback.add(0, backend.matmul(g, w)) }
      let (needsWeight, needsBias) = (pullback.needs(1), hasBias && pullback.needs(2))
      if needsWeight, let both = try backend.linearWeightGradient(g, x, bias: needsBias) {
        pullback.add(1, both.weight)
        if let bias = both.bias { pullback.add(2, bias) }
      } else {
        if needsWeight { try pullback.add(1, backend.matmul(g.transposed(), x)) }
        if needsBias { try pullback.add(2, g.sum(axes: [0])) }
      }
      if hasResidual { pullback.add(hasBias ? 3 : 2, g) }
    }
  }

  private static func affine(_ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ residual: Tensor?, _ relu: Bool) throws -> Tensor {
    let backend = Compute.backend
    if let y = try backend.linear(x, w, bias, residual: residual, relu: relu) { return y }
    var y = try backend.matmul(x, w.transposed())
    if let bias { y = try y + bias }
    if let residual { y = try y + residual }
    return relu ? try backend.unary(.relu, y) : y
  }
}
