import Support
import Tensor

/// Cuts or pads the axes to the sizes in input 1, evenly on both sides.
struct CenterCropPadOperator: Operator {
  static let name = "CenterCropPad"
  var arity: ClosedRange<Int> { 2...2 }

  private func axes(_ node: Node, rank: Int, count: Int) throws -> [Int] {
    let axes = try normalized(node.ints("axes", default: Array(0..<rank)), rank: rank, node)
    guard axes.count == count else { throw node.failure(.shape, "\(count) sizes", argument: "shape", expected: "\(axes.count)") }
    return axes
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), target = try inputs.required(1, node)
    guard var shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard let sizes = target.contents else {
      let named = try normalized(node.ints("axes", default: Array(shape.indices)), rank: shape.count, node)
      for axis in named { shape[axis] = .symbol("\(node.name)_\(axis)") }
      return [ValueType(x.dtype, shape)]
    }
    for (axis, size) in zip(try axes(node, rank: shape.count, count: sizes.count), sizes) { shape[axis] = size }
    return [ValueType(x.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), sizes = try inputs.required(1, node).integers()
    guard sizes.allSatisfy({ $0 >= 0 && $0 <= 1 << 40 }) else { throw node.failure(.shape, "sizes \(sizes)", argument: "shape", expected: "from 0") }
    var pads = [Int](repeating: 0, count: 2 * x.rank)
    for (axis, size) in zip(try axes(node, rank: x.rank, count: sizes.count), sizes) {
      // The odd one is added, or stays, at the end.
      let more = size - x.shape[axis]
      pads[axis] = more >= 0 ? more / 2 : -((-more) / 2)
      pads[axis + x.rank] = more - pads[axis]
    }
    return [try x.padded(pads)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CenterCropPadOperator.self) }
