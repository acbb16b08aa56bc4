import Support
import Tensor

/// Interpolates the value on a grid of another size: scales in input 2 or sizes in input 3 (scales in input 1 before opset 11).
struct ResizeOperator: Operator {
  static let name = "Resize"
  var arity: ClosedRange<Int> { 1...4 }

  /// What changes: axes with their new sizes and scales.
  private struct Plan {
    let axes: [Int], sizes: [Int], scales: [Double]
  }

  private func axes(_ node: Node, rank: Int) throws -> [Int] {
    try normalized(node.ints("axes", default: Array(0..<rank)), rank: rank, node)
  }

  /// - Parameter shape: with unknown sizes as nil, which must not be scaled.
  private func plan(_ node: Node, _ shape: [Int?], scales: [Double]?, sizes: [Int]?) throws -> Plan? {
    let axes = try axes(node, rank: shape.count)
    if let sizes {
      guard sizes.count == axes.count, sizes.allSatisfy({ $0 >= 1 && $0 <= 1 << 24 }) else {
        throw node.failure(.argument, "sizes \(sizes)", argument: "sizes", expected: "\(axes.count) numbers from 1")
      }
      let old = axes.compactMap { shape[$0] }
      guard old.count == axes.count, old.allSatisfy({ $0 > 0 }) else { return nil }
      let ratios = zip(sizes, old).map { Double($0) / Double($1) }
      switch try node.string("keep_aspect_ratio_policy", default: "stretch") {
      case "stretch": return Plan(axes: axes, sizes: sizes, scales: ratios)
      case "not_larger": return scaled(axes, old, ratios.min() ?? 1)
      case "not_smaller": return scaled(axes, old, ratios.max() ?? 1)
      case let other:
        throw node.failure(.argument, "attribute 'keep_aspect_ratio_policy'", argument: "keep_aspect_ratio_policy",
                           expected: "stretch, not_larger or not_smaller", got: other)
      }
    }
    guard let scales else { return nil }
    guard scales.count == axes.count, scales.allSatisfy({ $0 > 0 && $0 <= 0x1p24 }) else {
      throw node.failure(.argument, "scales \(scales)", argument: "scales", expected: "\(axes.count) positive numbers")
    }
    let kept: [Int] = axes.indices.filter { scales[$0] != 1 }
    let old = kept.compactMap { shape[axes[$0]] }
    guard old.count == kept.count else { return nil }
    let sizes = zip(old, kept).map { size, place in Int((Double(size) * scales[place]).rounded(.down)) }
    return Plan(axes: kept.map { axes[$0] }, sizes: sizes, scales: kept.map { scales[$0] })
  }

  private func scaled(_ axes: [Int], _ old: [Int], _ scale: Double) -> Plan {
    Plan(axes: axes, sizes: old.map { Int((Double($0) * scale).rounded()) }, scales: old.map { _ in scale })
  }

  private func isOld(_ node: Node, _ opset: Int) -> Bool { opset < 11 && node.inputs.count <= 2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    _ = try interpolation(node, context.opset)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    let place = isOld(node, context.opset) ? 1 : 2
    let given = inputs.optional(3)?.contents, axes = try axes(node, rank: shape.count)
    if let given, given.count == axes.count, given.contains(where: { $0.value == nil }) {
      // Some sizes are free: each axis has the one that is written for it.
      var result = shape
      let isStretched = try node.string("keep_aspect_ratio_policy", default: "stretch") == "stretch"
      for (axis, size) in zip(axes, given) { result[axis] = isStretched ? size : .symbol("\(node.name)_\(axis)") }
      return [ValueType(x.dtype, result)]
    }
    let sizes = given?.compactMap(\.value)
    let scales = inputs.optional(place)?.numbers.flatMap { $0.isEmpty ? nil : $0 }
    guard let plan = try plan(node, shape.map(\.value), scales: sizes == nil ? scales : nil, sizes: sizes) else {
      return [ValueType(x.dtype, shape.indices.map { axes.contains($0) ? .symbol("\(node.name)_\($0)") : shape[$0] })]
    }
    var result = shape
    for (axis, size) in zip(plan.axes, plan.sizes) { result[axis] = .fixed(size) }
    return [ValueType(x.dtype, result)]
  }

  private func interpolation(_ node: Node, _ opset: Int) throws -> Interpolation {
    func choice<T: RawRepresentable & CaseIterable>(_ name: String, _ fallback: String, _: T.Type) throws -> T where T.RawValue == String {
      let text = try node.string(name, default: fallback)
      guard let value = T(rawValue: text) else {
        throw node.failure(.unsupported, "attribute '\(name)'", argument: name,
                           expected: T.allCases.map(\.rawValue).joined(separator: ", "), got: text)
      }
      return value
    }
    let old = isOld(node, opset)
    return Interpolation(
      try choice("mode", "nearest", Interpolation.Mode.self),
      coordinates: try choice("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", Interpolation.Coordinates.self),
      rounding: try choice("nearest_mode", old ? "floor" : "round_prefer_floor", Interpolation.Rounding.self),
      cubicCoefficient: try node.float("cubic_coeff_a", default: -0.75), excludeOutside: try node.flag("exclude_outside"),
      antialias: try node.flag("antialias"), extrapolation: try node.float("extrapolation_value", default: 0))
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), interpolation = try interpolation(node, context.opset)
    let sizes = try inputs.optional(3)?.integers()
    let scales = try inputs.optional(isOld(node, context.opset) ? 1 : 2)?.scalars()
    let given = scales?.isEmpty == true || sizes != nil ? nil : scales
    guard let plan = try plan(node, x.shape.map { $0 }, scales: given, sizes: sizes) else {
      throw node.failure(.format, "neither scales nor sizes are given", argument: "scales")
    }
    var region: [(from: Double, to: Double)]?
    if interpolation.coordinates == .tfCropAndResize {
      let all = try axes(node, rank: x.rank), roi = try inputs.optional(1)?.scalars() ?? []
      guard roi.count == 2 * all.count else {
        throw node.failure(.argument, "the region has \(roi.count) numbers", argument: "roi", expected: "\(2 * all.count)")
      }
      region = plan.axes.map { axis in
        let place = all.firstIndex(of: axis) ?? 0
        return (roi[place], roi[place + all.count])
      }
    }
    return [try x.resized(axes: plan.axes, sizes: plan.sizes, scales: plan.scales, region: region, interpolation)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let before = flow.shape(.input(0)), let after = flow.shape(.output(0)) else {
      return flow.blockAll("\(node.op) '\(node.name)' of unknown shape")
    }
    // Sizes are written down for every axis; scales of 1 follow a cut by themselves.
    guard try !node.has(3) || axes(node, rank: before.count).allSatisfy({ $0 > 1 }) else {
      if before[0] == after[0] { flow.tie(.input(0), axis: 0, .output(0), axis: 0) }
      return flow.tie(.input(0), axis: 1, .output(0), axis: 1)
    }
    for axis in before.indices where before[axis] == after[axis] { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    guard node.has(3), let after = cut.output(0)?.fixedShape else { return Resized(node) }
    let axes = try axes(node, rank: after.count)
    let sizes = axes.map { cut.kept(output: 0, axis: $0)?.count ?? after[$0] }
    return sizes == axes.map { after[$0] } ? Resized(node) : Resized(node, constants: [3: sizes])
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ResizeOperator.self) }
