import Support

extension Tensor {
  /// Transposed convolution (ONNX ConvTranspose) of one, two or three spatial axes: the gradient of a convolution with
  /// respect to its input, as a function.
  ///
  /// - Shapes: input [N, C, spatial..], weight [C, out/groups, kernel..], bias [out]; result
  ///   [N, out, (size - 1) * stride + dilation * (kernel - 1) + 1 - pads + outputPadding, ..].
  /// - Dtypes: floats, the same for all.
  /// - Parameters:
  ///   - padding: cut from the result; as in `conv`.
  ///   - outputPadding: added at the end of each axis, less than its stride or dilation.
  ///   - outputShape: the spatial sizes of the result; the padding is then computed from them, and an odd element cut at
  ///     the beginning.
  /// - Throws: `shape`, `dtype`, `argument`.
  public func convTranspose(
    weight: Tensor, bias: Tensor? = nil, strides: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    outputShape: [Int]? = nil, dilations: [Int] = [1], groups: Int = 1
  ) throws -> Tensor {
    let axes = rank - 2
    guard (1...3).contains(axes), weight.rank == rank, groups > 0, shape.dims[1] == weight.shape.dims[0],
      shape.dims[1] % groups == 0
    else {
      throw PareError(
        .shape, "[convTranspose] input \(shape) and weight \(weight.shape) do not fit with \(groups) groups",
        expected: "[N, C, spatial..] and [C, out/groups, kernel..] of one to three spatial axes", op: "convTranspose")
    }
    guard dtype == weight.dtype, bias == nil || bias?.dtype == dtype, dtype.isFloating else {
      throw PareError(
        .dtype, "[convTranspose] input \(dtype), weight \(weight.dtype)\(bias.map { ", bias \($0.dtype)" } ?? "")",
        expected: "one float type", op: "convTranspose")
    }
    let outputs = weight.shape.dims[1] * groups
    if let bias, bias.rank != 1 || bias.count != outputs {
      throw PareError(.shape, "[convTranspose] bias \(bias.shape)", expected: "[\(outputs)]", op: "convTranspose")
    }
    let (w, beyond) = try transposedWindow(weight, strides, padding, outputPadding, outputShape, dilations)

    var y: Tensor
    switch axes {
    case 1:
      y = try unsqueezed(2).transposedImage(
        weight: weight.unsqueezed(2), groups: groups,
        SlidingWindow(
          "convTranspose", axes: 2, kernel: [1] + w.kernel, strides: [1] + w.strides,
          padding: [0, w.begins[0], 0, w.ends[0]], dilations: [1] + w.dilations)
      ).squeezed(2)
    case 2: y = try transposedImage(weight: weight, groups: groups, w)
    default: y = try transposedVolume(weight: weight, w, groups: groups)
    }
    if beyond.contains(where: { $0 > 0 }) { y = try y.padded([0, 0] + w.begins.map { _ in 0 } + [0, 0] + beyond) }
    guard let bias else { return y }
    return try y + bias.reshaped(Shape([outputs] + Array(repeating: 1, count: axes)))
  }

  /// Checks the geometry. Output padding takes from the padding at the end first; what goes beyond the last window is
  /// returned beside it and is 0.
  private func transposedWindow(
    _ weight: Tensor, _ strides: [Int], _ padding: [Int], _ outputPadding: [Int], _ outputShape: [Int]?, _ dilations: [Int]
  ) throws -> (SlidingWindow, beyond: [Int]) {
    let (op, axes, kernel) = ("convTranspose", rank - 2, Array(weight.shape[2...]))
    let given = try SlidingWindow(op, axes: axes, kernel: kernel, strides: strides, padding: padding, dilations: dilations)
    guard outputPadding.count == axes || outputPadding.count == 1 else {
      throw PareError(.argument, "[\(op)] outputPadding \(outputPadding)", argument: "outputPadding", expected: "\(axes) numbers, or one", op: op)
    }
    let extra = outputPadding.count == axes ? outputPadding : Array(repeating: outputPadding[0], count: axes)
    var (begins, ends, beyond) = (given.begins, given.ends, Array(repeating: 0, count: axes))
    for axis in 0..<axes {
      guard extra[axis] >= 0, extra[axis] < Swift.max(given.strides[axis], given.dilations[axis]) else {
        throw PareError(
          .argument, "[\(op)] outputPadding \(outputPadding)", argument: "outputPadding",
          expected: "0 up to, but not, the stride or dilation", op: op)
      }
      let (steps, overflow) = Swift.max(shape.dims[axis + 2] - 1, 0).multipliedReportingOverflow(by: given.strides[axis])
      guard !overflow, steps < 1 << 40 else { throw PareError(.shape, "[\(op)] the result is too large", op: op) }
      let whole = steps + given.reach(axis)
      if let outputShape {
        guard outputShape.count == axes, outputShape[axis] > 0, outputShape[axis] <= whole + extra[axis] else {
          throw PareError(
            .argument, "[\(op)] outputShape \(outputShape) of input \(shape)", argument: "outputShape",
            expected: "\(axes) sizes, at most \(whole + extra[axis]) for axis \(axis + 2)", op: op)
        }
        let total = whole + extra[axis] - outputShape[axis]
        (begins[axis], ends[axis]) = (total - total / 2, total / 2)
      }
      beyond[axis] = Swift.max(0, extra[axis] - ends[axis])
      ends[axis] = Swift.max(0, ends[axis] - extra[axis])
      guard whole - begins[axis] - ends[axis] > 0 else {
        throw PareError(
          .shape, "[\(op)] input \(shape) gives nothing along axis \(axis + 2)", expected: "padding of less than \(whole)", op: op)
      }
    }
    let w = try SlidingWindow(
      op, axes: axes, kernel: kernel, strides: given.strides, padding: begins + ends, dilations: given.dilations)
    return (w, beyond)
  }

  /// Two spatial axes, without output padding and bias.
  private func transposedImage(weight: Tensor, groups: Int, _ w: SlidingWindow) throws -> Tensor {
    var p = Convolution()
    p.groups = groups
    p.window = try Window("convTranspose", kernel: w.kernel, strides: w.strides, padding: w.padding, dilations: w.dilations)
    let sizes = (0..<2).map {
      Swift.max(shape.dims[$0 + 2] - 1, 0) * w.strides[$0] + w.reach($0) - w.begins[$0] - w.ends[$0]
    }
    let target = try Shape([shape.dims[0], weight.shape.dims[1] * groups] + sizes)
    let (x, k, geometry) = (detached(), weight.detached(), p)
    let y = try count == 0 ? Tensor.zeros(target, dtype) : Compute.backend.convolutionInputGradient(x, k, inputShape: target, geometry)
    guard records || weight.records else { return y }
    return y.recorded("convTranspose", self, weight) { g, pullback in
      guard x.count > 0 else {
        try pullback.add(0, Tensor.zeros(x.shape, x.dtype))
        return try pullback.add(1, Tensor.zeros(k.shape, k.dtype))
      }
      let backend = Compute.backend
      if pullback.needs(0) { try pullback.add(0, backend.convolution(g, k, nil, geometry, relu: false)) }
      if pullback.needs(1) {
        try pullback.add(1, backend.convolutionWeightGradient(x, g, weightShape: k.shape, bias: false, geometry).weight)
      }
    }
  }
}
