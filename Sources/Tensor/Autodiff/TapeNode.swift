import CKernels
import Support
import Synchronization

/// One recorded operation, or a leaf: what a backward pass walks. Reachable from the result only, so that what nobody
/// needs any more is freed by itself.
///
/// Sendable because nothing is mutated after `init`, but `inputs` in `deinit`, and `pull` by a backward pass that was asked
/// not to retain the graph, whose caller owns it.
package final class TapeNode: @unchecked Sendable {
  private static let counter = Atomic<UInt64>(0)

  /// Grows with creation, so that every node's inputs have smaller numbers: descending order is topological.
  let id: UInt64
  let op: StaticString
  let shape: Shape
  let dtype: DType
  fileprivate(set) var inputs: [TapeNode?]
  /// Takes the gradient of the result and hands on those of the inputs. Tensors that it captures are detached. Nil: leaf.
  private(set) var pull: (@Sendable (Tensor, inout Pullback) throws -> Void)?
  /// Whether `pull` can be differentiated itself; see `recorded`.
  let isRepeatable: Bool

  init(
    _ op: StaticString, shape: Shape, dtype: DType, inputs: [TapeNode?], isRepeatable: Bool = true,
    pull: (@Sendable (Tensor, inout Pullback) throws -> Void)?
  ) {
    self.isRepeatable = isRepeatable
    id = TapeNode.counter.wrappingAdd(1, ordering: .relaxed).newValue
    self.op = op
    self.shape = shape
    self.dtype = dtype
    self.inputs = inputs
    self.pull = pull
  }

  /// Lets go of what the forward pass kept for the gradient.
  func release() {
    guard pull != nil else { return }
    let op = op
    pull = { _, _ in
      throw PareError(
        .argument, "[\(op)] this history was gone through by a backward pass that did not retain it", argument: "retainGraph",
        suggestion: "backward(retainGraph: true) the first time", op: "\(op)")
    }
  }

  /// Frees long chains one by one: the compiler's recursion would end the stack after some ten thousand operations.
  deinit {
    guard pull != nil else { return }
    var pending = inputs.compactMap { $0 }
    inputs = []
    while var node = pending.popLast() {
      if isKnownUniquelyReferenced(&node) {
        pending.append(contentsOf: node.inputs.lazy.compactMap { $0 })
        node.inputs = []
      }
    }
  }
}

/// Where a slice lies in what it was taken from.
struct SlicePlace: Sendable {
  var axis: Int
  var from: Int, to: Int, step: Int
}

/// What has arrived at a node in a backward pass: gradients, added up, and gradients of slices, which are put into their
/// places together.
struct ArrivedGradient {
  private var whole: Tensor?
  private var parts: [(gradient: Tensor, place: SlicePlace)] = []

  mutating func add(_ gradient: Tensor, at place: SlicePlace?) throws {
    if let place { return parts.append((gradient, place)) }
    whole = try whole.map { try $0 + gradient } ?? gradient
  }

  /// The gradient at a node of this shape.
  func total(_ shape: Shape) throws -> Tensor? {
    if whole == nil, let tiled = try tiled(shape) { return tiled }
    return try parts.reduce(whole) { sum, part in
      let next = try part.gradient.embedded(in: shape, part.place)
      return try sum.map { try $0 + next } ?? next
    }
  }

  /// The slices side by side, where they are neighbours that leave nothing out.
  private func tiled(_ shape: Shape) throws -> Tensor? {
    guard let axis = parts.first?.place.axis else { return nil }
    let sorted = parts.sorted { $0.place.from < $1.place.from }
    var end = 0
    for (_, place) in sorted {
      guard place.axis == axis, place.step == 1, place.from == end else { return nil }
      end = place.to
    }
    return end == shape.dims[axis] ? try Tensor.concat(sorted.map { $0.gradient }, axis: axis) : nil
  }
}

