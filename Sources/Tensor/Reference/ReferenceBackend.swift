import Support

/// Plain Swift for every dtype: the oracle that fast kernels are tested against, and what computes where there are none.
///
/// f16 and bf16 are computed in f32 and rounded once at the end; integers of 8 and 16 bits in i32, which gives the same
/// bits after wrapping. So the loops exist for four types only.
struct ReferenceBackend: Backend {
  var name: String { "reference" }
  func supports(_ op: BackendOperation, _ dtype: DType) -> Bool { dtype != .bool }

  /// What an operation throws for an element type that it does not take.
  static func refusal(_ op: String, _ dtype: DType, expected: String) -> PareError {
    PareError(
      .dtype, "[\(op)] \(dtype) elements are not taken", expected: expected, got: dtype.name,
      suggestion: "convert with converted(to:)", op: op)
  }

  /// Runs `body` on f32 copies of half-precision operands and converts its result back.
  func widened(_ dtype: DType, _ body: (_ widen: (Tensor) throws -> Tensor) throws -> Tensor) throws -> Tensor {
    try convert(try body { try convert($0, to: .f32) }, to: dtype)
  }
}

extension DType {
  /// f16 and bf16, which are stored but not computed with.
  var isHalf: Bool { self == .f16 || self == .bf16 }

  /// The least and the largest number of a narrow integer type.
  var range: (least: Double, most: Double) {
    switch self {
    case .i8: (-128, 127)
    case .u8: (0, 255)
    case .i16: (-32768, 32767)
    case .u16: (0, 65535)
    default: (-.infinity, .infinity)
    }
  }
}
