import Compression
import LuaBridge
import Support
import Tensor

/// Methods of tensors that are whole layers: convolution, pooling, interpolation, attention, recurrence, Fourier transforms.
extension TensorMethods {
  static var layers: [Function] { convolutions + pools + patches + interpolations + attentions + recurrences + spectra }

  // MARK: Options

  /// One whole number, or a list of them.
  private static func sizes(_ raw: [String: LuaValue], _ name: String, _ call: Call) throws -> [Int]? {
    func integer(_ value: LuaValue) throws -> Int {
      switch value {
      case .integer(let whole): return whole
      case .number(let number):
        if let whole = Int(exactly: number) { return whole }
      default: break
      }
      throw PareError(
        .argument, "\(call.function.name): \(name)", argument: name, expected: "an integer or a list of integers", got: value.typeName)
    }
    switch raw[name] {
    case nil: return nil
    case .table(let table)?: return try table.list.map(integer)
    case let value?: return [try integer(value)]
    }
  }

  private static func sizeSpec(_ name: String, _ doc: String, optional: Bool = true) -> ParameterSpec {
    .integer(name, optional: optional, doc: doc + "; one number or a list, one for each spatial axis")
  }

  private static let window: [ParameterSpec] = [
    sizeSpec("stride", "Step"), sizeSpec("padding", "Padding on each side, or begins then ends"),
    sizeSpec("dilation", "Distance of taps, default 1"),
  ]
  private static let windowNames: Set<String> = ["kernel", "stride", "padding", "dilation", "output_padding", "size", "scale"]

  private static func options(_ call: Call) throws -> (Arguments, [String: LuaValue]) {
    try call.options(raw: windowNames.intersection(call.function.options.map(\.name)))
  }

  private static func x(_ call: Call) throws -> Tensor { try call.receiver(TensorHandle.self).value }

  private static func required(_ raw: [String: LuaValue], _ name: String, _ call: Call) throws -> [Int] {
    guard let found = try sizes(raw, name, call) else {
      throw PareError(.argument, "\(call.function.name) needs '\(name)'", argument: name, expected: "an integer or a list of integers")
    }
    return found
  }

  // MARK: Convolution

  private static var convolutions: [Function] {
    [
      Function(
        "x:conv", [.tensor("weight")],
        options: [.tensor("bias", optional: true)] + window + [.integer("groups", default: 1, in: 1...)],
        "Convolution of {N, C, one to three axes} with a weight {out, C / groups, kernel}", example: "x:conv(w, {bias=b, padding=1})"
      ) { call in
        let (options, raw) = try options(call)
        return try call.push(x(call).conv(
          weight: call.tensor(1), bias: options.optionalTensor("bias"), strides: sizes(raw, "stride", call) ?? [1],
          padding: sizes(raw, "padding", call) ?? [0], dilations: sizes(raw, "dilation", call) ?? [1],
          groups: options.integer("groups")))
      },
      Function(
        "x:conv_transpose", [.tensor("weight")],
        options: [.tensor("bias", optional: true)] + window
          + [sizeSpec("output_padding", "Added at the end of each axis"), .integer("groups", default: 1, in: 1...)],
        "Transposed convolution of {N, C, one to three axes} with a weight {C, out / groups, kernel}",
        example: "x:conv_transpose(w, {stride=2})"
      ) { call in
        let (options, raw) = try options(call)
        return try call.push(x(call).convTranspose(
          weight: call.tensor(1), bias: options.optionalTensor("bias"), strides: sizes(raw, "stride", call) ?? [1],
          padding: sizes(raw, "padding", call) ?? [0], outputPadding: sizes(raw, "output_padding", call) ?? [0],
          dilations: sizes(raw, "dilation", call) ?? [1], groups: options.integer("groups")))
      },
    ]
  }

  // MARK: Pooling

  private static let pool: [ParameterSpec] =
    [sizeSpec("kernel", "Size of the window", optional: false)] + window
    + [.boolean("ceil", default: false, doc: "Rounds sizes up")]

