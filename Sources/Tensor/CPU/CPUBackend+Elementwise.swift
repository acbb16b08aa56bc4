import CKernels
import Support

/// Elementwise operations: rows by the kernels of `Elementwise.h`.
extension CPUBackend {
  func unary(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor {
    if x.dtype.isInteger, [.floor, .ceil, .round, .trunc].contains(op) { return x }
    // The reference says what is wrong.
    guard op.takes(x.dtype) else { return try reference.unary(op, x) }
    let code = op.code
    return try mapped(x, op.isTest ? .bool : x.dtype) { pare_unary(code, $0, $1, $2) }
  }

  func clip(_ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor {
    guard x.dtype != .bool else { return try reference.clip(x, lower, upper) }
    return try mapped(x, x.dtype) { pare_clip($0, $1, lower, upper, $2) }
  }

  func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    let dtype = a.dtype
    guard op.takes(dtype), let code = op.code else { return try reference.binary(op, a, b, shape) }
    if dtype.isInteger, [.div, .mod, .floorDiv, .floorMod].contains(op) {
      let zero = try reduce(.any, compare(.eq, b, number: 0), axes: Array(repeating: true, count: b.rank))
      guard zero.pointer(UInt8.self)[0] == 0 else {
        throw PareError(.argument, "[\(op.rawValue)] a divisor of \(dtype) elements is 0", op: op.rawValue)
      }
    }
    let type = dtype.element
    return try mapped(a, b, shape, dtype) { pare_binary(code, type, $0, $1, $2, $3) }
  }

  func binary(_ op: BinaryOperation, _ a: Tensor, number: Double, swapped: Bool) throws -> Tensor {
    let dtype = a.dtype
    guard dtype.isFloating, op.takes(dtype), !op.isGradient, let code = op.code else {
      if dtype.isFloating { return try reference.binary(op, a, number: number, swapped: swapped) }
      let b = try Tensor.full([], number, dtype)
      return swapped ? try binary(op, b, a, a.shape) : try binary(op, a, b, a.shape)
    }
    if op == .pow, !swapped {
      if number == 1 { return try mapped(a, dtype) { pare_convert(dtype.element, $0, $1, $2) } }
      if number == 2 { return try unary(.square, a) }
      if number == -1 { return try unary(.reciprocal, a) }
    }
    let type = dtype.element
    return try withScalar(number, dtype) { number in
      try mapped(a, dtype) {
        swapped ? pare_binary(code, type, $0, number, $1, $2) : pare_binary(code, type, $0, $1, number, $2)
      }
    }
  }

  /// Calls `body` with a float as one element for all, in the type in which elements of `dtype` are computed.
  private func withScalar<R>(_ number: Double, _ dtype: DType, _ body: (pare_operand) throws -> R) rethrows -> R {
    if dtype == .f64 {
      return try withUnsafePointer(to: number) { try body(pare_operand(data: $0, stride: 0, type: PARE_F64)) }
    }
    return try withUnsafePointer(to: Float(number)) { try body(pare_operand(data: $0, stride: 0, type: PARE_F32)) }
  }

  // MARK: Comparisons

  func compare(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    let (code, type) = (op.code, a.dtype.element)
    return try mapped(a, b, shape, .bool) {
      pare_compare(code, type, $0.assumingMemoryBound(to: UInt8.self), $1, $2, $3)
    }
  }

  /// The number is compared as it is, also where the dtype cannot hold it: then with the nearest element that lies on
  /// the same side.
  func compare(_ op: Comparison, _ a: Tensor, number: Double) throws -> Tensor {
    let (code, type) = (op.code, a.dtype.element)
    func compared(_ scalar: pare_operand) throws -> Tensor {
      try mapped(a, .bool) { pare_compare(code, type, $0.assumingMemoryBound(to: UInt8.self), $1, scalar, $2) }
    }
    let above = op == .lt || op == .ge
    if a.dtype.isFloating {
      guard a.dtype != .f64 else { return try withScalar(number, .f64, compared) }
      var nearest = Float(number)
      if Double(nearest) != number, !number.isNaN {
        if op == .eq || op == .ne {
          nearest = .nan
        } else if above, Double(nearest) < number {
          nearest = nearest.nextUp
        } else if !above, Double(nearest) > number {
          nearest = nearest.nextDown
        }
      }
      return try withScalar(Double(nearest), .f32, compared)
    }
    let whole = number.rounded(above ? .up : .down)
    guard let exact = Int64(exactly: whole), whole == number || op != .eq && op != .ne else {
      // On one side of everything, or equal to nothing; an element compared with itself says what that is.
      let holds = op == .ne || number > 0 && (op == .lt || op == .le) || number < 0 && (op == .gt || op == .ge)
      return try compare(holds ? .eq : .ne, a, a, a.shape)
    }
    if a.dtype == .i64 {
      return try withUnsafePointer(to: exact) { try compared(pare_operand(data: $0, stride: 0, type: PARE_I64)) }
    }
    guard let narrow = Int32(exactly: exact) else { return try compare(op, convert(a, to: .i64), number: number) }
    return try withUnsafePointer(to: narrow) { try compared(pare_operand(data: $0, stride: 0, type: PARE_I32)) }
  }

  func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    let layout = Tensor.resultLayout(shape, a, b)
    let out = try Tensor.empty(shape, a.dtype, layout: layout)
    let c = try condition.readable(shape, like: layout)
    let (a, b) = (try a.readable(shape, like: layout), try b.readable(shape, like: layout))
    let (r, size) = (out.address, a.dtype.size)
    let (m, p, q) = (Operand(c), Operand(a), Operand(b))
    let nest = LoopNest(
      shape, layout, c.broadcastLayout(shape), a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (s, t, u) = (nest.inner(1), nest.inner(2), nest.inner(3))
    try nest.forEachRow { n, o, i, j, k in
      pare_select(r + o * size, m.row(i, stride: s), p.row(j, stride: t), q.row(k, stride: u), n)
    }
    withExtendedLifetime((a, b, c)) {}
    return out
  }

  // MARK: Loops

  /// A result of `x`'s shape, dense in the order of its axes, by rows: `body(result, row, count)`.
  @inline(__always)
  func mapped(
    _ x: Tensor, _ dtype: DType, _ body: (UnsafeMutableRawPointer, pare_operand, Int) -> Void
  ) throws -> Tensor {
    let size = dtype.size
    let source = Operand(x)
    if x.isDense {
      let out = try Tensor.empty(x.shape, dtype, layout: x.layout)
      let r = out.address
      try Compute.parallel(x.count, grain: LoopNest.grain) { part in
        body(r + part.lowerBound * size, source.row(part.lowerBound), part.count)
      }
      return out
    }
    let out = try Tensor.empty(x.shape, dtype, layout: x.denseLayout(like: x.shape))
    let r = out.address
    let nest = LoopNest(x.shape, out.layout, x.layout)
    let stride = nest.inner(1)
    try nest.forEachRow { n, o, i, _, _ in body(r + o * size, source.row(i, stride: stride), n) }
    return out
  }

  /// A result of two operands that broadcast to `shape`, by rows: `body(result, row, row, count)`.
  @inline(__always)
  private func mapped(
    _ a: Tensor, _ b: Tensor, _ shape: Shape, _ dtype: DType,
    _ body: (UnsafeMutableRawPointer, pare_operand, pare_operand, Int) -> Void
  ) throws -> Tensor {
    let size = dtype.size
    if a.shape == shape, b.shape == shape, Tensor.isSame(a.layout, b.layout, shape), a.isDense {
      let out = try Tensor.empty(shape, dtype, layout: a.layout)
      let (p, q, r) = (Operand(a), Operand(b), out.address)
      try Compute.parallel(shape.count, grain: LoopNest.grain) { part in
        let i = part.lowerBound
        body(r + i * size, p.row(i), q.row(i), part.count)
      }
      return out
    }
    let layout = Tensor.resultLayout(shape, a, b)
    let out = try Tensor.empty(shape, dtype, layout: layout)
    let (a, b) = (try a.readable(shape, like: layout), try b.readable(shape, like: layout))
    let (p, q, r) = (Operand(a), Operand(b), out.address)
    let nest = LoopNest(shape, layout, a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (s, t) = (nest.inner(1), nest.inner(2))
    try nest.forEachRow { n, o, i, j, _ in body(r + o * size, p.row(i, stride: s), q.row(j, stride: t), n) }
    withExtendedLifetime((a, b)) {}
    return out
  }
}

extension UnaryOperation {
  fileprivate var isTest: Bool { self == .isNaN || self == .isFinite || self == .isInfinite || self == .not }

  /// Whether there is a kernel for elements of this type.
  fileprivate func takes(_ dtype: DType) -> Bool {
    if dtype.isFloating { return self != .not && self != .bitNot }
    if dtype == .bool { return self == .not }
    switch self {
    case .neg, .abs, .relu, .sign, .square, .bitNot, .isNaN, .isFinite, .isInfinite: return true
    default: return false
    }
  }

  fileprivate var code: pare_unary_op {
    switch self {
    case .neg: PARE_NEG
    case .abs: PARE_ABS
    case .sqrt: PARE_SQRT
    case .rsqrt: PARE_RSQRT
    case .exp: PARE_EXP
    case .log: PARE_LOG
    case .tanh: PARE_TANH
    case .sigmoid: PARE_SIGMOID
    case .erf: PARE_ERF
    case .relu: PARE_RELU
    case .sign: PARE_SIGN
    case .floor: PARE_FLOOR
    case .ceil: PARE_CEIL
    case .round: PARE_ROUND
    case .reciprocal: PARE_RECIPROCAL
    case .square: PARE_SQUARE
    case .sin: PARE_SIN
    case .cos: PARE_COS
    case .isNaN: PARE_IS_NAN
    case .isFinite: PARE_IS_FINITE
    case .isInfinite: PARE_IS_INFINITE
    case .not: PARE_NOT
    case .bitNot: PARE_BIT_NOT
    case .exp2: PARE_EXP2
    case .expm1: PARE_EXPM1
    case .log1p: PARE_LOG1P
    case .log2: PARE_LOG2
    case .log10: PARE_LOG10
    case .tan: PARE_TAN
    case .asin: PARE_ASIN
    case .acos: PARE_ACOS
    case .atan: PARE_ATAN
    case .sinh: PARE_SINH
    case .cosh: PARE_COSH
    case .asinh: PARE_ASINH
    case .acosh: PARE_ACOSH
    case .atanh: PARE_ATANH
    case .trunc: PARE_TRUNC
    case .silu: PARE_SILU
    case .gelu: PARE_GELU
    case .geluTanh: PARE_GELU_TANH
    case .mish: PARE_MISH
    case .softplus: PARE_SOFTPLUS
    }
  }
}

extension BinaryOperation {
  private var isLogical: Bool { self == .and || self == .or || self == .xor }
  fileprivate var isGradient: Bool {
    switch self {
    case .reluGradient, .sigmoidGradient, .tanhGradient, .siluGradient, .geluGradient, .geluTanhGradient, .mishGradient: true
    default: false
    }
  }

  /// Whether elements of this type are taken.
  fileprivate func takes(_ dtype: DType) -> Bool {
    dtype.isFloating ? !isLogical : dtype == .bool ? isLogical : !isGradient && self != .atan2
  }

  /// The kernel's name; nil where the reference does it.
  fileprivate var code: pare_binary_op? {
    switch self {
    case .add: PARE_ADD
    case .sub: PARE_SUB
    case .mul: PARE_MUL
    case .div: PARE_DIV
    case .pow: PARE_POW
    case .mod: PARE_MOD
    case .maximum: PARE_MAXIMUM
    case .minimum: PARE_MINIMUM
    case .and: PARE_AND
    case .or: PARE_OR
    case .xor: PARE_XOR
    case .reluGradient: PARE_RELU_GRADIENT
    case .sigmoidGradient: PARE_SIGMOID_GRADIENT
    case .tanhGradient: PARE_TANH_GRADIENT
    case .siluGradient: PARE_SILU_GRADIENT
    case .geluGradient: PARE_GELU_GRADIENT
    case .geluTanhGradient: PARE_GELU_TANH_GRADIENT
    case .mishGradient: PARE_MISH_GRADIENT
    case .atan2: PARE_ATAN2
    case .floorDiv: PARE_FLOOR_DIV
    case .floorMod: PARE_FLOOR_MOD
    case .shiftLeft, .shiftRight: nil
    }
  }
}

extension Comparison {
  fileprivate var code: pare_comparison {
    switch self {
    case .eq: PARE_EQ
    case .ne: PARE_NE
    case .lt: PARE_LT
    case .le: PARE_LE
    case .gt: PARE_GT
    case .ge: PARE_GE
    }
  }
}
