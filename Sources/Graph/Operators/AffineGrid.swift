import Support
import Tensor

/// The sampling positions of GridSample for affine maps `[N, 2, 3]` (or `[N, 3, 4]`) and an image of the size in input 1.
struct AffineGridOperator: Operator {
  static let name = "AffineGrid"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let theta = try inputs.required(0, node)
    let given = try inputs.required(1, node)
    guard let size = given.contents ?? given.fixedShape?.first.map({ count in (0..<min(count, 8)).map { .symbol("\(node.name)_\($0)") } }) else {
      return [ValueType(theta.dtype, nil)]
    }
    guard (4...5).contains(size.count) else { throw node.failure(.shape, "size \(size)", argument: "size", expected: "[N, C, H, W] or [N, C, D, H, W]") }
    return [ValueType(theta.dtype, [size[0]] + Array(size.dropFirst(2)) + [.fixed(size.count - 2)])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let theta = try inputs.required(0, node), size = try inputs.required(1, node).integers(), axes = size.count - 2
    guard (2...3).contains(axes), theta.shape.dimensions == [size[0], axes, axes + 1] else {
      throw node.failure(.shape, "theta \(theta.shape) and size \(size)", expected: "[N, 2, 3] and [N, C, H, W], or [N, 3, 4] and [N, C, D, H, W]")
    }
    let corners = try node.flag("align_corners")
    let lines = try size.dropFirst(2).map { length in
      // The centres of the outermost pixels, or half a pixel within the edges.
      let reach = corners ? 1 : 1 - 1 / Double(length)
      return try Tensor.linspace(length == 1 && corners ? 0 : -reach, reach, count: length, dtype: theta.dtype)
    }
    // x, the last axis, comes first.
    var points = try Tensor.meshgrid(lines).reversed().map { try $0.unsqueezed(-1) }
    points.append(try Tensor.ones(points[0].shape, theta.dtype))
    let flat = try Tensor.concat(points, axis: -1).reshaped([-1, axes + 1])
    return [try flat.matmul(theta.transposed(1, 2)).reshaped([size[0]] + Array(size.dropFirst(2)) + [axes])]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.tie(.input(0), axis: 0, .output(0), axis: 0) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AffineGridOperator.self) }
