import Tensor

/// The value itself.
struct IdentityOperator: Operator {
  static let name = "Identity"
  var precision: PrecisionPolicy { .follows }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [try inputs.required(0, node)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(IdentityOperator.self) }
