import Support
import Tensor

/// The discrete Fourier transform along an axis (attribute before opset 20, input since); real and imaginary parts are the last axis.
struct DFTOperator: Operator {
  static let name = "DFT"
  var arity: ClosedRange<Int> { 1...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard var shape = x.shape else { return [ValueType(x.dtype, nil)] }
    var known: Int? = -2
    if context.opset < 20 { known = try node.int("axis", default: 1) } else if node.has(2) { known = inputs.optional(2)?.contents?.first?.value }
    shape[shape.count - 1] = 2
    guard let known, !node.has(1) || inputs.optional(1)?.contents != nil else {
      // Whichever axis it is, its size stays.
      if try !node.has(1) && !node.flag("onesided") { return [ValueType(x.dtype, shape)] }
      return [ValueType(x.dtype, shape.indices.map { $0 == shape.count - 1 ? 2 : .symbol("\(node.name)_\($0)") })]
    }
    let axis = try normalized(known, rank: shape.count, node)
    let length = inputs.optional(1)?.contents?.first?.value ?? shape[axis].value
    let onesided = try node.flag("onesided")
    shape[axis] = length.map { .fixed(onesided ? $0 / 2 + 1 : $0) } ?? .symbol("\(node.name)_\(axis)")
    return [ValueType(x.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let axis = try context.opset < 20 ? node.int("axis", default: 1) : inputs.optional(2)?.integers().first ?? -2
    return [try inputs.required(0, node).dft(
      axis: axis, length: inputs.optional(1)?.integers().first, inverse: node.flag("inverse"), onesided: node.flag("onesided"))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DFTOperator.self) }
