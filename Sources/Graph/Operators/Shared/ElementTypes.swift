import Support
import Tensor

/// ONNX's `TensorProto.DataType` numbers, as attributes hold them.
enum ElementTypes {
  private static let types: [Int: DType] = [
    1: .f32, 2: .u8, 3: .i8, 4: .u16, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 16: .bf16,
  ]

  /// Returns the element type of a number.
  ///
  /// - Throws: `unsupported` naming node and attribute.
  static func dtype(_ code: Int, _ node: Node, _ attribute: String) throws -> DType {
    guard let dtype = types[code] else { throw node.failure(.unsupported, "element type \(code)", argument: attribute) }
    return dtype
  }
}
