import Support
import Tensor

/// ONNX's element types and Pare's.
enum ElementType {
  private static let pairs: [(Onnx_TensorProto.DataType, DType)] = [
    (.float, .f32), (.float16, .f16), (.bfloat16, .bf16), (.double, .f64), (.int8, .i8), (.uint8, .u8), (.int16, .i16), (.uint16, .u16),
    (.int32, .i32), (.int64, .i64), (.bool, .bool),
  ]

  /// Returns the dtype of ONNX's number `code`.
  ///
  /// - Parameter what: what the error names.
  static func dtype(_ code: Int32, of what: String) throws -> DType {
    if let pair = pairs.first(where: { $0.0.rawValue == Int(code) }) { return pair.1 }
    guard let type = Onnx_TensorProto.DataType(rawValue: Int(code)), type != .undefined else {
      throw PareError(.format, "\(what) has no element type that ONNX knows", got: "\(code)")
    }
    throw PareError(.unsupported, "\(what) has element type \("\(type)".uppercased())",
                    expected: pairs.map { "\($0.0)".uppercased() }.joined(separator: " "))
  }

  /// Returns ONNX's number of a dtype.
  static func code(_ dtype: DType, of what: String) throws -> Int32 {
    guard let pair = pairs.first(where: { $0.1 == dtype }) else {
      throw PareError(.unsupported, "\(what): ONNX export has no element type for \(dtype.name)")
    }
    return Int32(pair.0.rawValue)
  }
}
