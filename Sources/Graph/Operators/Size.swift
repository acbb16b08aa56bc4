import Support
import Tensor

/// The number of elements, i64.
struct SizeOperator: Operator {
  static let name = "Size"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    var type = ValueType(.i64, [])
    if let shape = try inputs.required(0, node).fixedShape { type.contents = [.fixed(try checkedProduct(shape, node))] }
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] { [try Tensor([Int64(inputs.required(0, node).count)], shape: [])] }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { for axis in 0..<(flow.rank(.input(0)) ?? 0) { flow.free(.input(0), axis: axis) } }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SizeOperator.self) }
