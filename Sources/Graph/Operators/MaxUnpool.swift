import Support
import Tensor

/// Puts elements back to the positions that MaxPool gave for them; the rest is 0.
struct MaxUnpoolOperator: Operator {
  static let name = "MaxUnpool"
  var arity: ClosedRange<Int> { 2...3 }

  /// The spatial sizes when input 2 does not give the whole shape.
  private func sizes(_ sizes: [Int], _ node: Node) throws -> [Int] {
    let window = try Window(node)
    guard window.kernel.count == sizes.count else { throw node.failure(.shape, "input", expected: "rank \(window.kernel.count + 2)") }
    return sizes.indices.map { axis in
      (sizes[axis] - 1) * window.strides[axis] - window.pads[axis] - window.pads[axis + sizes.count] + window.kernel[axis]
    }
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if node.has(2) { return [ValueType(x.dtype, inputs.optional(2)?.contents)] }
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    let known = shape.dropFirst(2).compactMap(\.value)
    guard known.count == shape.count - 2 else {
      return [ValueType(x.dtype, Array(shape.prefix(2)) + (2..<shape.count).map { .symbol("\(node.name)_\($0)") })]
    }
    return [ValueType(x.dtype, Array(shape.prefix(2)) + (try sizes(known, node)).map { .fixed($0) })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), positions = try inputs.required(1, node)
    guard x.rank >= 3 else { throw node.failure(.shape, "input", expected: "[N, C, spatial..]", got: "\(x.shape)") }
    // Positions are those of the tensor that was pooled; only with the default sizes do they fall into their own planes.
    let own = try sizes(Array(x.shape[2...]), node), plane = try Shape(own).count
    let target = try inputs.optional(2)?.integers() ?? [x.shape[0], x.shape[1]] + own
    guard target.count == x.rank, Array(target.prefix(2)) == x.shape[..<2] else {
      throw node.failure(.shape, "output shape \(target)", expected: "[\(x.shape[0]), \(x.shape[1]), ..]")
    }
    guard target.dropFirst(2).elementsEqual(own) else {
      // As one plane: every position of the larger result is free.
      let whole = try x.reshaped([1, 1, x.count] as Shape)
      let total = try Shape(target).count
      return [try whole.maxUnpool(indices: positions.reshaped(whole.shape), sizes: [total]).reshaped(Shape(target))]
    }
    return [try x.maxUnpool(indices: positions.mod(Double(max(plane, 1))), sizes: own)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MaxUnpoolOperator.self) }