  private static var pools: [Function] {
    [
      Function(
        "x:maxpool", options: pool + [.boolean("indices", default: false, doc: "Also gives 0-based positions in each plane")],
        style: .table, "Largest value in each window of {N, C, one to three axes}", example: "x:maxpool{kernel=2}"
      ) { call in
        let (options, raw) = try options(call)
        let kernel = try required(raw, "kernel", call), strides = try sizes(raw, "stride", call) ?? []
        let padding = try sizes(raw, "padding", call) ?? [0], dilations = try sizes(raw, "dilation", call) ?? [1]
        guard try options.boolean("indices") else {
          return try call.push(x(call).maxPool(
            kernel: kernel, strides: strides, padding: padding, dilations: dilations, ceil: options.boolean("ceil")))
        }
        let (values, indices) = try x(call).maxPoolWithIndices(
          kernel: kernel, strides: strides, padding: padding, dilations: dilations, ceil: options.boolean("ceil"))
        return try call.push(values) + call.push(indices)
      },
      Function(
        "x:avgpool", options: pool + [.boolean("count_include_pad", default: true, doc: "Whether padding counts in the mean")],
        style: .table, "Mean of each window of {N, C, one to three axes}", example: "x:avgpool{kernel=2}"
      ) { call in
        let (options, raw) = try options(call)
        return try call.push(x(call).averagePool(
          kernel: required(raw, "kernel", call), strides: sizes(raw, "stride", call) ?? [], padding: sizes(raw, "padding", call) ?? [0],
          dilations: sizes(raw, "dilation", call) ?? [1], ceil: options.boolean("ceil"),
          countIncludePad: options.boolean("count_include_pad")))
      },
      Function(
        "x:lppool", options: pool + [.number("p", default: 2, in: 1...)], style: .table,
        "The p-norm of each window of {N, C, one to three axes}", example: "x:lppool{kernel=2, p=2}"
      ) { call in
        let (options, raw) = try options(call)
        return try call.push(x(call).lpPool(
          p: options.number("p"), kernel: required(raw, "kernel", call), strides: sizes(raw, "stride", call) ?? [],
          padding: sizes(raw, "padding", call) ?? [0], dilations: sizes(raw, "dilation", call) ?? [1], ceil: options.boolean("ceil")))
      },
      Function("x:adaptive_avgpool", [.list("size")], "Mean over parts, as many of each spatial axis as said", example: "x:adaptive_avgpool{7, 7}") { call in
        try call.push(x(call).adaptiveAveragePool(call.integers(1).map { $0 }))
      },
      Function("x:adaptive_maxpool", [.list("size")], "Maximum over parts, as many of each spatial axis as said", example: "x:adaptive_maxpool{7, 7}") { call in
        try call.push(x(call).adaptiveMaxPool(call.integers(1).map { $0 }))
      },
      Function(
        "x:max_unpool", [.tensor("indices"), .list("size", doc: "Of the result's spatial axes")],
        "Puts values back to where maxpool found them; the rest is 0", example: "y:max_unpool(indices, {8, 8})"
      ) { call in
        try call.push(x(call).maxUnpool(indices: call.tensor(1), sizes: call.integers(2)))
      },
    ]
  }

  // MARK: Patches

  private static var patches: [Function] {
    [
      Function(
        "x:unfold", options: [sizeSpec("kernel", "Size of the patch", optional: false)] + window, style: .table,
        "The patch under each position of a window as a column (im2col)", example: "x:unfold{kernel=3, padding=1}"
      ) { call in
        let (_, raw) = try options(call)
        return try call.push(x(call).unfolded(
          kernel: required(raw, "kernel", call), strides: sizes(raw, "stride", call) ?? [1], padding: sizes(raw, "padding", call) ?? [0],
          dilations: sizes(raw, "dilation", call) ?? [1]))
      },
      Function(
        "x:fold",
        options: [
          .list("size", doc: "The image's spatial sizes"), sizeSpec("kernel", "Size of the patch", optional: false),
        ] + window, style: .table, "Adds columns of patches to the image that they come from (col2im)",
        example: "x:fold{size={8, 8}, kernel=3, padding=1}"
      ) { call in
        let (_, raw) = try options(call)
        return try call.push(x(call).folded(
          sizes: required(raw, "size", call), kernel: required(raw, "kernel", call), strides: sizes(raw, "stride", call) ?? [1],
          padding: sizes(raw, "padding", call) ?? [0], dilations: sizes(raw, "dilation", call) ?? [1]))
      },
      Function(
        "x:windows", [.integer("axis"), .integer("size", in: 1...)],
        options: [.integer("step", default: 1, in: 1...), .integer("dilation", default: 1, in: 1...)],
        "Sliding windows along an axis; their elements are a new last axis", example: "x:windows(1, 4, {step=2})"
      ) { call in
        let x = try x(call), options = try call.options()
        return try call.push(x.windows(
          axis: call.axis(1, rank: x.rank), size: call.integer(2), step: options.integer("step"), dilation: options.integer("dilation")))
      },
    ]
  }

