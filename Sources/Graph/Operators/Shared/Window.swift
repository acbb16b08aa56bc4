import Support
import Tensor

/// The sliding window of convolution and pooling: ONNX's kernel_shape, strides, pads, dilations, auto_pad, ceil_mode.
struct Window {
  let kernel: [Int]
  let strides: [Int]
  /// Begins, then ends.
  let pads: [Int]
  let dilations: [Int]
  let isCeil: Bool
  private let autoPad: String

  /// - Parameter kernel: given by a convolution's weight; nil reads the attribute.
  init(_ node: Node, kernel given: [Int]? = nil) throws {
    let attribute = try node.ints("kernel_shape")
    guard let kernel = given ?? attribute else {
      throw node.failure(.format, "attribute 'kernel_shape' is missing", argument: "kernel_shape")
    }
    if let attribute, attribute != kernel {
      throw node.failure(.shape, "attribute 'kernel_shape'", expected: "\(kernel) as the weight has", got: "\(attribute)")
    }
    let axes = kernel.count
    self.kernel = kernel
    strides = try node.ints("strides", default: Array(repeating: 1, count: axes))
    dilations = try node.ints("dilations", default: Array(repeating: 1, count: axes))
    pads = try node.ints("pads", default: Array(repeating: 0, count: 2 * axes))
    isCeil = try node.flag("ceil_mode")
    autoPad = try node.string("auto_pad", default: "NOTSET")
    for (label, values, count, low) in [
      ("kernel_shape", kernel, axes, 1), ("strides", strides, axes, 1), ("dilations", dilations, axes, 1),
      ("pads", pads, 2 * axes, 0),
    ] {
      // The bound keeps every sum and product of a geometry far from overflow.
      guard values.count == count, values.allSatisfy({ $0 >= low && $0 <= 1 << 24 }) else {
        throw node.failure(.argument, "attribute '\(label)'", argument: label,
                           expected: "\(count) numbers from \(low)", got: "\(values)")
      }
    }
    guard ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].contains(autoPad) else {
      throw node.failure(.argument, "attribute 'auto_pad'", argument: "auto_pad", got: autoPad)
    }
  }

  func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

  /// Begins, then ends, with `auto_pad` worked out for the sizes at hand.
  func padding(_ sizes: [Int]) -> [Int] {
    switch autoPad {
    case "NOTSET": return pads
    case "VALID": return pads.map { _ in 0 }
    default:
      let totals = sizes.indices.map { axis in
        let outputs = (sizes[axis] + strides[axis] - 1) / strides[axis]
        return max(0, (outputs - 1) * strides[axis] + reach(axis) - sizes[axis])
      }
      let small = totals.map { $0 / 2 }, large = totals.map { ($0 + 1) / 2 }
      return autoPad == "SAME_UPPER" ? small + large : large + small
    }
  }

  /// The sizes that come out; unknown ones stay unknown.
  func output(_ sizes: [Dimension], _ node: Node) throws -> [Dimension] {
    guard sizes.count == kernel.count else {
      throw node.failure(.shape, "input", expected: "rank \(kernel.count + 2)", got: "rank \(sizes.count + 2)")
    }
    return try sizes.enumerated().map { axis, size in
      guard let size = size.value else { return .symbol("\(node.name)_\(axis)") }
      if autoPad.hasPrefix("SAME") { return .fixed((size + strides[axis] - 1) / strides[axis]) }
      let begin = autoPad == "VALID" ? 0 : pads[axis], end = autoPad == "VALID" ? 0 : pads[axis + kernel.count]
      let room = size + begin + end - reach(axis)
      guard room >= 0 else {
        throw node.failure(.shape, "a window of \(reach(axis)) does not fit into \(size) positions padded by \(begin)+\(end)")
      }
      guard isCeil else { return .fixed(room / strides[axis] + 1) }
      var count = (room + strides[axis] - 1) / strides[axis] + 1
      // A window that would start in the end padding is left out, as PyTorch and newer ONNX have it.
      if (count - 1) * strides[axis] >= size + begin { count -= 1 }
      return .fixed(count)
    }
  }
}
