import Support

extension Tensor {
  /// Convolution (cross-correlation, as in ONNX Conv) of one, two or three spatial axes.
  ///
  /// - Shapes: input [N, C, H, W], weight [out, C/groups, kh, kw], bias [out]; result [N, out, H', W'].
  ///   One spatial axis: [N, C, L] with weight [out, C/groups, k]; three: [N, C, D, H, W] with [out, C/groups, kd, kh, kw].
  /// - Dtypes: floats, the same for all. The result lies channels-last where the backend prefers it.
  /// - Parameters:
  ///   - padding: ONNX pads, begins then ends ([top, left, bottom, right]); or one number for each axis; or one for all.
  ///     `samePadding` computes ONNX's auto_pad.
  ///   - strides, dilations: one for each spatial axis, or one for all.
  ///   - relu: whether negative results become 0.
  /// - Throws: `shape`, `dtype`, `argument`.
  public func conv(
    weight: Tensor, bias: Tensor? = nil, strides: [Int] = [1], padding: [Int] = [0], dilations: [Int] = [1], groups: Int = 1,
    relu: Bool = false
  ) throws -> Tensor {
    if rank == 3, weight.rank == 3 {
      let (begin, end) = padding.count == 2 ? (padding[0], padding[1]) : (padding.first ?? 0, padding.first ?? 0)
      return try unsqueezed(2).conv(
        weight: weight.unsqueezed(2), bias: bias, strides: [1] + strides, padding: [0, begin, 0, end],
        dilations: [1] + dilations, groups: groups, relu: relu
      ).squeezed(2)
    }
    if rank == 5, weight.rank == 5 {
      let y = try volume(
        weight: weight, bias: bias, strides: strides, padding: padding, dilations: dilations, groups: groups)
      return relu ? try y.relu() : y
    }
    guard rank == 4, weight.rank == 4 else {
      throw PareError(
        .shape, "[conv] input \(shape) and weight \(weight.shape)",
        expected: "[N, C, spatial..] and [out, in/groups, kernel..] of one to three spatial axes", op: "conv")
    }
    guard dtype == weight.dtype, bias == nil || bias?.dtype == dtype, dtype.isFloating else {
      throw PareError(
        .dtype, "[conv] input \(dtype), weight \(weight.dtype)\(bias.map { ", bias \($0.dtype)" } ?? "")",
        expected: "one float type", op: "conv")
    }
    let (channels, outputs) = (shape.dims[1], weight.shape.dims[0])
    guard groups > 0, channels % groups == 0, outputs % groups == 0, weight.shape.dims[1] == channels / groups else {
      throw PareError(
        .shape, "[conv] input \(shape) and weight \(weight.shape) do not fit with \(groups) groups",
        expected: groups > 0 ? "weight [out, \(channels / groups), kh, kw], out a multiple of \(groups)" : "groups from 1",
        op: "conv")
    }
    if let bias, bias.rank != 1 || bias.count != outputs {
      throw PareError(.shape, "[conv] bias \(bias.shape) does not fit weight \(weight.shape)", expected: "[\(outputs)]", op: "conv")
    }
    var p = Convolution()
    p.groups = groups
    p.window = try Window(
      "conv", kernel: [weight.shape.dims[2], weight.shape.dims[3]], strides: strides, padding: padding, dilations: dilations)
    try p.window.check("conv", shape)

    let (x, w) = (detached(), weight.detached())
    let y = try Compute.backend.convolution(x, w, bias?.detached(), p, relu: relu)
    guard records || weight.records || bias?.records == true else { return y }
    let hasBias = bias != nil
    let geometry = p
    let mask = relu ? y : nil
    return y.recorded("conv", from: [self, weight] + (bias.map { [$0] } ?? [])) { g, pullback in
      let backend = Compute.backend
      let g = try mask.map { try backend.binary(.reluGradient, g, $0, g.shape) } ?? g
      if pullback.needs(0) {
        try pullback.add(0, backend.convolutionInputGradient(g, w, inputShape: x.shape, geometry))
      }
      let wantsBias = hasBias && pullback.needs(2)
      if pullback.needs(1) || wantsBias {
        let (gw, gb) = try backend.convolutionWeightGradient(g, x, weightShape: w.shape, bias: wantsBias, geometry)
        pullback.add(1, gw)
        if let gb { pullback.add(2, gb) }
      }
    }
  }
}

extension Window {
  /// Checks and unfolds the lists of an operator call.
  init(_ op: String, kernel: [Int], strides: [Int], padding: [Int], dilations: [Int] = [1], ceil: Bool = false) throws {
    self.init()
    (kernelHeight, kernelWidth) = try Window.pair(kernel, "kernel", op, from: 1)
    (strideHeight, strideWidth) = try Window.pair(strides.isEmpty ? [1] : strides, "strides", op, from: 1)
    (dilationHeight, dilationWidth) = try Window.pair(dilations.isEmpty ? [1] : dilations, "dilations", op, from: 1)
    if padding.count == 4 {
      (top, left) = try Window.pair([padding[0], padding[1]], "padding", op, from: 0)
      (bottom, right) = try Window.pair([padding[2], padding[3]], "padding", op, from: 0)
    } else {
      (top, left) = try Window.pair(padding.isEmpty ? [0] : padding, "padding", op, from: 0)
      (bottom, right) = (top, left)
    }
    self.ceil = ceil
  }

  /// Numbers that a file or a user may have written stay small enough for every product below.
  static func pair(_ values: [Int], _ name: String, _ op: String, from least: Int) throws -> (Int, Int) {
    guard values.count == 1 || values.count == 2, values.allSatisfy({ $0 >= least && $0 <= 1 << 20 }) else {
      throw PareError(
        .argument, "[\(op)] \(name) \(values)", argument: name,
        expected: "one or two numbers from \(least)" + (name == "padding" ? ", or four" : ""), op: op)
    }
    return (values[0], values[values.count - 1])
  }

  /// Throws if no window fits into the padded input.
  func check(_ op: String, _ shape: Shape) throws {
    let (height, width) = output(height: shape.dims[2], width: shape.dims[3])
    guard height > 0, width > 0 else {
      throw PareError(
        .shape, "[\(op)] a kernel of \(kernelHeight)x\(kernelWidth) does not fit into input \(shape)",
        expected: "an input of at least the dilated kernel's size, padding included", op: op)
    }
  }
}
