import Support

/// What a 2-D window (convolution, pooling) does to the two spatial axes; sizes are checked once, here.
package struct WindowGeometry: Hashable, Sendable {
  package var input: [Int]
  package var kernel: [Int]
  package var strides: [Int]
  /// Zeros before the first and after the last element, per axis.
  package var padding: (begin: [Int], end: [Int])
  package var dilations: [Int]
  package var output: [Int]

  /// - Parameters:
  ///   - padding: ONNX order, begins then ends.
  ///   - output: the sizes that come out; computed (rounding down) when absent.
  package init(
    input: [Int], kernel: [Int], strides: [Int], padding: [Int], dilations: [Int], output: [Int]? = nil
  ) {
    self.input = input
    self.kernel = kernel
    self.strides = strides
    self.padding = (Array(padding.prefix(input.count)), Array(padding.dropFirst(input.count)))
    self.dilations = dilations
    let (begin, end) = self.padding
    self.output = output ?? input.indices.map { axis in
      (input[axis] + begin[axis] + end[axis] - (kernel[axis] - 1) * dilations[axis] - 1) / strides[axis] + 1
    }
    // The end padding that the last window reaches: more than was asked for where sizes are rounded up, less where a
    // stride leaves a rest.
    for axis in input.indices {
      let reach = (self.output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
      self.padding.end[axis] = max(0, reach - input[axis] - begin[axis])
    }
  }

  package static func == (a: WindowGeometry, b: WindowGeometry) -> Bool {
    a.input == b.input && a.kernel == b.kernel && a.strides == b.strides && a.padding == b.padding
      && a.dilations == b.dilations && a.output == b.output
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(input)
    hasher.combine(kernel)
    hasher.combine(strides)
    hasher.combine(padding.begin)
    hasher.combine(dilations)
    hasher.combine(output)
  }

  var sizes: [Int64] { kernel.map(Int64.init) }
  var steps: [Int64] { strides.map(Int64.init) }
  var begins: [Int64] { padding.begin.map(Int64.init) }
  var ends: [Int64] { padding.end.map(Int64.init) }
  /// oneDNN counts the holes between taps.
  var holes: [Int64] { dilations.map { Int64($0 - 1) } }
}

/// The sizes of a grouped 2-D convolution.
package struct ConvolutionGeometry: Hashable, Sendable {
  package var batch: Int
  package var inputChannels: Int
  package var outputChannels: Int
  package var groups: Int
  package var window: WindowGeometry

  package init(batch: Int, inputChannels: Int, outputChannels: Int, groups: Int, window: WindowGeometry) {
    self.batch = batch
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.groups = groups
    self.window = window
  }

  package var source: [Int] { [batch, inputChannels] + window.input }
  package var destination: [Int] { [batch, outputChannels] + window.output }
  /// `[out, in/groups, kh, kw]`, with the groups as an axis of their own where there are several.
  package var weights: [Int] {
    groups == 1
      ? [outputChannels, inputChannels] + window.kernel
      : [groups, outputChannels / groups, inputChannels / groups] + window.kernel
  }
  /// Whether each output position sees the input position in its place alone: a product of rows of channels.
  package var isPointwise: Bool {
    groups == 1 && window.kernel.allSatisfy { $0 == 1 } && window.strides.allSatisfy { $0 == 1 }
      && window.padding.begin.allSatisfy { $0 == 0 } && window.output == window.input
  }
  /// Multiply-accumulates.
  package var operations: Int {
    destination.reduce(1, *) * (inputChannels / groups) * window.kernel.reduce(1, *)
  }
}
