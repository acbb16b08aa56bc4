import Support
import Tensor

/// Writes elements or slices to positions that the last axis of the indices names; of several to one place the last stays.
struct ScatterNDOperator: Operator {
  static let name = "ScatterND"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), reduction = try node.string("reduction", default: "none")
    guard reduction == "none" else {
      throw node.failure(.unsupported, "reduction \(reduction)", argument: "reduction", expected: "none")
    }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node), updates = try inputs.required(2, node)
    let depth = indices.shape.last ?? 0
    guard depth >= 1, depth <= x.rank,
          updates.shape.dimensions == indices.shape[..<(indices.rank - 1)] + Array(x.shape[depth...])
    else {
      throw node.failure(.shape, "indices \(indices.shape) and updates \(updates.shape)", expected: "positions in \(x.shape) and a slice for each")
    }
    let rows = try flatPositions(indices, in: Array(x.shape[..<depth]), node)
    let width = try Shape(Array(x.shape[depth...])).count, height = try Shape(x.shape[..<depth]).count
    let places = try rows.reshaped([rows.count, 1] as Shape).expanded(to: [rows.count, width])
    return [try x.reshaped([height, width] as Shape).scatterRows(places, updates.reshaped([rows.count, width] as Shape)).reshaped(x.shape)]
  }
}

extension Tensor {
  /// Rows replaced at positions of axis 0, which every column repeats.
  fileprivate func scatterRows(_ places: Tensor, _ values: Tensor) throws -> Tensor {
    try scatterElements(axis: 0, indices: places.contiguous(), values: values)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ScatterNDOperator.self) }
