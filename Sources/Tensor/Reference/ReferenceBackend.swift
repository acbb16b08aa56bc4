import Support

/// Plain Swift for every dtype: the oracle that fast kernels are tested against, and what computes where there are none.
///
/// Made to be read and believed, not to be fast: elementwise operations, conversions and reductions take one element
/// after the other as f64 or i64 (see `Elements`); layers see halves as f32.
struct ReferenceBackend: Backend {
  var name: String { "reference" }
  func supports(_ op: BackendOperation, _ dtype: DType) -> Bool { dtype != .bool }

  /// What an operation throws for an element type that it does not take.
  static func refusal(_ op: String, _ dtype: DType, expected: String) -> PareError {
    PareError(
      .dtype, "[\(op)] \(dtype) elements are not taken", expected: expected, got: dtype.name,
      suggestion: "convert with converted(to:), in Lua x:to(\"f32\")", op: op)
  }

  /// Runs `body` on f32 copies of half-precision operands and converts its result back.
  func widened(_ dtype: DType, _ body: (_ widen: (Tensor) throws -> Tensor) throws -> Tensor) throws -> Tensor {
    try convert(try body { try convert($0, to: .f32) }, to: dtype)
  }
}

extension DType {
  /// f16 and bf16, which are stored but not computed with.
  var isHalf: Bool { self == .f16 || self == .bf16 }
}
