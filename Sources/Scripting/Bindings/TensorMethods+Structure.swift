import Compression
import LuaBridge
import Support
import Tensor

/// Elements in other places: padded, repeated, cut, rolled.
extension TensorMethods {
  static var structure: [Function] {
    [
      Function(
        "x:pad", [.list("pads", doc: "For each axis how many before it, then for each axis how many after it; negative cuts")],
        options: [
          .choice("mode", among: Tensor.PaddingMode.allCases.map(\.rawValue), default: "constant"), .number("value", default: 0),
        ], "Elements added around the tensor; mode and value may stand in the list", example: "x:pad{1, 0, 1, 2, mode=\"reflect\"}", pad),
      Function("x:flip", [.list("axes", doc: "A list, or one axis")], "Reversed order along axes", example: "x:flip{1, 2}") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.flipped(axes: call.oneOrMoreIntegers(1).map { try Axis.position($0, rank: x.rank, in: "x:flip") }))
      },
      Function(
        "x:roll", [.integer("shift"), .integer("axis", optional: true)],
        "Elements moved along an axis, or in row-major order; what leaves one end enters at the other", example: "x:roll(1, 2)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let shift = try call.integer(1)
        if call.isNone(2) { return try call.push(x.reshaped(Shape([x.count])).rolled(shift, axis: 0).reshaped(x.shape)) }
        return try call.push(x.rolled(shift, axis: call.axis(2, rank: x.rank)))
      },
      Function("x:tile", [.list("repeats")], "The tensor repeated along each axis", example: "x:tile{2, 3}") { call in
        let x = try call.receiver(TensorHandle.self).value
        let repeats = try call.integers(1)
        // As in PyTorch the shorter of shape and list gets ones in front.
        let missing = max(0, repeats.count - x.rank)
        let whole = missing == 0 ? x : try x.reshaped(Shape(Array(repeating: 1, count: missing) + x.shape.dimensions))
        return try call.push(whole.tiled(Array(repeating: 1, count: max(0, whole.rank - repeats.count)) + repeats))
      },
      Function(
        "x:repeat_interleave", [.integer("times", in: 0...), .integer("axis")], "Each element along an axis repeated beside itself",
        example: "x:repeat_interleave(2, 1)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.repeated(call.integer(1), axis: call.axis(2, rank: x.rank)))
      },
      Function(
        "x:chunk", [.integer("count", in: 1...), .integer("axis", optional: true)], "A list of at most count equal parts of an axis (default 1)",
        example: "a, b = table.unpack(x:chunk(2, 1))"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(
          x.chunked(call.integer(1), axis: Axis.position(call.optionalInteger(2) ?? 1, rank: x.rank, in: "x:chunk")))
      },
      Function(
        "x:split", [.list("sizes", doc: "A list of sizes, or one size for all"), .integer("axis", optional: true)],
        "A list of parts of an axis (default 1)", example: "parts = x:split({2, 3}, 1)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let axis = try Axis.position(call.optionalInteger(2) ?? 1, rank: x.rank, in: "x:split")
        if call.isOptions(1) { return try call.push(x.split(axis: axis, sizes: call.integers(1))) }
        return try call.push(x.split(axis: axis, size: call.integer(1)))
      },
      Function(
        "x:unfold", options: [
          .list("kernel"), .list("stride", default: [.integer(1)]), .list("padding", default: [.integer(0)]),
          .list("dilation", default: [.integer(1)]),
        ], style: .table, "Windows of [N, C, H, W] as columns [N, C kh kw, L]", example: "x:unfold{kernel={3, 3}}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        func pair(_ name: String) throws -> [Int] {
          try options.list(name).map { value in
            guard let number = value.asInteger else {
              throw PareError(.argument, "x:unfold: \(name)", argument: name, expected: "integers", got: value.brief)
            }
            return number
          }
        }
        return try call.push(
          x.unfolded(kernel: pair("kernel"), strides: pair("stride"), padding: pair("padding"), dilations: pair("dilation")))
      },
      blocks("pixel_shuffle", "Channels moved into blocks of positions, as PyTorch orders them") { try $0.depthToSpace(block: $1, order: .crd) },
      blocks("pixel_unshuffle", "Blocks of positions moved into channels, as PyTorch orders them") { try $0.spaceToDepth(block: $1, order: .crd) },
      Function(
        "x:depth_to_space", [.integer("block", in: 1...)],
        options: [.choice("mode", among: Tensor.BlockOrder.allCases.map(\.rawValue), default: "DCR")],
        "Channels moved into blocks of positions, as ONNX orders them", example: "x:depth_to_space(2)"
      ) { call in
        let order = try Tensor.BlockOrder(rawValue: call.options().string("mode")) ?? .dcr
        return try call.push(call.receiver(TensorHandle.self).value.depthToSpace(block: call.integer(1), order: order))
      },
      blocks("space_to_depth", "Blocks of positions moved into channels, as ONNX orders them") { try $0.spaceToDepth(block: $1) },
    ]
  }

  private static func blocks(_ name: String, _ summary: String, _ operation: @escaping (Tensor, Int) throws -> Tensor) -> Function {
    Function("x:" + name, [.integer("block", in: 1...)], summary, example: "x:\(name)(2)") { call in
      try call.push(operation(call.receiver(TensorHandle.self).value, call.integer(1)))
    }
  }

  private static func pad(_ call: Call) throws -> Int {
    let x = try call.receiver(TensorHandle.self).value
    let table = try call.table(1)
    let pads = try table.list.map { value -> Int in
      switch value {
      case .integer(let number): return number
      case .number(let number): if let exact = Int(exactly: number) { return exact }
      default: break
      }
      throw PareError(.argument, "x:pad: pads", argument: "pads", expected: "integers", got: value.typeName)
    }
    var given: [String: Value] = [:]
    for (name, value) in try table.fields { given[name] = try Conversion.value(value, call.environment) }
    let options = given.isEmpty ? try call.options() : try Arguments(call.function.entry, given)
    guard let mode = try Tensor.PaddingMode(rawValue: options.string("mode")) else { return 0 }
    return try call.push(x.padded(pads, mode: mode, value: options.number("value")))
  }
}
