import Support

extension Tensor {
  /// A convolution of three spatial axes as one of two: the windows along the depth become channels, their positions images.
  func volume(
    weight: Tensor, bias: Tensor?, strides: [Int], padding: [Int], dilations: [Int], groups: Int
  ) throws -> Tensor {
    let w = try SlidingWindow(
      "conv", axes: 3, kernel: Array(weight.shape[2...]), strides: strides, padding: padding, dilations: dilations)
    let channels = shape.dims[1], taps = w.kernel[0]
    guard groups > 0, channels % groups == 0, weight.shape.dims[1] == channels / groups else {
      throw PareError(
        .shape, "[conv] input \(shape) and weight \(weight.shape) do not fit with \(groups) groups",
        expected: groups > 0 ? "weight [out, \(channels / groups), kd, kh, kw], out a multiple of \(groups)" : "groups from 1",
        op: "conv")
    }
    let positions = try w.output("conv", Array(shape[2...]))
    // [N, positions, C, taps, H, W]: a group's channels stay side by side, each with its taps, as in the weight.
    let slices = try padded([0, 0, w.begins[0], 0, 0, 0, 0, w.ends[0], 0, 0])
      .windows(axis: 2, size: taps, step: w.strides[0], dilation: w.dilations[0]).permuted([0, 2, 1, 5, 3, 4])
    let images = try slices.reshaped(
      Shape([shape.dims[0] * positions[0], channels * taps, shape.dims[3], shape.dims[4]]))
    let outputs = weight.shape.dims[0]
    let kernel = try weight.reshaped(Shape([outputs, weight.shape.dims[1] * taps, w.kernel[1], w.kernel[2]]))
    let y = try images.conv(
      weight: kernel, bias: bias, strides: Array(w.strides[1...]),
      padding: [w.begins[1], w.begins[2], w.ends[1], w.ends[2]], dilations: Array(w.dilations[1...]), groups: groups)
    return try y.reshaped(Shape([shape.dims[0], positions[0], outputs] + positions[1...])).permuted([0, 2, 1, 3, 4])
  }

  /// A transposed convolution of three spatial axes: each image of the depth gives `taps` images, which are added where
  /// they overlap. `w.ends` are those of the whole result.
  func transposedVolume(weight: Tensor, _ w: SlidingWindow, groups: Int) throws -> Tensor {
    let taps = w.kernel[0], each = weight.shape.dims[1]
    let images = try permuted([0, 2, 1, 3, 4]).reshaped(
      Shape([shape.dims[0] * shape.dims[2], shape.dims[1], shape.dims[3], shape.dims[4]]))
    let kernel = try weight.reshaped(Shape([shape.dims[1], each * taps, w.kernel[1], w.kernel[2]]))
    let y = try images.convTranspose(
      weight: kernel, strides: Array(w.strides[1...]), padding: [w.begins[1], w.begins[2], w.ends[1], w.ends[2]],
      dilations: Array(w.dilations[1...]), groups: groups)
    let depth = Swift.max(shape.dims[2] - 1, 0) * w.strides[0] + w.reach(0)
    return try y.reshaped(Shape([shape.dims[0], shape.dims[2], each * groups, taps, y.shape.dims[2], y.shape.dims[3]]))
      .permuted([0, 2, 1, 4, 5, 3]).overlapAdded(axis: 2, length: depth, step: w.strides[0], dilation: w.dilations[0])
      .slice(axis: 2, from: w.begins[0], to: depth - w.ends[0])
  }
}
