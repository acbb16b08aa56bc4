import Support
import Tensor

/// Converts elements to another type; `to` is ONNX's number of it.
struct CastOperator: Operator {
  static let name = "Cast"

  /// ONNX's `TensorProto.DataType` numbers.
  private static let types: [Int: DType] = [
    1: .f32, 2: .u8, 3: .i8, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 16: .bf16,
  ]

  private func target(_ node: Node) throws -> DType {
    guard let code = try node.int("to") else { throw node.failure(.format, "attribute 'to' is missing", argument: "to") }
    guard let dtype = Self.types[code] else { throw node.failure(.unsupported, "element type \(code)", argument: "to") }
    return dtype
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), target = try target(node)
    let isInteger = [DType.i64, .i32].contains(target) && [DType.i64, .i32].contains(x.dtype)
    return [ValueType(target, x.shape, contents: isInteger ? x.contents : nil)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).converted(to: target(node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CastOperator.self) }
