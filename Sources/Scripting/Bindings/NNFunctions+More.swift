import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// `nn.*` for other than two spatial axes, for sequences, and further normalizations and activations.
extension NNFunctions {
  static var more: [Function] { spatial + sequences + norms + gentle }

  private static func sizeSpec(_ name: String, _ doc: String, optional: Bool = true) -> ParameterSpec {
    .integer(name, optional: optional, doc: doc + "; one number or one for each axis")
  }

  private static func list(_ raw: [String: LuaValue], _ name: String, _ axes: Int, _ constructor: String) throws -> [Int]? {
    func integer(_ value: LuaValue) throws -> Int {
      switch value {
      case .integer(let whole): return whole
      case .number(let number):
        if let whole = Int(exactly: number) { return whole }
      default: break
      }
      throw PareError(.argument, "nn.\(constructor): \(name)", argument: name, expected: "an integer or a list of \(axes)", got: value.typeName)
    }
    switch raw[name] {
    case nil: return nil
    case .table(let table)?:
      let values = try table.list.map(integer)
      guard values.count == axes else {
        throw PareError(.argument, "nn.\(constructor): \(name)", argument: name, expected: "an integer or a list of \(axes)", got: "\(values.count) numbers")
      }
      return values
    case let value?: return Array(repeating: try integer(value), count: axes)
    }
  }

  private static func kernel(_ raw: [String: LuaValue], _ axes: Int, _ constructor: String) throws -> [Int] {
    guard let kernel = try list(raw, "kernel", axes, constructor) else {
      throw PareError(.argument, "nn.\(constructor) needs the parameter 'kernel'", argument: "kernel", expected: "an integer or a list of \(axes)")
    }
    return kernel
  }

  private static let window: [ParameterSpec] = [
    sizeSpec("kernel", "Size of the kernel", optional: false), sizeSpec("stride", "Step"), sizeSpec("padding", "On each side, default 0"),
  ]
  private static let channels: [ParameterSpec] = [
    .integer("in_channels", in: 1..., doc: "Channels of the input"), .integer("out_channels", in: 1..., doc: "Channels of the output"),
  ]

  private static func convolution(_ axes: Int) -> Function {
    let key = "conv\(axes)d"
    return layer(
      key, channels + window + [
        sizeSpec("dilation", "Distance of taps, default 1"), .integer("groups", default: 1, in: 1...), .boolean("bias", default: true),
      ], "\(axes)-D convolution", example: "nn.\(key){in_channels=1, out_channels=8, kernel=3, padding=1}"
    ) { options, raw, name in
      try NN.conv(
        inChannels: options.integer("in_channels"), outChannels: options.integer("out_channels"), kernel: kernel(raw, axes, key),
        stride: list(raw, "stride", axes, key) ?? [1], padding: list(raw, "padding", axes, key) ?? [0],
        dilation: list(raw, "dilation", axes, key) ?? [1], groups: options.integer("groups"), bias: options.boolean("bias"), name: name)
    }
  }

  private static func transposed(_ axes: Int) -> Function {
    let key = "conv_transpose\(axes)d"
    return layer(
      key, channels + window + [
        sizeSpec("output_padding", "Added at the end"), sizeSpec("dilation", "Distance of taps, default 1"),
        .integer("groups", default: 1, in: 1...), .boolean("bias", default: true),
      ], "\(axes)-D transposed convolution", example: "nn.\(key){in_channels=8, out_channels=4, kernel=2, stride=2}"
    ) { options, raw, name in
      try NN.convTranspose(
        inChannels: options.integer("in_channels"), outChannels: options.integer("out_channels"), kernel: kernel(raw, axes, key),
        stride: list(raw, "stride", axes, key) ?? [1], padding: list(raw, "padding", axes, key) ?? [0],
        outputPadding: list(raw, "output_padding", axes, key) ?? [0], dilation: list(raw, "dilation", axes, key) ?? [1],
        groups: options.integer("groups"), bias: options.boolean("bias"), name: name)
    }
  }

  private static func pools(_ axes: Int) -> [Function] {
    let options = window + [ParameterSpec.boolean("ceil", default: false, doc: "Rounds sizes up")]
    return [
      layer("maxpool\(axes)d", options, "Largest value in a window", example: "nn.maxpool\(axes)d{kernel=2}") { options, raw, name in
        let key = "maxpool\(axes)d"
        return try NN.maxpool(
          kernel: kernel(raw, axes, key), stride: list(raw, "stride", axes, key), padding: list(raw, "padding", axes, key) ?? [0],
          ceil: options.boolean("ceil"), name: name)
      },
      layer("avgpool\(axes)d", options + [.boolean("count_include_pad", default: true)], "Mean of a window", example: "nn.avgpool\(axes)d{kernel=2}") { options, raw, name in
        let key = "avgpool\(axes)d"
        return try NN.avgpool(
          kernel: kernel(raw, axes, key), stride: list(raw, "stride", axes, key), padding: list(raw, "padding", axes, key) ?? [0],
          ceil: options.boolean("ceil"), countIncludePad: options.boolean("count_include_pad"), name: name)
      },
    ]
  }