/// Where a node's pull hands on gradients, by position of the input. What nobody asked for is not computed.
package struct Pullback {
  let node: TapeNode
  /// Whether gradients are recorded, to be differentiated again.
  let createsGraph: Bool
  fileprivate(set) var gradients: [(node: TapeNode, gradient: Tensor, place: SlicePlace?)] = []

  init(_ node: TapeNode, createsGraph: Bool) {
    self.node = node
    self.createsGraph = createsGraph
  }

  private var inputs: [TapeNode?] { node.inputs }

  /// What the forward pass kept of input `i`, with its history if gradients are recorded.
  func input(_ i: Int, _ value: Tensor) -> Tensor { joined(value, inputs[i]) }

  /// What the forward pass kept of the result, with its history if gradients are recorded.
  func output(_ value: Tensor) -> Tensor { joined(value, node) }

  private func joined(_ value: Tensor, _ node: TapeNode?) -> Tensor {
    var value = value
    if createsGraph { value.node = node }
    return value
  }

  /// Adds the gradient of input `i`, if that input is tracked.
  mutating func add(_ i: Int, _ gradient: @autoclosure () throws -> Tensor) rethrows {
    if let node = inputs[i] { gradients.append((node, try gradient(), nil)) }
  }

  /// Adds the gradient of a slice of input `i`.
  mutating func add(_ i: Int, _ gradient: Tensor, at place: SlicePlace) {
    if let node = inputs[i] { gradients.append((node, gradient, place)) }
  }

  func needs(_ i: Int) -> Bool { inputs[i] != nil }
}

/// The gradients of one backward pass, by leaf.
public struct Gradients: Sendable {
  var values: [UInt64: Tensor] = [:]

  /// The gradient of a tracked leaf: its shape and dtype; nil for what the result does not depend on.
  public subscript(_ leaf: Tensor) -> Tensor? { leaf.node.flatMap { values[$0.id] } }

  /// The number of leaves that the result depends on.
  public var count: Int { values.count }
}

extension Tensor {
  /// True for a leaf made by `tracked()` and for what was computed from one.
  public var isTracked: Bool { node != nil }

  /// Returns a new leaf with these values, whose gradient a later `backward` gives. Only floats are differentiated.
  public func tracked() -> Tensor {
    var leaf = self
    leaf.node = TapeNode("leaf", shape: shape, dtype: dtype, inputs: [], pull: nil)
    return leaf
  }

  /// Returns the same values without their history.
  public func detached() -> Tensor {
    var copy = self
    copy.node = nil
    return copy
  }

  /// Runs `body` without recording anything on the calling thread.
  public static func withoutGradient<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let state = pare_thread()
    state?.pointee.without_gradient += 1
    defer { state?.pointee.without_gradient -= 1 }
    return try body()
  }

  /// Runs `body` with recording on the calling thread, also inside of `withoutGradient`.
  static func withGradient<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let state = pare_thread()
    let before = state?.pointee.without_gradient ?? 0
    state?.pointee.without_gradient = 0
    defer { state?.pointee.without_gradient = before }
    return try body()
  }

  /// Whether an operation on this tensor is to be recorded. A nil test when it is not tracked.
  @inline(__always) var records: Bool { node != nil && Tensor.isRecording }
  private static var isRecording: Bool { pare_thread()?.pointee.without_gradient == 0 }

  /// Returns this result with its history. `pull` must capture detached tensors only, or the tape would hold itself up.
  ///
  /// - Parameter repeatable: that `pull` is made of recorded operations on the gradient and on what `Pullback.input` and
  ///   `Pullback.output` give, so that `backward(createGraph: true)` can record it. Otherwise that refuses the operation.
  func recorded(
    _ op: StaticString, _ inputs: Tensor..., repeatable: Bool = false,
    pull: @escaping @Sendable (Tensor, inout Pullback) throws -> Void
  ) -> Tensor { recorded(op, from: inputs, repeatable: repeatable, pull: pull) }

  /// Notes that the tensor came from inputs on a tape by an operation that has no gradient: a backward pass that reaches it
  /// throws `unsupported`, instead of leaving out a part of the gradient.
  package func refusing(_ op: StaticString, _ inputs: Tensor...) -> Tensor {
    guard inputs.contains(where: \.records) else { return self }
    return recorded(op, from: inputs) { _, _ in
      throw PareError(
        .unsupported, "[\(op)] has no gradient", suggestion: "detach its result where it is a constant of the loss", op: "\(op)")
    }
  }

  func recorded(
    _ op: StaticString, from inputs: [Tensor], repeatable: Bool = false,
    pull: @escaping @Sendable (Tensor, inout Pullback) throws -> Void
  ) -> Tensor {
    guard dtype.isFloating else { return self }
    var result = self
    result.node = TapeNode(
      op, shape: shape, dtype: dtype, inputs: inputs.map { $0.node }, isRepeatable: repeatable, pull: pull)
    return result
  }
}
