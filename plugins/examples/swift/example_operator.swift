// An operator: what does a graph node compute? Nodes of the domain "own" with this name run it.
import PareKit

struct ExampleOperator: OperatorProvider {
  static let entry = Entry(name: "example_operator", summary: "x times sigmoid(x)", reference: "own")
  init(_ arguments: Arguments) throws {}
  static var `operator`: any Operator.Type { ExampleOperatorOperator.self }
}

struct ExampleOperatorOperator: Operator {
  static let name = "ExampleOperator"
  static let domain = "own"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    guard let type = inputs.first ?? nil else { throw PareError(.argument, "ExampleOperator needs one input", op: "ExampleOperator") }
    return [type]
  }

  // The gradient comes from the tape of the tensor operations used here.
  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    guard let x = inputs.first ?? nil else { throw PareError(.argument, "ExampleOperator needs one input", op: "ExampleOperator") }
    return [try x * x.sigmoid()]
  }

  // Channels travel through unchanged, so that pruning sees past it.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<(flow.rank(.output(0)) ?? 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }
}

let plugin = Plugin(ExampleOperator.self)
