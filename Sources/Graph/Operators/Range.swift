import Support
import Tensor

/// start, start + delta, ... up to, but not, limit.
struct RangeOperator: Operator {
  static let name = "Range"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let start = try inputs.required(0, node)
    let known = (0..<3).compactMap { inputs.optional($0)?.contents?.first?.value.map(Double.init) ?? inputs.optional($0)?.numbers?.first }
    guard known.count == 3 else { return [ValueType(start.dtype, [.symbol("\(node.name)_count")])] }
    return [ValueType(start.dtype, [.fixed(try count(known, node))])]
  }

  private func count(_ v: [Double], _ node: Node) throws -> Int {
    let steps = ((v[1] - v[0]) / v[2]).rounded(.up)
    guard v[2] != 0, steps.isFinite, steps < 0x1p40 else {
      throw node.failure(.argument, "from \(v[0]) to \(v[1]) by \(v[2])", expected: "finite numbers, a step that is not 0")
    }
    return Int(max(0, steps))
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let v = try (0..<3).map { try inputs.required($0, node).item() }
    return [try Tensor.arange(first: v[0], count: count(v, node), step: v[2], dtype: .f64).converted(to: inputs.required(0, node).dtype)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(RangeOperator.self) }
