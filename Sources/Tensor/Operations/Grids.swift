import Support

/// Tensors made of a rule: even steps, unit matrices, coordinates.
extension Tensor {
  /// `count` numbers from `first` to `last`, both included, in even steps; computed in f64 from the nearer end.
  public static func linspace(_ first: Double, _ last: Double, count: Int, dtype: DType = .f32) throws -> Tensor {
    let made = try empty(Shape([count]), .f64)
    let target = made.pointer(Double.self)
    let step = (last - first) / Double(Swift.max(1, count - 1))
    for i in 0..<count { target[i] = i < (count + 1) / 2 ? first + Double(i) * step : last - Double(count - 1 - i) * step }
    return try made.converted(to: dtype)
  }

  /// `count` powers of `base` whose exponents go from `first` to `last` in even steps.
  public static func logspace(
    _ first: Double, _ last: Double, count: Int, base: Double = 10, dtype: DType = .f32
  ) throws -> Tensor {
    let exponents = try linspace(first, last, count: count, dtype: .f64)
    return try Tensor.scalar(base, .f64).pow(exponents).converted(to: dtype)
  }

  /// Ones on a diagonal, zeros elsewhere: [rows, columns], square when `columns` is absent.
  /// - Parameter diagonal: 0 the main one, above 0 further right.
  public static func eye(_ rows: Int, _ columns: Int? = nil, diagonal: Int = 0, dtype: DType = .f32) throws -> Tensor {
    let made = try zeros(Shape([rows, columns ?? rows]), dtype)
    let length = try made.diagonal(offset: diagonal).count
    guard length > 0 else { return made }
    let one = try scalar(1, dtype)
    try Compute.backend.copy(one.expanded(to: Shape([length])), into: made.diagonal(offset: diagonal))
    return made
  }

  /// One tensor per axis with that axis' coordinate at every point of the grid that one-axis tensors span (matrix
  /// order, "ij"); views.
  public static func meshgrid(_ axes: [Tensor]) throws -> [Tensor] {
    for (i, axis) in axes.enumerated() where axis.rank > 1 {
      throw PareError(.shape, "[meshgrid] tensor \(i) has shape \(axis.shape)", expected: "one axis", op: "meshgrid")
    }
    let shape = try Shape(axes.map { $0.count })
    return try axes.enumerated().map { i, axis in
      try axis.reshaped(axes.indices.map { $0 == i ? axis.count : 1 }).expanded(to: shape)
    }
  }
}