  private static var spatial: [Function] {
    [convolution(1), convolution(3), transposed(1), transposed(2), transposed(3)] + pools(1) + pools(3) + [
      layer("global_maxpool", [], "Maximum over all positions") { _, _, name in NN.globalMaxpool(name: name) },
      layer(
        "upsample", [
          .number("scale", default: 2, doc: "Factor of height and width"),
          .choice("mode", among: Interpolation.Mode.allCases.map(\.rawValue), default: "nearest"), .boolean("align_corners", default: false),
        ], "Larger images by interpolation", example: "nn.upsample{scale=2, mode=\"linear\"}"
      ) { options, _, name in
        let mode = Interpolation.Mode(rawValue: try options.string("mode")) ?? .nearest, scale = try options.number("scale")
        let coordinates: Interpolation.Coordinates = try options.boolean("align_corners") ? .alignCorners : mode == .nearest ? .asymmetric : .halfPixel
        return try NN.upsample(scale: [scale, scale], Interpolation(mode, coordinates: coordinates, rounding: .floor), name: name)
      },
      layer("pixel_shuffle", [.integer("block", default: 2, in: 1...)], "Blocks of channels become positions") { options, _, name in
        try NN.pixelShuffle(options.integer("block"), name: name)
      },
    ]
  }

  private static var sequences: [Function] {
    func recurrent(
      _ key: String, _ summary: String, _ make: @escaping (Int, Int, Recurrence.Direction, String?) throws -> Module
    ) -> Function {
      layer(
        key, [
          .integer("input_size", in: 1..., doc: "Features of one step"), .integer("hidden_size", in: 1..., doc: "Units"),
          .choice("direction", among: Recurrence.Direction.allCases.map(\.rawValue), default: "forward"),
        ], summary + " on {steps, features}, all steps", example: "nn.\(key){input_size=40, hidden_size=64}"
      ) { options, _, name in
        try make(
          options.integer("input_size"), options.integer("hidden_size"),
          Recurrence.Direction(rawValue: options.string("direction")) ?? .forward, name)
      }
    }
    return [
      recurrent("lstm", "Long short-term memory") { try NN.lstm(inputSize: $0, hiddenSize: $1, direction: $2, name: $3) },
      recurrent("gru", "Gated recurrent unit") { try NN.gru(inputSize: $0, hiddenSize: $1, direction: $2, name: $3) },
      recurrent("rnn", "Simple recurrent layer") { try NN.rnn(inputSize: $0, hiddenSize: $1, direction: $2, name: $3) },
    ]
  }

  private static var norms: [Function] {
    let epsilon = ParameterSpec.number("epsilon", default: 1e-5, in: 0...1)
    return [
      layer("layernorm", [.integer("features", in: 1..., doc: "Size of the last axis"), epsilon], "Layer normalization of the last axis", example: "nn.layernorm{features=64}") { options, _, name in
        try NN.layernorm([options.integer("features")], epsilon: options.number("epsilon"), name: name)
      },
      layer("groupnorm", [.integer("groups", in: 1...), .integer("channels", in: 1...), epsilon], "Normalization of groups of channels", example: "nn.groupnorm{groups=4, channels=16}") { options, _, name in
        try NN.groupnorm(groups: options.integer("groups"), channels: options.integer("channels"), epsilon: options.number("epsilon"), name: name)
      },
      layer("instancenorm", [.integer("channels", in: 1...), epsilon], "Normalization of each channel of each sample", example: "nn.instancenorm{channels=16}") { options, _, name in
        try NN.instancenorm(channels: options.integer("channels"), epsilon: options.number("epsilon"), name: name)
      },
    ]
  }

  private static var gentle: [Function] {
    [
      layer("elu", [.number("alpha", default: 1)], "x, or alpha (e^x - 1) below 0") { options, _, name in try NN.elu(alpha: options.number("alpha"), name: name) },
      layer("selu", [], "Scaled exponential linear unit") { _, _, name in NN.selu(name: name) },
      layer("softplus", [], "log(1 + e^x)") { _, _, name in NN.softplus(name: name) },
      layer("softsign", [], "x / (1 + |x|)") { _, _, name in NN.softsign(name: name) },
      layer("mish", [], "x tanh(log(1 + e^x))") { _, _, name in NN.mish(name: name) },
      layer("prelu", [.integer("channels", in: 1...), .integer("axes", default: 2, in: 0...3, doc: "Spatial axes behind the channels"), .number("slope", default: 0.25)], "Negative values times a learned slope") { options, _, name in
        try NN.prelu(channels: options.integer("channels"), axes: options.integer("axes"), slope: options.number("slope"), name: name)
      },
    ]
  }
}
