import Support
import Tensor

/// Takes positions from `starts` to `ends` (not included) by `steps` along `axes`; attributes before opset 10, inputs since.
struct SliceOperator: Operator {
  static let name = "Slice"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...5 }

  /// One axis of a slice: `count` positions from `start` by `step`.
  private struct Range {
    let axis: Int
    let start: Int
    let count: Int
    let step: Int
  }

  private func ranges(
    _ node: Node, starts: [Int], ends: [Int], axes: [Int]?, steps: [Int]?, shape: [Int?]
  ) throws -> [Range?] {
    let axes = try normalized(axes ?? Array(0..<starts.count), rank: shape.count, node)
    let steps = steps ?? Array(repeating: 1, count: starts.count)
    guard starts.count == ends.count, starts.count == axes.count, starts.count == steps.count else {
      throw node.failure(.format, "starts, ends, axes and steps have different lengths")
    }
    return try axes.indices.map { index in
      guard let size = shape[axes[index]] else { return nil }
      let step = steps[index]
      guard step != 0 else { throw node.failure(.argument, "a step of 0", argument: "steps") }
      func clamped(_ position: Int, _ low: Int, _ high: Int) -> Int {
        // Huge numbers stand for "to the end"; adding the size to them must not overflow.
        min(max(position < 0 ? max(position, -size - 1) + size : position, low), high)
      }
      let start = step > 0 ? clamped(starts[index], 0, size) : clamped(starts[index], -1, size - 1)
      let end = step > 0 ? clamped(ends[index], 0, size) : clamped(ends[index], -1, size - 1)
      let distance = step > 0 ? end - start : start - end
      // A step beyond the size takes one position; the bound keeps it from overflowing.
      let stride = min(step.magnitude, UInt(size) + 1)
      let count = distance <= 0 ? 0 : (distance - 1) / Int(stride) + 1
      return Range(axis: axes[index], start: start, count: count, step: step > 0 ? Int(stride) : -Int(stride))
    }
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape, let starts = try integers("starts", input: 1, node, inputs),
          let ends = try integers("ends", input: 2, node, inputs)
    else { return [ValueType(x.dtype, x.shape?.map { _ in .symbol("\(node.name)_?") })] }
    let axes = try integers("axes", input: 3, node, inputs), steps = try integers("steps", input: 4, node, inputs)
    guard axes != nil || !node.has(3), steps != nil || !node.has(4) else { return [ValueType(x.dtype, nil)] }
    var type = ValueType(x.dtype, shape)
    let ranges = try ranges(node, starts: starts, ends: ends, axes: axes, steps: steps, shape: shape.map(\.value))
    let named = try normalized(axes ?? Array(0..<starts.count), rank: shape.count, node)
    for (axis, range) in zip(named, ranges) {
      type.shape?[axis] = range.map { .fixed($0.count) } ?? .symbol("\(node.name)_\(axis)")
    }
    if let contents = x.contents, shape.count == 1, let range = ranges.first ?? nil {
      type.contents = (0..<range.count).map { contents[range.start + $0 * range.step] }
    }
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    var x = try inputs.required(0, node)
    guard let starts = try integers("starts", input: 1, node, inputs), let ends = try integers("ends", input: 2, node, inputs) else {
      throw node.failure(.format, "starts or ends are missing")
    }
    let ranges = try ranges(
      node, starts: starts, ends: ends, axes: integers("axes", input: 3, node, inputs),
      steps: integers("steps", input: 4, node, inputs), shape: x.shape.map { $0 })
    for range in ranges.compactMap({ $0 }) {
      if range.step > 0 {
        let end = range.count == 0 ? range.start : range.start + (range.count - 1) * range.step + 1
        x = try x.slice(axis: range.axis, from: range.start, to: end, step: range.step)
      } else {
        x = try x.keeping((0..<range.count).map { range.start + $0 * range.step }, axis: range.axis)
      }
    }
    return [x]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)), flow.rank(.output(0)) == rank else {
      return flow.blockAll("\(node.op) '\(node.name)' of unknown rank")
    }
    let sliced = try node.ints("axes") ?? flow.contents(3) ?? (node.has(3) ? nil : Array(0..<rank))
    guard let sliced else { return flow.blockAll("\(node.op) '\(node.name)' takes axes that are not known") }
    let places = try normalized(Array(sliced.prefix(rank)), rank: rank, node)
    for axis in 0..<rank {
      if let place = places.firstIndex(of: axis), flow.size(.input(0), axis: axis) != flow.size(.output(0), axis: axis) {
        if let size = flow.size(.input(0), axis: axis), let count = flow.size(.output(0), axis: axis), count > 0,
           try (node.ints("steps") ?? flow.contents(4))?[place] ?? (node.has(4) ? 0 : 1) == 1,
           let start = try (node.ints("starts") ?? flow.contents(1))?[place] {
          // A run of positions: what stands outside of it ends here.
          let first = Swift.min(Swift.max(start < 0 ? start + size : start, 0), size - count)
          flow.tie(.input(0), axis: axis, at: Array(first..<(first + count)), .output(0), axis: axis, at: Array(0..<count))
          continue
        }
        let reason = "\(node.op) '\(node.name)' takes positions of axis \(axis) by number"
        flow.block(.input(0), axis: axis, reason)
        flow.block(.output(0), axis: axis, reason)
      } else {
        flow.tie(.input(0), axis: axis, .output(0), axis: axis)
      }
    }
  }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    guard let shape = cut.input(0)?.fixedShapeOfKnown, var starts = cut.input(1)?.contents?.map(\.value),
          var ends = cut.input(2)?.contents?.map(\.value), starts.count == ends.count
    else { return Resized(node) }
    let axes = try normalized(cut.input(3)?.contents?.compactMap(\.value) ?? Array(0..<starts.count), rank: shape.count, node)
    var isChanged = false
    for (place, axis) in axes.enumerated() where place < starts.count {
      guard let kept = cut.kept(input: 0, axis: axis), let size = shape[axis], let start = starts[place], let end = ends[place],
            let count = cut.output(0)?.shape?[axis].value, count != size
      else { continue }
      let first = Swift.min(Swift.max(start < 0 ? start + size : start, 0), size)
      let last = Swift.min(Swift.max(end < 0 ? end + size : end, 0), size)
      starts[place] = kept.count { $0 < first }
      ends[place] = kept.count { $0 < last }
      isChanged = true
    }
    return isChanged ? Resized(node, constants: [1: starts, 2: ends]) : Resized(node)
  }
}

extension ValueType {
  /// The sizes, unknown ones as nil.
  fileprivate var fixedShapeOfKnown: [Int?]? { shape?.map(\.value) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SliceOperator.self) }
