import Support
import Tensor

/// A window of as many samples as input 0 says.
protocol WindowOperator: Operator {
  var function: WindowFunction { get }
}

extension WindowOperator {
  private func dtype(_ node: Node) throws -> DType {
    let code = try node.int("output_datatype", default: 1), types: [Int: DType] = [1: .f32, 10: .f16, 11: .f64, 16: .bf16]
    guard let dtype = types[code] else { throw node.failure(.unsupported, "element type \(code)", argument: "output_datatype") }
    return dtype
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let size = try inputs.required(0, node).contents?.first ?? .symbol("\(node.name)_size")
    return [ValueType(try dtype(node), [size])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    guard let size = try inputs.required(0, node).integers().first else { throw node.failure(.format, "the size is missing") }
    return [try function(size, periodic: node.flag("periodic", default: true), dtype: dtype(node))]
  }
}
