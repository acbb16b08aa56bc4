import Support

extension Tensor {
  /// What a sample outside the image sees.
  public enum SamplePadding: String, Sendable, CaseIterable {
    case zeros, border, reflection
  }

  /// Samples images at given positions (ONNX GridSample, PyTorch grid_sample), differentiable in both.
  ///
  /// - Shapes: x [N, C, H, W] and grid [N, H', W', 2] to [N, C, H', W'], or [N, C, D, H, W] and [N, D', H', W', 3] to
  ///   [N, C, D', H', W'].
  /// - Dtypes: one float type for both.
  /// - Parameters:
  ///   - grid: coordinates in -1...1, the last spatial axis first (x, y, z); beyond that lies the padding.
  ///   - alignCorners: whether -1 and 1 are the centres of the outermost pixels instead of their edges.
  /// - Throws: `shape`, `dtype`.
  public func gridSampled(
    _ grid: Tensor, mode: Interpolation.Mode = .linear, padding: SamplePadding = .zeros, alignCorners: Bool = false
  ) throws -> Tensor {
    let axes = rank - 2
    guard (1...3).contains(axes), grid.rank == rank, grid.shape.dims[rank - 1] == axes, grid.shape.dims[0] == shape.dims[0] else {
      throw PareError(
        .shape, "[gridSample] input \(shape) and grid \(grid.shape)", expected: "[N, C, spatial..] and [N, spatial.., axes]", op: "gridSample")
    }
    guard dtype.isFloating, dtype == grid.dtype else {
      throw PareError(.dtype, "[gridSample] input \(dtype), grid \(grid.dtype)", expected: "one float type", op: "gridSample")
    }
    guard shape.count > 0 else { throw PareError(.shape, "[gridSample] input \(shape) is empty", op: "gridSample") }
    let positions = grid.shape[1..<(rank - 1)]
    let samples = try Shape(positions).count
    let (n, c) = (shape.dims[0], shape.dims[1])
    let flat = try reshaped(Shape([n, c, Shape(Array(shape[2...])).count]))
    let taps = try (0..<axes).map { axis -> [(index: Tensor, weight: Tensor)] in
      let g = try grid.select(axis: -1, index: axes - 1 - axis).reshaped(Shape([n, 1, samples]))
      return try Tensor.taps(g, size: shape.dims[axis + 2], mode, padding, alignCorners)
    }
    // Every combination of one tap of each axis.
    var sum: Tensor?
    func add(_ axis: Int, _ index: Tensor?, _ weight: Tensor?) throws {
      if axis == axes, let index, let weight {
        let values = try flat.gatherElements(axis: 2, indices: index.expanded(to: Shape([n, c, samples])))
        let part = try values * weight
        sum = try sum.map { try $0 + part } ?? part
        return
      }
      for tap in taps[axis] {
        let next = try index.map { try $0 * Double(shape.dims[axis + 2]) + tap.index } ?? tap.index
        try add(axis + 1, next, weight.map { try $0 * tap.weight } ?? tap.weight)
      }
    }
    try add(0, nil, nil)
    guard let sum else { throw PareError(.internal, "[gridSample] no taps", op: "gridSample") }
    return try sum.reshaped(Shape([n, c] + positions))
  }

  /// The neighbours of normalized coordinates along one axis: positions (i64, inside the image) and weights.
  private static func taps(
    _ g: Tensor, size: Int, _ mode: Interpolation.Mode, _ padding: SamplePadding, _ alignCorners: Bool
  ) throws -> [(index: Tensor, weight: Tensor)] {
    let n = Double(size)
    let scale = alignCorners ? (n - 1) / 2 : n / 2, shift = (n - 1) / 2
    // Far outside nothing changes any more but the phase of a reflection; the bound keeps positions integers.
    let x = try (g * scale + shift).clip(min: -1e6, max: 1e6)
    let low = try (mode == .nearest ? x.detached().round() : x.detached().floor())
    let t = try x - low
    let weights: [(Double, Tensor)]
    switch mode {
    // Constant, and still a function of the grid: its gradient is 0.
    case .nearest: weights = [(0, try t * 0 + 1)]
    case .linear: weights = [(0, try 1 - t), (1, t)]
    case .cubic:
      let a = -0.75
      func near(_ d: Tensor) throws -> Tensor { try (d * (a + 2) - (a + 3)) * d * d + 1 }
      func far(_ d: Tensor) throws -> Tensor { try ((d * a - 5 * a) * d + 8 * a) * d - 4 * a }
      weights = try [(-1, far(t + 1)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))]
    }
    return try weights.map { offset, weight in
      let i = try low + offset
      let inside = try i.clip(min: 0, max: n - 1)
      switch padding {
      case .border: return (try inside.converted(to: .i64), weight)
      case .zeros: return (try inside.converted(to: .i64), try weight * i.eq(inside).converted(to: weight.dtype))
      case .reflection:
        if size == 1 { return (try inside.converted(to: .i64), weight) }
        // Mirrored at the outermost centres, or at the edges, whose neighbours then repeat.
        let (mirror, period) = alignCorners ? (0.0, 2 * (n - 1)) : (0.5, 2 * n)
        let phase = try (i + mirror).abs().mod(period)
        let folded = try phase.minimum(period - phase) - mirror
        return (try folded.clip(min: 0, max: n - 1).converted(to: .i64), weight)
      }
    }
  }
}
