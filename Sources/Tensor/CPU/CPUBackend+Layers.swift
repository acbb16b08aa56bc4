import COneDNN
import Support

/// Convolution and pooling: f32, f16 and bf16 on oneDNN, channels-last in and out; the rest on the reference.
extension CPUBackend {
  /// Whether oneDNN computes a layer on these operands.
  func isFast(_ tensors: Tensor?...) -> Bool {
    tensors.allSatisfy { $0.map { ($0.dtype == .f32 || $0.dtype.isHalf) && $0.count > 0 } ?? true }
  }

  /// f32 as it is, and bf16 where the processor multiplies it (elsewhere oneDNN imitates that) and oneDNN has a kernel; else
  /// operands are made f32, summed as such, and the result rounded.
  func computed<R>(_ dtype: DType, native: () throws -> R, widened: () throws -> R) throws -> R {
    if dtype == .f32 { return try native() }
    guard dtype == .bf16, OneDNN.has(dnnl_cpu_isa_avx512_core_bf16) else { return try widened() }
    do { return try native() } catch let error as PareError where error.code == .unsupported { return try widened() }
  }

  func wide(_ x: Tensor) throws -> Tensor { try convert(x, to: .f32) }

  private func geometry(_ window: Window, _ input: Shape) -> WindowGeometry {
    let output = window.output(height: input.dims[2], width: input.dims[3])
    return WindowGeometry(
      input: [input.dims[2], input.dims[3]], kernel: [window.kernelHeight, window.kernelWidth],
      strides: [window.strideHeight, window.strideWidth],
      padding: [window.top, window.left, window.bottom, window.right],
      dilations: [window.dilationHeight, window.dilationWidth], output: [output.height, output.width])
  }

  private func geometry(_ p: Convolution, _ input: Shape, outputs: Int) -> ConvolutionGeometry {
    ConvolutionGeometry(
      batch: input.dims[0], inputChannels: input.dims[1], outputChannels: outputs, groups: p.groups,
      window: geometry(p.window, input))
  }

  func channelsLast(_ x: Tensor) throws -> Tensor { x.isChannelsLast ? x : try x.channelsLast() }

  func emptyChannelsLast(_ sizes: [Int], _ dtype: DType = .f32) throws -> Tensor {
    let shape = try Shape(sizes)
    return try .empty(shape, dtype, layout: Tensor.channelsLastLayout(shape))
  }

  func convolution(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution, relu: Bool) throws -> Tensor {
    guard isFast(x, weight, bias) else { return try reference.convolution(x, weight, bias, p, relu: relu) }
    return try computed(x.dtype) {
      try forward(x, weight, bias.map(wide), p, relu)
    } widened: {
      try convert(forward(wide(x), wide(weight), bias.map(wide), p, relu), to: x.dtype)
    }
  }

  private func forward(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ p: Convolution, _ relu: Bool) throws -> Tensor {
    Compute.prepareLibraries()
    let geometry = geometry(p, x.shape, outputs: weight.shape.dims[0])
    let result = try emptyChannelsLast(geometry.destination, x.dtype)
    guard result.count > 0 else { return result }
    let (x, weight, bias) = (try channelsLast(x), try weight.contiguous(), try bias?.contiguous())
    try withExtendedLifetime((x, weight, bias)) {
      try OneDNNConvolution.forward(
        geometry, source: x.address, weights: weight.address, bias: bias.map { UnsafeRawPointer($0.address) },
        destination: result.address, narrow: x.dtype == .bf16, relu: relu)
    }
    return result
  }

  func convolutionInputGradient(_ g: Tensor, _ weight: Tensor, inputShape: Shape, _ p: Convolution) throws -> Tensor {
    guard isFast(g, weight), inputShape.count > 0 else {
      return try reference.convolutionInputGradient(g, weight, inputShape: inputShape, p)
    }
    return try computed(g.dtype) {
      try backwardData(g, weight, inputShape, p)
    } widened: {
      try convert(backwardData(wide(g), wide(weight), inputShape, p), to: g.dtype)
    }
  }

  private func backwardData(_ g: Tensor, _ weight: Tensor, _ inputShape: Shape, _ p: Convolution) throws -> Tensor {
    Compute.prepareLibraries()
    let geometry = geometry(p, inputShape, outputs: weight.shape.dims[0])
    let result = try emptyChannelsLast(geometry.source, g.dtype)
    let (g, weight) = (try channelsLast(g), try weight.contiguous())
    try withExtendedLifetime((g, weight)) {
      try OneDNNConvolution.backwardData(
        geometry, gradient: g.address, weights: weight.address, sourceGradient: result.address, narrow: g.dtype == .bf16)
    }
    return result
  }

  func convolutionWeightGradient(_ g: Tensor, _ x: Tensor, weightShape: Shape, bias: Bool, _ p: Convolution) throws
    -> (weight: Tensor, bias: Tensor?)
  {
    guard isFast(g, x), weightShape.count > 0 else {
      return try reference.convolutionWeightGradient(g, x, weightShape: weightShape, bias: bias, p)
    }
    let (weight, sums) = try computed(g.dtype) {
      try backwardWeights(g, x, weightShape, bias, p)
    } widened: {
      try backwardWeights(wide(g), wide(x), weightShape, bias, p)
    }
    return (try convert(weight, to: g.dtype), try sums.map { try convert($0, to: g.dtype) })
  }