  // MARK: Interpolation

  private static func names<T: RawRepresentable & CaseIterable>(_: T.Type) -> [String] where T.RawValue == String {
    T.allCases.map(\.rawValue)
  }

  private static var interpolations: [Function] {
    [
      Function(
        "x:resize",
        options: [
          .list("size", optional: true, doc: "New sizes of the last axes"),
          .number("scale", optional: true, doc: "Factor of every spatial axis of {N, C, ..}, or a list for the last axes"),
          .choice("mode", among: names(Interpolation.Mode.self), default: "nearest"),
          .choice("coordinates", among: names(Interpolation.Coordinates.self).filter { $0 != "tf_crop_and_resize" }, default: "half_pixel"),
          .choice("rounding", among: names(Interpolation.Rounding.self), default: "round_prefer_floor"),
          .number("cubic_coefficient", default: -0.75), .boolean("exclude_outside", default: false), .boolean("antialias", default: false),
        ], style: .table, "Interpolates the last axes on a grid of another size", example: "x:resize{scale=2, mode=\"linear\"}", resize),
      Function(
        "x:grid_sample", [.tensor("grid")],
        options: [
          .choice("mode", among: names(Interpolation.Mode.self), default: "linear"),
          .choice("padding", among: names(Tensor.SamplePadding.self), default: "zeros"), .boolean("align_corners", default: false),
        ], "Samples {N, C, spatial} at the positions of a grid {N, spatial, axes} within -1...1", example: "x:grid_sample(grid)"
      ) { call in
        let options = try call.options()
        return try call.push(x(call).gridSampled(
          call.tensor(1), mode: Interpolation.Mode(rawValue: options.string("mode")) ?? .linear,
          padding: Tensor.SamplePadding(rawValue: options.string("padding")) ?? .zeros, alignCorners: options.boolean("align_corners")))
      },
    ]
  }

  private static func resize(_ call: Call) throws -> Int {
    let x = try x(call)
    let (options, raw) = try call.options(raw: ["size", "scale"])
    func list(_ value: LuaValue) throws -> [Double] {
      let items = if case .table(let table) = value { try table.list } else { [value] }
      return try items.map {
        switch $0 {
        case .integer(let number): return Double(number)
        case .number(let number): return number
        default: throw PareError(.argument, "x:resize: scale", argument: "scale", expected: "numbers", got: $0.typeName)
        }
      }
    }
    let size = try sizes(raw, "size", call)
    var scales = try raw["scale"].map(list)
    guard (size == nil) != (scales == nil) else {
      throw PareError(.argument, "x:resize takes either size or scale", argument: "size", expected: "one of the two")
    }
    if let one = scales, one.count == 1, case .table? = raw["scale"] {} else if let one = scales?.first, scales?.count == 1 {
      scales = Array(repeating: one, count: max(1, x.rank - 2))
    }
    let count = size?.count ?? scales?.count ?? 0
    guard (1...max(1, x.rank)).contains(count), x.rank > 0 else {
      throw PareError(.argument, "x:resize: \(count) sizes for shape \(x.shape)", argument: "size", expected: "at most one for each axis")
    }
    let axes = Array((x.rank - count)..<x.rank)
    let target = try size ?? zip(axes, scales ?? []).map { axis, scale in
      let size = (Double(x.shape[axis]) * scale).rounded(.down)
      guard size >= 1, size <= 0x1p24 else {
        throw PareError(.argument, "x:resize: scale \(scale) of \(x.shape[axis]) positions", argument: "scale", expected: "a size from 1")
      }
      return Int(size)
    }
    return try call.push(x.resized(
      axes: axes, sizes: target, scales: scales,
      Interpolation(
        Interpolation.Mode(rawValue: options.string("mode")) ?? .nearest,
        coordinates: Interpolation.Coordinates(rawValue: options.string("coordinates")) ?? .halfPixel,
        rounding: Interpolation.Rounding(rawValue: options.string("rounding")) ?? .preferFloor,
        cubicCoefficient: options.number("cubic_coefficient"), excludeOutside: options.boolean("exclude_outside"),
        antialias: options.boolean("antialias"))))
  }

  // MARK: Attention

