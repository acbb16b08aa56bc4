import Support
import Tensor

/// An operator that maps each element of its first input alone; further inputs are scalars.
protocol ElementwiseOperator: Operator {
  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor
}

extension ElementwiseOperator {
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(try inputs.required(0, node).dtype, inputs.first??.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try apply(node, inputs.required(0, node), inputs, context)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

/// An operator on two inputs that broadcast as NumPy's do.
protocol BinaryOperator: Operator {
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor
  /// The same on known elements of shapes, where it makes sense.
  func apply(_ a: Int, _ b: Int) -> Int?
  /// A known number applied to a free size, where the result has a name.
  func apply(_ size: Dimension, _ count: Int) -> Dimension?
  /// What a parameter among the operands does for the channels along it.
  var role: ChannelRole { get }
  /// The type of the result of operands of this type.
  func result(_ dtype: DType) -> DType
}

extension BinaryOperator {
  var arity: ClosedRange<Int> { 2...2 }
  var role: ChannelRole { .carries }
  func apply(_ a: Int, _ b: Int) -> Int? { nil }
  func apply(_ size: Dimension, _ count: Int) -> Dimension? { nil }
  func result(_ dtype: DType) -> DType { dtype }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let a = try inputs.required(0, node), b = try inputs.required(1, node)
    guard a.dtype == b.dtype else {
      throw node.failure(.dtype, "operands", expected: "one dtype", got: "\(a.dtype.name) and \(b.dtype.name)")
    }
    var type = ValueType(result(a.dtype), nil)
    if let x = a.shape, let y = b.shape { type.shape = try broadcast(x, y, node) }
    if let x = a.contents, let y = b.contents, x.count == y.count || x.count == 1 || y.count == 1 {
      // A free size stays what it is where the operation leaves it so (times 1), and else becomes another free one.
      let probe = apply(3, 2)
      type.contents = probe == nil ? nil : (0..<max(x.count, y.count)).map { place in
        let a = x[x.count == 1 ? 0 : place], b = y[y.count == 1 ? 0 : place]
        if let p = a.value, let q = b.value, let value = apply(p, q) { return .fixed(value) }
        if a.value == nil, let q = b.value, apply(7, q) == 7, apply(11, q) == 11 { return a }
        if b.value == nil, let p = a.value, apply(p, 7) == 7, apply(p, 11) == 11 { return b }
        if let count = b.value, let named = apply(a, count) { return named }
        if let count = a.value, let named = apply(b, count) { return named }
        return .symbol("\(node.name)_\(place)")
      }
    }
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try apply(node, inputs.required(0, node), inputs.required(1, node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.broadcast(inputs: [0, 1], role: role) }
}

/// Returns the shape that two broadcast to.
func broadcast(_ a: [Dimension], _ b: [Dimension], _ node: Node) throws -> [Dimension] {
  let rank = max(a.count, b.count)
  let x = Array(repeating: Dimension.fixed(1), count: rank - a.count) + a
  let y = Array(repeating: Dimension.fixed(1), count: rank - b.count) + b
  return try zip(x, y).map { p, q in
    if p == q || q == 1 { return p }
    if p == 1 { return q }
    switch (p, q) {
    case (.fixed, .fixed):
      throw node.failure(.shape, "operands do not broadcast", got: "\(a) and \(b)")
    // A free size meets a fixed one: it must become that one.
    case (.symbol, _): return q
    case (_, .symbol): return p
    }
  }
}

extension ChannelFlow {
  /// Ties every axis of the first input to the same axis of every output.
  mutating func passThrough() {
    for output in 0..<outputCount {
      for axis in 0..<(rank(.output(output)) ?? 0) { tie(.input(0), axis: axis, .output(output), axis: axis) }
    }
    for input in 1..<max(inputCount, 1) where shape(.input(input))?.allSatisfy({ $0 == 1 }) == true {
      for axis in 0..<(rank(.input(input)) ?? 0) { free(.input(input), axis: axis) }
    }
  }

  /// Ties axes of inputs that broadcast to output 0, aligned from the last; what is spread from size 1 is free.
  mutating func broadcast(inputs: [Int], role: ChannelRole) {
    guard let result = shape(.output(0)) else { return blockAll("its shape is not known") }
    for input in inputs {
      guard let sizes = shape(.input(input)) else { continue }
      let shift = result.count - sizes.count
      for axis in sizes.indices {
        if sizes[axis] == 1 && result[axis + shift] != 1 {
          free(.input(input), axis: axis)
        } else {
          tie(.input(input), axis: axis, .output(0), axis: axis + shift)
          self.role(role, input: input, axis: axis)
        }
      }
    }
    for axis in result.indices { free(.output(0), axis: axis) }
  }
}

extension [ValueType?] {
  /// The type of an input that must be there.
  func required(_ index: Int, _ node: Node) throws -> ValueType {
    guard indices.contains(index), let type = self[index] else { throw node.failure(.format, "input \(index) is missing") }
    return type
  }

  /// The type of an optional input.
  func optional(_ index: Int) -> ValueType? { indices.contains(index) ? self[index] : nil }
}

extension [Tensor?] {
  /// An input that must be there.
  func required(_ index: Int, _ node: Node) throws -> Tensor {
    guard indices.contains(index), let tensor = self[index] else { throw node.failure(.format, "input \(index) is missing") }
    return tensor
  }

  func optional(_ index: Int) -> Tensor? { indices.contains(index) ? self[index] : nil }
}
