import Support
import Tensor

/// A tensor of the shape in input 0, filled with `value` (0 of f32 when absent).
struct ConstantOfShapeOperator: Operator {
  static let name = "ConstantOfShape"

  private func value(_ node: Node) throws -> Tensor { try node.tensor("value") ?? Tensor.scalar(0) }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let dtype = try value(node).dtype, sizes = try inputs.required(0, node)
    if let contents = sizes.contents { return [ValueType(dtype, contents)] }
    let rank = sizes.fixedShape?.first
    return [ValueType(dtype, rank.map { (0..<$0).map { .symbol("\(node.name)_\($0)") } })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let value = try value(node)
    guard value.count == 1 else { throw node.failure(.shape, "attribute 'value'", argument: "value", expected: "one element") }
    return [try value.reshaped([] as Shape).expanded(to: Shape(inputs.required(0, node).integers()))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConstantOfShapeOperator.self) }