  private static var attentions: [Function] {
    [
      Function(
        "x:attention", [.tensor("key"), .tensor("value")],
        options: [
          .tensor("mask", optional: true, doc: "bool, true takes part; or floats, added to the scores"),
          .boolean("causal", default: false, doc: "No key behind the query"), .number("scale", optional: true, doc: "1 / sqrt(width) when absent"),
          .number("dropout", default: 0, in: 0..<1), .integer("seed", default: 0, in: 0...),
          .integer("heads", in: 1..., optional: true, doc: "Splits the last axes into heads"),
          .integer("kv_heads", in: 1..., optional: true, doc: "Heads of keys and values, when fewer"),
        ], "Scaled dot-product attention of queries {.., heads, L, E}; with heads={n} of {.., L, n * E}",
        example: "q:attention(k, v, {causal=true})"
      ) { call in
        let o = try call.options(), q = try x(call)
        let seed = UInt64(try o.integer("seed"))
        guard let heads = try o.optionalInteger("heads") else {
          return try call.push(Tensor.attention(
            query: q, key: call.tensor(1), value: call.tensor(2), mask: o.optionalTensor("mask"), causal: o.boolean("causal"),
            scale: o.optionalNumber("scale"), dropout: o.number("dropout"), seed: seed))
        }
        return try call.push(Tensor.multiHeadAttention(
          query: q, key: call.tensor(1), value: call.tensor(2), heads: heads, kvHeads: o.optionalInteger("kv_heads"),
          mask: o.optionalTensor("mask"), causal: o.boolean("causal"), scale: o.optionalNumber("scale"), dropout: o.number("dropout"), seed: seed))
      },
      Function(
        "x:rotary", options: [.integer("first", default: 0, doc: "Position of the first row"), .number("base", default: 10000), .boolean("interleaved", default: false)],
        "Rotary position embedding of {.., L, E}", example: "q:rotary()"
      ) { call in
        let x = try x(call), o = try call.options()
        guard x.rank >= 2 else { throw PareError(.shape, "x:rotary", expected: "{.., L, E}", got: "shape \(x.shape)") }
        let (cosine, sine) = try Tensor.rotaryTable(
          count: x.shape[x.rank - 2], width: x.shape[x.rank - 1], first: o.integer("first"), base: o.number("base"), dtype: x.dtype)
        return try call.push(x.rotated(cosine: cosine, sine: sine, interleaved: o.boolean("interleaved")))
      },
    ]
  }

  // MARK: Recurrence

  private static let recurrence: [ParameterSpec] = [
    .tensor("bias", optional: true, doc: "Of the inputs, then of the states"), .tensor("lengths", optional: true, doc: "Steps of each sequence that count"),
    .tensor("h", optional: true, doc: "First hidden state"),
    .choice("direction", among: names(Recurrence.Direction.self), default: "forward"),
    .boolean("batch_first", default: false, doc: "x is {N, T, I} instead of {T, N, I}"),
  ]

  private static func settings(_ o: Arguments) throws -> Recurrence {
    Recurrence(Recurrence.Direction(rawValue: try o.string("direction")) ?? .forward, batchFirst: try o.boolean("batch_first"))
  }

  private static func recurrent(
    _ name: String, _ gates: String, _ extra: [ParameterSpec], _ run: @escaping (Tensor, Call, Arguments, Recurrence) throws -> [Tensor]
  ) -> Function {
    Function(
      "x:" + name, [.tensor("w"), .tensor("r")], options: recurrence + extra,
      "\(name.uppercased()) over {T, N, I} with ONNX's weights (\(gates)): all steps {T, D, N, H}, then the last states",
      example: "y, h = x:\(name)(w, r, {bias=b})"
    ) { call in
      let o = try call.options()
      return try run(x(call), call, o, settings(o)).reduce(0) { try $0 + call.push($1) }
    }
  }

