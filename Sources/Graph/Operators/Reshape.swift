import Support
import Tensor

/// Gives a value the shape in input 1: -1 is what remains, 0 copies the size at its place (unless allowzero).
struct ReshapeOperator: Operator {
  static let name = "Reshape"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let target = try target(node, inputs) else {
      guard let rank = inputs.optional(1)?.fixedShape?.first, rank <= 64 else { return [ValueType(x.dtype, nil)] }
      return [ValueType(x.dtype, (0..<rank).map { .symbol("\(node.name)_\($0)") })]
    }
    let isCopy = try !node.flag("allowzero")
    var result: [Dimension] = []
    for (place, size) in target.enumerated() {
      if size == 0, isCopy {
        guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
        guard place < shape.count else { throw node.failure(.shape, "size 0 at \(place) of \(target) has nothing to copy from \(shape)") }
        result.append(shape[place])
      } else {
        result.append(size)
      }
    }
    let open = result.indices.filter { result[$0] == -1 }
    guard open.count <= 1, result.allSatisfy({ ($0.value ?? 0) >= -1 }) else {
      throw node.failure(.shape, "shape \(target)", expected: "sizes, with at most one -1")
    }
    if let place = open.first { result[place] = try rest(of: x.shape, after: result, node, place) }
    if let from = x.fixedShape, let to = ValueType(x.dtype, result).fixedShape,
       try checkedProduct(from, node) != checkedProduct(to, node) {
      throw node.failure(.shape, "\(from) cannot become \(target)")
    }
    var type = ValueType(x.dtype, result)
    if result.count <= 1 { type.contents = x.contents }
    return [type]
  }

  private func target(_ node: Node, _ inputs: [ValueType?]) throws -> [Dimension]? {
    // Before opset 5 the shape was an attribute; some exporters still write it.
    if let shape = try node.ints("shape") { return shape.map { .fixed($0) } }
    return try inputs.required(1, node).contents
  }

  /// What -1 stands for: free sizes on both sides cancel.
  private func rest(of shape: [Dimension]?, after result: [Dimension], _ node: Node, _ place: Int) throws -> Dimension {
    let unknown = Dimension.symbol("\(node.name)_\(place)")
    guard let shape else { return unknown }
    // "4*N" is a number and a free size.
    var free = shape.compactMap(\.factors.free)
    let rest = result.enumerated().filter { $0.offset != place }.map(\.element)
    for name in rest.compactMap(\.factors.free) {
      guard let match = free.firstIndex(of: name) else { return unknown }
      free.remove(at: match)
    }
    let total = try checkedProduct(shape.map(\.factors.known), node)
    let given = try checkedProduct(rest.map(\.factors.known), node)
    if free.isEmpty {
      guard given > 0, total % given == 0 else { throw node.failure(.shape, "\(shape) does not divide into \(result)") }
      return .fixed(total / given)
    }
    return free.count == 1 && given > 0 && total % given == 0 ? .times(total / given, .symbol(free[0])) : unknown
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    let target = try node.ints("shape") ?? inputs.required(1, node).integers()
    let type = ValueType(x.dtype, x.shape.map { .fixed($0) })
    let shape = ValueType(.i64, [.fixed(target.count)], contents: target.map { .fixed($0) })
    guard let sizes = try infer(node, [type, shape], OperatorContext(opset: context.opset))[0].fixedShape else {
      throw node.failure(.internal, "the shape \(target) of \(x.shape.dimensions) is not known")
    }
    return [try x.reshaped(Shape(sizes))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.reshape(node) }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    let attribute = try node.ints("shape")
    guard let target = attribute.map({ $0.map { Dimension.fixed($0) } }) ?? cut.input(1)?.contents else { return Resized(node) }
    var sizes = target.map(\.value)
    var isChanged = false
    for axis in target.indices {
      guard let kept = cut.kept(output: 0, axis: axis) else { continue }
      guard let size = target[axis].value else {
        // A number times a free size, which the graph computes: what remains.
        sizes[axis] = -1
        isChanged = true
        continue
      }
      guard size > 0 else { continue }
      sizes[axis] = kept.count
      isChanged = true
    }
    guard isChanged else { return Resized(node) }
    guard sizes.count(where: { $0 == -1 }) <= 1 else {
      throw node.failure(.unsupported, "the cut of several axes of sizes that are not known", suggestion: "fix the sizes of the inputs (--shape)")
    }
    guard attribute != nil else { return Resized(node, constants: [1: sizes]) }
    var node = node
    node.attributes["shape"] = .ints(sizes.compactMap { $0 })
    return Resized(node)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReshapeOperator.self) }