  /// Both in f32.
  private func backwardWeights(_ g: Tensor, _ x: Tensor, _ weightShape: Shape, _ bias: Bool, _ p: Convolution) throws
    -> (weight: Tensor, bias: Tensor?)
  {
    Compute.prepareLibraries()
    let geometry = geometry(p, x.shape, outputs: weightShape.dims[0])
    let weightGradient = try Tensor.empty(weightShape, .f32)
    let biasGradient = bias ? try Tensor.empty(try Shape([weightShape.dims[0]]), .f32) : nil
    let (g, x) = (try channelsLast(g), try channelsLast(x))
    try withExtendedLifetime((g, x)) {
      try OneDNNConvolution.backwardWeights(
        geometry, source: x.address, gradient: g.address, weightsGradient: weightGradient.address,
        biasGradient: biasGradient?.address, narrow: g.dtype == .bf16)
    }
    return (weightGradient, biasGradient)
  }

  /// oneDNN refuses windows that may see nothing but padding.
  private func isPoolable(_ p: WindowGeometry) -> Bool {
    p.kernel.indices.allSatisfy { p.padding.begin[$0] < p.kernel[$0] && p.padding.end[$0] < p.kernel[$0] }
      && !p.output.contains { $0 <= 0 }
  }

  func maxPool(_ x: Tensor, _ p: Window, training: Bool) throws -> (y: Tensor, workspace: Tensor?) {
    guard isFast(x), isPoolable(geometry(p, x.shape)) else { return try reference.maxPool(x, p, training: training) }
    if x.dtype.isHalf {
      let (y, workspace) = try maxPool(wide(x), p, training: training)
      return (try convert(y, to: x.dtype), workspace)
    }
    Compute.prepareLibraries()
    let window = geometry(p, x.shape)
    let (batch, channels) = (x.shape.dims[0], x.shape.dims[1])
    let result = try emptyChannelsLast([batch, channels] + window.output)
    var workspace: Tensor?
    if training {
      let bytes = try OneDNNPooling.workspaceBytes(.max, batch: batch, channels: channels, window)
      workspace = try .empty(try Shape([bytes]), .u8)
    }
    let x = try channelsLast(x)
    try withExtendedLifetime(x) {
      try OneDNNPooling.forward(
        .max, batch: batch, channels: channels, window, source: x.address, destination: result.address,
        workspace: workspace?.address)
    }
    return (result, workspace)
  }

  func maxPoolGradient(_ g: Tensor, workspace: Tensor, inputShape: Shape, _ p: Window) throws -> Tensor {
    // The reference keeps positions in another form; whoever made the workspace reads it.
    guard isFast(g), workspace.dtype == .u8 else {
      return try reference.maxPoolGradient(g, workspace: workspace, inputShape: inputShape, p)
    }
    if g.dtype.isHalf {
      return try convert(maxPoolGradient(wide(g), workspace: workspace, inputShape: inputShape, p), to: g.dtype)
    }
    Compute.prepareLibraries()
    let result = try emptyChannelsLast(inputShape.dimensions)
    let g = try channelsLast(g)
    try withExtendedLifetime((g, workspace)) {
      try OneDNNPooling.backward(
        .max, batch: inputShape.dims[0], channels: inputShape.dims[1], geometry(p, inputShape), gradient: g.address,
        workspace: UnsafeRawPointer(workspace.address), sourceGradient: result.address)
    }
    return result
  }

  /// oneDNN divides by the part of a window that lies inside the padded image; where sizes are rounded up, that is not
  /// what the reference divides by.
  private func averages(_ p: Window, countIncludePad: Bool) -> OneDNNPooling.Kind? {
    countIncludePad && p.ceil ? nil : .average(countIncludePad: countIncludePad)
  }

  func averagePool(_ x: Tensor, _ p: Window, countIncludePad: Bool) throws -> Tensor {
    let window = geometry(p, x.shape)
    guard isFast(x), let kind = averages(p, countIncludePad: countIncludePad), isPoolable(window) else {
      return try reference.averagePool(x, p, countIncludePad: countIncludePad)
    }
    if x.dtype.isHalf { return try convert(averagePool(wide(x), p, countIncludePad: countIncludePad), to: x.dtype) }
    Compute.prepareLibraries()
    let (batch, channels) = (x.shape.dims[0], x.shape.dims[1])
    let result = try emptyChannelsLast([batch, channels] + window.output)
    let x = try channelsLast(x)
    try withExtendedLifetime(x) {
      try OneDNNPooling.forward(
        kind, batch: batch, channels: channels, window, source: x.address, destination: result.address)
    }
    return result
  }

  func averagePoolGradient(_ g: Tensor, inputShape: Shape, _ p: Window, countIncludePad: Bool) throws -> Tensor {
    guard isFast(g), inputShape.count > 0, let kind = averages(p, countIncludePad: countIncludePad),
      isPoolable(geometry(p, inputShape))
    else {
      return try reference.averagePoolGradient(g, inputShape: inputShape, p, countIncludePad: countIncludePad)
    }
    if g.dtype.isHalf {
      return try convert(averagePoolGradient(wide(g), inputShape: inputShape, p, countIncludePad: countIncludePad), to: g.dtype)
    }
    Compute.prepareLibraries()
    let result = try emptyChannelsLast(inputShape.dimensions)
    let g = try channelsLast(g)
    try withExtendedLifetime(g) {
      try OneDNNPooling.backward(
        kind, batch: inputShape.dims[0], channels: inputShape.dims[1], geometry(p, inputShape), gradient: g.address,
        workspace: nil, sourceGradient: result.address)
    }
    return result
  }
}
