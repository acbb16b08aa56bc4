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
      if pullback.needs(0) { try pullback.add(0, g.matmul(q.transposed()).reduced(to: p.shape)) }
      if pullback.needs(1) { try pullback.add(1, p.transposed().matmul(g).reduced(to: q.shape)) }
    }
  }

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

  /// A fully connected layer: x * weight^T + bias.
  ///
  /// - Shapes: x [.., in], weight [out, in], bias [out]; result [.., out].
  /// - Parameter relu: whether negative results become 0.
  public func linear(weight: Tensor, bias: Tensor? = nil, relu: Bool = false) throws -> Tensor {
    guard weight.rank == 2, rank >= 1, shape.dims[rank - 1] == weight.shape.dims[1] else {
      throw PareError(
        .shape, "[linear] input \(shape) and weight \(weight.shape) do not fit", expected: "[.., in] and [out, in]", op: "linear")
    }
    if let bias, bias.shape != Shape(unchecked: [weight.shape.dims[0]]) {
      throw PareError(
        .shape, "[linear] bias \(bias.shape) does not fit weight \(weight.shape)", expected: "[\(weight.shape.dims[0])]", op: "linear")
    }
    guard dtype == weight.dtype, bias == nil || bias?.dtype == dtype else {
      throw PareError(
        .dtype, "[linear] input \(dtype), weight \(weight.dtype)\(bias.map { ", bias \($0.dtype)" } ?? "")",
        expected: "one dtype", op: "linear")
    }
    // Leading axes are one for the product, so that the weight's gradient is one product too.
    let flat = rank == 2 ? self : try reshaped(Shape([shape.replacing(rank - 1, with: 1).count, weight.shape.dims[1]]))
    let y = try flat.affine(weight, bias, relu)
    return rank == 2 ? y : try y.reshaped(shape.replacing(rank - 1, with: weight.shape.dims[0]))
  }

  /// `linear` on rows, as one step of the tape: the weight's gradient comes out in the weight's own order.
  private func affine(_ weight: Tensor, _ bias: Tensor?, _ relu: Bool) throws -> Tensor {
    let (x, w) = (detached(), weight.detached())
    let backend = Compute.backend
    var y = try backend.matmul(x, w.transposed())
    if let bias { y = try y + bias.detached() }
    if relu { y = try backend.unary(.relu, y) }
    guard records || weight.records || bias?.records == true else { return y }
    let (mask, hasBias) = (relu ? y : nil, bias != nil)
    return y.recorded("linear", from: [self, weight] + (bias.map { [$0] } ?? [])) { g, pullback in
      let backend = Compute.backend
      let g = try mask.map { try backend.binary(.reluGradient, g, $0, g.shape) } ?? g
      if pullback.needs(0) { try pullback.add(0, backend.matmul(g, w)) }
      if pullback.needs(1) { try pullback.add(1, backend.matmul(g.transposed(), x)) }
      if hasBias, pullback.needs(2) { try pullback.add(2, g.sum(axes: [0])) }
    }
  }
}
