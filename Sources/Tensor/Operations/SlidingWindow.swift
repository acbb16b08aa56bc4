import Support

/// The geometry of a sliding window over any number of spatial axes: what the lists of an operator call mean.
struct SlidingWindow: Sendable {
  let kernel: [Int], strides: [Int], dilations: [Int]
  /// Padding before and after each axis.
  let begins: [Int], ends: [Int]
  /// Round sizes up, so that the last window may hang over the end.
  let ceil: Bool

  /// - Parameters:
  ///   - axes: how many spatial axes there are; a list of one number counts for each of them, an empty one is the default.
  ///   - padding: one number for all, one for each axis, or begins then ends as in ONNX.
  init(
    _ op: String, axes: Int, kernel: [Int], strides: [Int] = [], padding: [Int] = [], dilations: [Int] = [], ceil: Bool = false
  ) throws {
    // Numbers that a file or a user may have written stay small enough for every product of a geometry.
    func spread(_ values: [Int], _ name: String, from least: Int) throws -> [Int] {
      guard values.count == axes || values.count == 1, values.allSatisfy({ $0 >= least && $0 <= 1 << 20 }) else {
        throw PareError(
          .argument, "[\(op)] \(name) \(values)", argument: name,
          expected: "\(axes) numbers from \(least), or one for all", op: op)
      }
      return values.count == axes ? values : Array(repeating: values[0], count: axes)
    }
    self.kernel = try spread(kernel, "kernel", from: 1)
    self.strides = try spread(strides.isEmpty ? [1] : strides, "strides", from: 1)
    self.dilations = try spread(dilations.isEmpty ? [1] : dilations, "dilations", from: 1)
    if padding.count == 2 * axes {
      begins = try spread(Array(padding[..<axes]), "padding", from: 0)
      ends = try spread(Array(padding[axes...]), "padding", from: 0)
    } else {
      begins = try spread(padding.isEmpty ? [0] : padding, "padding", from: 0)
      ends = begins
    }
    self.ceil = ceil
  }

  /// Begins, then ends.
  var padding: [Int] { begins + ends }

  /// How far a window reaches along an axis, dilation included.
  func reach(_ axis: Int) -> Int { dilations[axis] * (kernel[axis] - 1) + 1 }

  /// The number of windows along each axis.
  /// - Throws: `shape` where none fits.
  func output(_ op: String, _ sizes: [Int]) throws -> [Int] {
    try sizes.enumerated().map { axis, size in
      let span = size + begins[axis] + ends[axis] - reach(axis)
      guard span >= 0 else {
        throw PareError(
          .shape, "[\(op)] a window of \(reach(axis)) does not fit into \(size) positions padded by \(begins[axis]) and \(ends[axis])",
          expected: "an input of at least the dilated kernel's size, padding included", op: op)
      }
      var count = span / strides[axis] + 1
      // The last window must start inside the input or the padding before it.
      if ceil, span % strides[axis] != 0, count * strides[axis] < size + begins[axis] { count += 1 }
      return count
    }
  }
}

extension Tensor {
  /// The padding with which a window of stride s gives ceil(n / s) results: ONNX's SAME_UPPER, or SAME_LOWER, whose odd
  /// element stands at the beginning.
  /// - Parameter sizes: of the spatial axes; the other lists as in `conv`.
  /// - Returns: begins, then ends.
  public static func samePadding(
    sizes: [Int], kernel: [Int], strides: [Int] = [1], dilations: [Int] = [1], lower: Bool = false
  ) throws -> [Int] {
    let w = try SlidingWindow("samePadding", axes: sizes.count, kernel: kernel, strides: strides, dilations: dilations)
    let totals = sizes.enumerated().map { axis, size in
      let outputs = size / w.strides[axis] + (size % w.strides[axis] == 0 ? 0 : 1)
      return Swift.max(0, (outputs - 1) * w.strides[axis] + w.reach(axis) - size)
    }
    let (small, large) = (totals.map { $0 / 2 }, totals.map { $0 - $0 / 2 })
    return lower ? large + small : small + large
  }
}