  private static var recurrences: [Function] {
    [
      recurrent("lstm", "gates i, o, f, c", [.tensor("c", optional: true, doc: "First cell state"), .tensor("peepholes", optional: true)]) { x, call, o, settings in
        let (y, h, c) = try x.lstm(
          w: call.tensor(1), r: call.tensor(2), b: o.optionalTensor("bias"), lengths: o.optionalTensor("lengths"),
          initialH: o.optionalTensor("h"), initialC: o.optionalTensor("c"), p: o.optionalTensor("peepholes"), settings)
        return [y, h, c]
      },
      recurrent("gru", "gates z, r, h", [.boolean("linear_before_reset", default: false, doc: "PyTorch's form")]) { x, call, o, settings in
        var settings = settings
        settings.linearBeforeReset = try o.boolean("linear_before_reset")
        let (y, h) = try x.gru(
          w: call.tensor(1), r: call.tensor(2), b: o.optionalTensor("bias"), lengths: o.optionalTensor("lengths"),
          initialH: o.optionalTensor("h"), settings)
        return [y, h]
      },
      recurrent("rnn", "one gate", []) { x, call, o, settings in
        let (y, h) = try x.rnn(
          w: call.tensor(1), r: call.tensor(2), b: o.optionalTensor("bias"), lengths: o.optionalTensor("lengths"),
          initialH: o.optionalTensor("h"), settings)
        return [y, h]
      },
      Function(
        "x:reordered_gates", [.integer("gates", in: 1...4)], options: [.boolean("to_torch", default: false)],
        "PyTorch's recurrent weight or bias with its gates (4 LSTM, 3 GRU) in ONNX's order, or back", example: "w:reordered_gates(4)"
      ) { call in
        try call.push(x(call).reorderedGates(call.integer(1), toTorch: call.options().boolean("to_torch")))
      },
    ]
  }

  // MARK: Fourier

  private static var spectra: [Function] {
    let frames: [ParameterSpec] = [
      .integer("frame", in: 1..., doc: "Samples of one transform"), .integer("step", in: 1..., doc: "Samples from frame to frame"),
      .tensor("window", optional: true, doc: "Factors of a frame, as tensor.window gives"),
    ]
    return [
      Function(
        "x:dft", options: [.integer("axis", default: -2), .integer("length", in: 1..., optional: true), .boolean("inverse", default: false), .boolean("onesided", default: false)],
        "Discrete Fourier transform; the last axis holds real and imaginary parts (or real ones alone)", example: "x:dft{axis=1}"
      ) { call in
        let x = try x(call), o = try call.options()
        return try call.push(x.dft(
          axis: Axis.position(o.integer("axis"), rank: x.rank, in: "x:dft"), length: o.optionalInteger("length"),
          inverse: o.boolean("inverse"), onesided: o.boolean("onesided")))
      },
      Function("x:rfft", [.integer("length", in: 1..., optional: true)], "Transform of real numbers along the last axis: {.., n / 2 + 1, 2}", example: "x:rfft()") { call in
        try call.push(x(call).rfft(length: call.optionalInteger(1)))
      },
      Function("x:irfft", [.integer("length", in: 1..., optional: true)], "The real numbers of a one-sided transform", example: "x:rfft():irfft()") { call in
        try call.push(x(call).irfft(length: call.optionalInteger(1)))
      },
      Function(
        "x:stft", options: frames + [.boolean("onesided", default: true)], style: .table,
        "Short-time Fourier transform of {.., length}: {.., frames, bins, 2}", example: "x:stft{frame=256, step=64, window=tensor.window(\"hann\", 256)}"
      ) { call in
        let o = try call.options()
        return try call.push(x(call).stft(
          frame: o.integer("frame"), step: o.integer("step"), window: o.optionalTensor("window"), onesided: o.boolean("onesided")))
      },
      Function(
        "x:istft", options: frames, style: .table, "The signal of a one-sided short-time transform, by overlap and add",
        example: "y:istft{frame=256, step=64, window=w}"
      ) { call in
        let o = try call.options()
        return try call.push(x(call).istft(frame: o.integer("frame"), step: o.integer("step"), window: o.optionalTensor("window")))
      },
    ]
  }
}

extension TensorConstructors {
  /// `tensor.window`.
  static var windows: [Function] {
    [
      Function(
        "tensor.window", [.choice("name", among: WindowFunction.allCases.map(\.rawValue)), .integer("size", in: 0...)],
        options: [.boolean("periodic", default: true, doc: "For spectra; else symmetric, for filters"), dtype],
        "A window of a short-time transform: hann, hamming, blackman, rectangular", example: "tensor.window(\"hann\", 256)"
      ) { call in
        let name = try call.string(1), options = try call.options()
        guard let window = WindowFunction(rawValue: name) else {
          throw PareError(
            .argument, "tensor.window: unknown window '\(name)'", argument: "name",
            expected: WindowFunction.allCases.map(\.rawValue).joined(separator: ", "),
            suggestion: Suggestion.didYouMean(name, among: WindowFunction.allCases.map(\.rawValue)))
        }
        return try call.push(window(
          call.integer(2), periodic: options.boolean("periodic"), dtype: type(options.string("dtype"), in: "tensor.window")))
      }
    ]
  }
}
