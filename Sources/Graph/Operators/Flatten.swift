import Tensor

/// Joins the axes before `axis` (default 1) into one and those from it on into another.
struct FlattenOperator: Operator {
  static let name = "Flatten"
  var precision: PrecisionPolicy { .follows }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    let axis = try axis(node, rank: shape.count)
    return [ValueType(x.dtype, [try joined(shape.prefix(axis), node, 0), try joined(shape.dropFirst(axis), node, 1)])]
  }

  private func axis(_ node: Node, rank: Int) throws -> Int {
    let axis = try node.int("axis", default: 1)
    return axis == rank ? rank : try normalized(axis, rank: rank, node)
  }

  private func joined(_ sizes: some Collection<Dimension>, _ node: Node, _ axis: Int) throws -> Dimension {
    let fixed = sizes.compactMap(\.value)
    if fixed.count == sizes.count { return .fixed(try checkedProduct(fixed, node)) }
    // A free size alone keeps its name.
    let free = sizes.filter { $0.value == nil }
    if free.count == 1, let only = free.first { return .times(try checkedProduct(fixed, node), only) }
    return .symbol("\(node.name)_\(axis)")
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try axis(node, rank: x.rank)
    let sizes = x.shape.dimensions
    let shape = try [checkedProduct(Array(sizes.prefix(axis)), node), checkedProduct(Array(sizes.dropFirst(axis)), node)]
    return [try x.reshaped(.init(shape))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.reshape(node) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(FlattenOperator.self) }
