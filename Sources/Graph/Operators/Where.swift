import Support
import Tensor

/// Elements of input 1 where input 0 (bool) is true, of input 2 elsewhere; all three spread to each other.
struct WhereOperator: Operator {
  static let name = "Where"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let mask = try inputs.required(0, node), a = try inputs.required(1, node), b = try inputs.required(2, node)
    guard mask.dtype == .bool, a.dtype == b.dtype else {
      throw node.failure(.dtype, "operands", expected: "bool and one dtype", got: "\(mask.dtype), \(a.dtype) and \(b.dtype)")
    }
    guard let x = mask.shape, let y = a.shape, let z = b.shape else { return [ValueType(a.dtype, nil)] }
    var type = ValueType(a.dtype, try broadcast(broadcast(x, y, node), z, node))
    if let count = type.shape.map({ $0.isEmpty ? 1 : $0.count == 1 ? $0[0].value : nil }) ?? nil, count <= ValueType.contentLimit,
       let chosen = mask.contents, let p = a.contents, let q = b.contents {
      func at(_ list: [Dimension], _ place: Int) -> Dimension { list[list.count == 1 ? 0 : place] }
      if [chosen, p, q].allSatisfy({ $0.count == 1 || $0.count == count }) {
        type.contents = (0..<count).map { place in
          let yes = at(p, place), no = at(q, place)
          return at(chosen, place).value.map { $0 != 0 ? yes : no } ?? (yes == no ? yes : .symbol("\(node.name)_\(place)"))
        }
      }
    }
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try Tensor.where(inputs.required(0, node), inputs.required(1, node), inputs.required(2, node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.broadcast(inputs: [0, 1, 2], role: .follows) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(WhereOperator.self) }
