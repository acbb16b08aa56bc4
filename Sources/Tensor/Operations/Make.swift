import Glibc
import Support

extension Tensor {
  /// Creates a tensor from values in row-major order.
  /// - Throws: `shape` if their number is not that of `shape`.
  public init<T: TensorElement>(_ values: [T], shape: Shape) throws {
    try shape.validate()
    guard values.count == shape.count else {
      throw PareError(.shape, "\(values.count) values do not fill shape \(shape)", expected: "\(shape.count) values")
    }
    self = try values.withUnsafeBytes { try Tensor(bytes: $0, shape: shape, dtype: T.dtype) }
  }

  /// Creates a tensor of one axis.
  public init<T: TensorElement>(_ values: [T]) throws { try self.init(values, shape: Shape([values.count])) }

  /// Copies row-major elements in the machine's byte order.
  /// - Throws: `shape` if the bytes are not as many as shape and dtype need.
  public init(bytes: UnsafeRawBufferPointer, shape: Shape, dtype: DType) throws {
    let made = try Tensor.empty(shape, dtype)
    guard bytes.count == made.byteCount else {
      throw PareError(
        .shape, "\(bytes.count) bytes do not fill shape \(shape) of \(dtype)", expected: "\(made.byteCount) bytes")
    }
    if let source = bytes.baseAddress {
      if dtype == .bool {
        // Any byte but 0 is true; inside, true is 1.
        let target = made.pointer(UInt8.self)
        for (i, byte) in bytes.enumerated() { target[i] = byte == 0 ? 0 : 1 }
      } else {
        memcpy(made.address, source, bytes.count)
      }
    }
    self = made
  }

  /// Sees read-only memory, such as a mapped file, as a tensor without copying it; `release` is called once when the last
  /// tensor that shares it is gone. The memory must be aligned to the element's size.
  package init(
    mapping memory: UnsafeRawBufferPointer, shape: Shape, dtype: DType, release: @escaping @Sendable () -> Void
  ) throws {
    try shape.validate()
    guard memory.count >= shape.count * dtype.size, Int(bitPattern: memory.baseAddress) % dtype.size == 0 else {
      throw PareError(.format, "mapped memory of \(memory.count) bytes does not hold shape \(shape) of \(dtype), aligned")
    }
    self.init(storage: Storage(mapping: memory, release: release), shape: shape, layout: shape.rowMajor, dtype: dtype)
  }

  func clear() { memset(address, 0, byteCount) }

  /// Returns a tensor of zeros (false for bool).
  /// - Throws: `shape` for an invalid shape, `memory`.
  public static func zeros(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor {
    let made = try empty(shape, dtype)
    made.clear()
    return made
  }

  /// Returns a tensor of ones (true for bool).
  /// - Throws: `shape` for an invalid shape, `memory`.
  public static func ones(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try full(shape, 1, dtype) }

  /// Returns a tensor with every element `value`, converted as `converted(to:)` does: rounded or saturated.
  public static func full(_ shape: Shape, _ value: Double, _ dtype: DType = .f32) throws -> Tensor {
    let made = try empty(shape, dtype)
    switch dtype {
    case .f32: made.fill(Float(value))
    case .f64: made.fill(value)
    case .f16: made.fill(Float16(value))
    case .bf16: made.fill(BFloat16(value))
    case .i8: made.fill(Int8(number: value))
    case .u8: made.fill(UInt8(number: value))
    case .i16: made.fill(Int16(number: value))
    case .u16: made.fill(UInt16(number: value))
    case .i32: made.fill(Int32(number: value))
    case .i64: made.fill(Int64(number: value))
    case .bool: made.fill(value != 0 ? UInt8(1) : 0)
    }
    return made
  }

  private func fill<T: BitwiseCopyable>(_ value: T) {
    let target = pointer(T.self)
    for i in 0..<count { target[i] = value }
  }

  /// Returns a tensor without axes that holds `value`.
  public static func scalar(_ value: Double, _ dtype: DType = .f32) throws -> Tensor { try full([], value, dtype) }

  /// Returns first, first + step, ... of one axis. Values are computed in f64 and converted.
  public static func arange(first: Double = 0, count: Int, step: Double = 1, dtype: DType = .f32) throws -> Tensor {
    let made = try empty(Shape([count]), .f64)
    let target = made.pointer(Double.self)
    for i in 0..<made.count { target[i] = first + Double(i) * step }
    return try made.converted(to: dtype)
  }

  /// Returns normal numbers of mean 0 and deviation 1: a function of seed, stream and position alone.
  ///
  /// Philox4x32-10 and Box-Muller in f64; the same for every number of threads.
  public static func randn(_ shape: Shape, seed: UInt64, stream: UInt64 = 0, dtype: DType = .f32) throws -> Tensor {
    try random(shape, seed, stream, dtype) { words in
      let (u, v) = (1 - unit(words[0], words[1]), unit(words[2], words[3]))
      let radius = (-2 * Glibc.log(u)).squareRoot()
      return (radius * Glibc.cos(2 * .pi * v), radius * Glibc.sin(2 * .pi * v))
    }
  }

  /// Returns numbers in [low, high), evenly distributed: a function of seed, stream and position alone.
  public static func rand(
    _ shape: Shape, low: Double = 0, high: Double = 1, seed: UInt64, stream: UInt64 = 0, dtype: DType = .f32
  ) throws -> Tensor {
    // Rounding to the dtype may reach `high` itself; the next smaller number keeps the interval open.
    let widest: Double =
      switch dtype {
      case .f32: Double(Float(high).nextDown)
      case .f16: Double(Float16(high).nextDown)
      case .bf16: high - Swift.max(high.magnitude, low.magnitude) * 0x1p-8
      default: high
      }
    return try random(shape, seed, stream, dtype) { words in
      (
        Swift.min(low + (high - low) * unit(words[0], words[1]), widest),
        Swift.min(low + (high - low) * unit(words[2], words[3]), widest)
      )
    }
  }

  /// A permutation of 0..<count, i64 (Fisher-Yates on a Philox stream).
  public static func permutation(_ count: Int, seed: UInt64, stream: UInt64 = 0) throws -> Tensor {
    let made = try empty(Shape([count]), .i64)
    let target = made.pointer(Int64.self)
    var source = RandomSource(seed: seed, stream: stream)
    for i in 0..<count {
      target[i] = Int64(i)
      let j = source.integer(below: i + 1)
      (target[i], target[j]) = (target[j], target[i])
    }
    return made
  }

  /// 53 random bits as a number in [0, 1).
  @inline(__always)
  private static func unit(_ low: UInt32, _ high: UInt32) -> Double {
    Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
  }

  @inline(__always)
  private static func random(
    _ shape: Shape, _ seed: UInt64, _ stream: UInt64, _ dtype: DType, _ pair: (SIMD4<UInt32>) -> (Double, Double)
  ) throws -> Tensor {
    guard dtype.isFloating else {
      throw PareError(.dtype, "[random] \(dtype) has no continuous distribution", argument: "dtype", expected: "a float type")
    }
    let made = try empty(shape, .f64)
    let target = made.pointer(Double.self)
    let generator = Philox(seed: seed, stream: stream)
    let count = made.count
    try Compute.parallel((count + 1) / 2, grain: 4096) { part in
      for i in part {
        let (a, b) = pair(generator.block(UInt64(i)))
        target[2 * i] = a
        if 2 * i + 1 < count { target[2 * i + 1] = b }
      }
    }
    return try made.converted(to: dtype)
  }
}
