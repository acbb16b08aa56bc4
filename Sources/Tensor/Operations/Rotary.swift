import Support

extension Tensor {
  /// Rotary position embedding (Su et al. 2021, arXiv:2104.09864): pairs of the last axis are turned by an angle.
  ///
  /// - Shapes: x [.., L, E]; `cosine` and `sine` broadcast to [.., L, R / 2] with R <= E even: the first R positions are
  ///   turned, the others stay.
  /// - Parameter interleaved: whether a pair is two neighbours (2i, 2i + 1) or one of each half (i, i + R / 2).
  public func rotated(cosine: Tensor, sine: Tensor, interleaved: Bool = false) throws -> Tensor {
    guard rank >= 2, cosine.shape == sine.shape, let half = cosine.shape.last, half > 0, 2 * half <= shape.dims[rank - 1] else {
      throw PareError(
        .shape, "[rotary] input \(shape), cosine \(cosine.shape), sine \(sine.shape)",
        expected: "[.., L, E] and twice [.., L, R / 2], R at most E", op: "rotary")
    }
    let width = shape.dims[rank - 1]
    let turned = try narrowed(axis: -1, start: 0, length: 2 * half)
    let pairs = try turned.reshaped(Shape(shape[..<(rank - 1)] + (interleaved ? [half, 2] : [2, half])))
    let axis = interleaved ? -1 : -2
    let (a, b) = (try pairs.select(axis: axis, index: 0), try pairs.select(axis: axis, index: 1))
    let y = try Tensor.stack([a * cosine - b * sine, a * sine + b * cosine], axis: axis).reshaped(turned.shape)
    return try 2 * half == width ? y : Tensor.concat([y, narrowed(axis: -1, start: 2 * half, length: width - 2 * half)], axis: -1)
  }

  /// The angles' cosines and sines of positions first..<first + count: position / base^(2i / width), [count, width / 2].
  public static func rotaryTable(
    count: Int, width: Int, first: Int = 0, base: Double = 10000, dtype: DType = .f32
  ) throws -> (cosine: Tensor, sine: Tensor) {
    guard width > 0, width % 2 == 0, base > 0, count >= 0 else {
      throw PareError(.argument, "[rotary] \(count) positions of width \(width), base \(base)", expected: "an even width, a positive base", op: "rotary")
    }
    let positions = try Tensor.arange(first: Double(first), count: count, dtype: .f64).reshaped(Shape([count, 1]))
    let powers = try Tensor.arange(count: width / 2, dtype: .f64) * (-2 / Double(width))
    let angles = try positions * Tensor.full(powers.shape, base, .f64).pow(powers)
    return (try angles.cos().converted(to: dtype), try angles.sin().converted(to: dtype))
  }
}
