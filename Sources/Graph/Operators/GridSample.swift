import Support
import Tensor

/// Samples `[N, C, spatial..]` at the positions of a grid `[N, spatial.., axes]`.
struct GridSampleOperator: Operator {
  static let name = "GridSample"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), grid = try inputs.required(1, node)
    _ = try settings(node)
    guard let shape = x.shape, let places = grid.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == places.count, shape.count >= 3, places.last?.value ?? shape.count - 2 == shape.count - 2 else {
      throw node.failure(.shape, "input \(shape) and grid \(places)", expected: "[N, C, spatial..] and [N, spatial.., axes]")
    }
    return [ValueType(x.dtype, Array(shape.prefix(2)) + Array(places[1..<(places.count - 1)]))]
  }

  private func settings(_ node: Node) throws -> (Interpolation.Mode, Tensor.SamplePadding) {
    let modes: [String: Interpolation.Mode] = ["linear": .linear, "bilinear": .linear, "nearest": .nearest, "cubic": .cubic, "bicubic": .cubic]
    let mode = try node.string("mode", default: "linear"), padding = try node.string("padding_mode", default: "zeros")
    guard let mode = modes[mode], let padding = Tensor.SamplePadding(rawValue: padding) else {
      throw node.failure(.argument, "mode \(mode), padding_mode \(padding)", argument: "mode",
                         expected: "linear, nearest or cubic; zeros, border or reflection")
    }
    return (mode, padding)
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let (mode, padding) = try settings(node)
    return [try inputs.required(0, node).gridSampled(
      inputs.required(1, node), mode: mode, padding: padding, alignCorners: node.flag("align_corners"))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
    flow.tie(.input(1), axis: 0, .output(0), axis: 0)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GridSampleOperator.self) }
