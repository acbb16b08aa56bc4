import Support
import Tensor

/// An operator that folds any number of inputs which broadcast against each other.
protocol VariadicOperator: Operator {
  func apply(_ a: Tensor, _ b: Tensor) throws -> Tensor
  func finished(_ result: Tensor, count: Int) throws -> Tensor
}

extension VariadicOperator {
  var arity: ClosedRange<Int> { 1...Int.max }
  func finished(_ result: Tensor, count: Int) throws -> Tensor { result }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let types = try inputs.indices.map { try inputs.required($0, node) }
    guard let first = types.first, types.allSatisfy({ $0.dtype == first.dtype }) else {
      throw node.failure(.dtype, "operands", expected: "one dtype", got: types.map(\.dtype.name).joined(separator: ", "))
    }
    let shapes = types.compactMap(\.shape)
    guard shapes.count == types.count else { return [ValueType(first.dtype, nil)] }
    return [ValueType(first.dtype, try shapes.dropFirst().reduce(shapes[0]) { try broadcast($0, $1, node) })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let values = try inputs.indices.map { try inputs.required($0, node) }
    guard let first = values.first else { throw node.failure(.format, "there is no input") }
    return [try finished(values.dropFirst().reduce(first) { try apply($0, $1) }, count: values.count)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.broadcast(inputs: Array(0..<flow.inputCount), role: .follows)
  }
}
