import Support
import Tensor

/// Takes elements or slices at positions that the last axis of the indices names, after `batch_dims` common axes.
struct GatherNDOperator: Operator {
  static let name = "GatherND"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node)
    guard let shape = x.shape, let places = indices.shape, let depth = places.last?.value else { return [ValueType(x.dtype, nil)] }
    let batch = try node.int("batch_dims", default: 0)
    guard batch >= 0, batch < min(shape.count, places.count), (1...(shape.count - batch)).contains(depth) else {
      throw node.failure(.shape, "indices \(places) with \(batch) common axes", expected: "positions in \(shape)")
    }
    return [ValueType(x.dtype, Array(places.dropLast()) + Array(shape.dropFirst(batch + depth)))]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node)
    let batch = try node.int("batch_dims", default: 0), depth = indices.shape.last ?? 0
    guard batch >= 0, batch < min(x.rank, indices.rank), depth >= 1, depth <= x.rank - batch,
          indices.shape[..<batch] == x.shape[..<batch]
    else { throw node.failure(.shape, "indices \(indices.shape) with \(batch) common axes", expected: "positions in \(x.shape)") }
    // Positions become rows of the value seen as [batch * named axes, rest].
    let flat = try flatPositions(indices, in: Array(x.shape[batch..<(batch + depth)]), node)
    let common = try Shape(x.shape[..<batch]).count, span = try Shape(x.shape[batch..<(batch + depth)]).count
    let each = try Shape(indices.shape[batch..<(indices.rank - 1)]).count
    let offsets = try Tensor.arange(count: common, step: Double(span), dtype: .f64).converted(to: .i64).reshaped([common, 1] as Shape)
    let rows = try flat.reshaped([common, each] as Shape) + offsets
    let table = try x.reshaped(Shape([common * span, Shape(Array(x.shape[(batch + depth)...])).count]))
    return [try table.gather(axis: 0, indices: rows).reshaped(
      Shape(indices.shape[..<(indices.rank - 1)] + Array(x.shape[(batch + depth)...])))]
  }
}

/// The row-major positions that the last axis of `indices` names in a tensor of `sizes`, i64, without that axis.
///
/// - Throws: `argument` naming an index outside.
func flatPositions(_ indices: Tensor, in sizes: [Int], _ node: Node) throws -> Tensor {
  var flat = try Tensor.zeros(Shape(indices.shape[..<(indices.rank - 1)]), .i64)
  for (axis, size) in sizes.enumerated() {
    let place = try indices.converted(to: .i64).select(axis: -1, index: axis)
    let position = try Tensor.where(place.lt(0), place + Double(size), place)
    guard try position.count == 0 || (position.min().item() >= 0 && position.max().item() < Double(size)) else {
      throw node.failure(.argument, "an index lies outside an axis of \(size)", argument: "indices", expected: "\(-size)..<\(size)")
    }
    flat = try flat * Double(size) + position
  }
  return flat
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GatherNDOperator.self) }
