import Support

/// Triangles and diagonals of the last two axes, or of two others.
extension Tensor {
  /// The elements on and above a diagonal of the last two axes, 0 below (ONNX Trilu).
  /// - Parameter diagonal: 0 the main one, above 0 further right.
  public func triu(diagonal: Int = 0) throws -> Tensor { try triangle("triu", diagonal) { $0 >= $1 } }

  /// The elements on and below a diagonal of the last two axes, 0 above.
  public func tril(diagonal: Int = 0) throws -> Tensor { try triangle("tril", diagonal) { $0 <= $1 } }

  private func triangle(_ op: String, _ diagonal: Int, _ keeps: (_ distance: Int, _ diagonal: Int) -> Bool) throws -> Tensor {
    guard rank >= 2 else { throw PareError(.shape, "[\(op)] shape \(shape)", expected: "at least two axes", op: op) }
    let (rows, columns) = (shape.dims[rank - 2], shape.dims[rank - 1])
    let mask = try Tensor.empty(Shape([rows, columns]), .bool)
    let m = mask.pointer(UInt8.self)
    for i in 0..<rows {
      for j in 0..<columns { m[i * columns + j] = keeps(j - i, diagonal) ? 1 : 0 }
    }
    return try Tensor.where(mask, self, Tensor.scalar(0, dtype))
  }

  /// A diagonal of two axes as a view: those axes are absent and the diagonal comes last.
  /// - Parameter offset: 0 the main diagonal, above 0 further along `second`.
  public func diagonal(offset: Int = 0, _ first: Int = -2, _ second: Int = -1) throws -> Tensor {
    let (a, b) = (try shape.axis(first, "diagonal"), try shape.axis(second, "diagonal"))
    guard a != b else {
      throw PareError(.argument, "[diagonal] axes \(first) and \(second) are one", argument: "second", op: "diagonal")
    }
    let result = diagonalView(offset, a, b)
    guard records else { return result }
    let origin = shape
    return result.recorded("diagonal", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.onDiagonal(of: origin, offset, a, b))
    }
  }

  private func diagonalView(_ offset: Int, _ a: Int, _ b: Int) -> Tensor {
    let (rows, columns) = (shape.dims[a], shape.dims[b])
    let (down, right) = (offset < 0 ? Int(clamping: offset.magnitude) : 0, Swift.max(0, offset))
    let length = down >= rows || right >= columns ? 0 : Swift.min(rows - down, columns - right)
    var (dims, strides) = (Dims(), Dims())
    for i in 0..<rank where i != a && i != b {
      dims.append(shape.dims[i])
      strides.append(layout[i])
    }
    dims.append(length)
    strides.append(layout[a] + layout[b])
    let start = length == 0 ? 0 : down * layout[a] + right * layout[b]
    return view(Shape(dims), strides, offset: self.offset + start)
  }

  /// Zeros of `shape` with this tensor on a diagonal: the gradient of `diagonal`.
  private func onDiagonal(of shape: Shape, _ offset: Int, _ a: Int, _ b: Int) throws -> Tensor {
    let whole = try Tensor.zeros(shape, dtype)
    try Compute.backend.copy(detached(), into: whole.diagonalView(offset, a, b))
    guard records else { return whole }
    return whole.recorded("onDiagonal", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.diagonal(offset: offset, a, b))
    }
  }

  /// Square matrices with the last axis on a diagonal and zeros elsewhere: [.., n] to [.., n + |offset|, n + |offset|].
  public func diagonalMatrix(offset: Int = 0) throws -> Tensor {
    guard rank >= 1, offset.magnitude < 1 << 40 else {
      throw PareError(.shape, "[diagonalMatrix] shape \(shape), offset \(offset)", expected: "at least one axis", op: "diagonalMatrix")
    }
    let n = shape.dims[rank - 1] + Int(offset.magnitude)
    return try onDiagonal(of: Shape(shape.dimensions.dropLast() + [n, n]), offset, rank - 1, rank)
  }

  /// The sum of the main diagonal of the last two axes.
  public func trace() throws -> Tensor { try diagonal().sum(axes: [-1]) }
}
