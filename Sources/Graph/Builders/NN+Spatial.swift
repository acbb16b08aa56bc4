import Support
import Tensor

/// Layers over one, two or three spatial axes: `[N, C, spatial..]`.
extension NN {
  /// Convolution over as many axes as `kernel` has numbers; weight `[outChannels, inChannels/groups, kernel..]`.
  ///
  /// - Parameters: `stride`, `padding`, `dilation`: one number for each axis, or one for all.
  public static func conv(
    inChannels: Int, outChannels: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], dilation: [Int] = [1],
    groups: Int = 1, bias: Bool = true, name: String? = nil
  ) throws -> Module {
    let constructor = "conv\(kernel.count)d"
    try positive(constructor, ("in_channels", inChannels), ("out_channels", outChannels), ("groups", groups))
    for (label, channels) in [("in_channels", inChannels), ("out_channels", outChannels)] where channels % groups != 0 {
      throw PareError(.argument, "\(constructor): \(label) \(channels) does not divide into \(groups) groups", argument: label)
    }
    var attributes = try window(constructor, kernel, stride, padding, dilation)
    attributes["group"] = .int(groups)
    return Module(constructor, name: name, layer: .init(
      "Conv", attributes, parameters: try weights([outChannels, inChannels / groups] + kernel, bias ? outChannels : nil, fan: inChannels / groups, kernel)))
  }

  /// Transposed convolution over as many axes as `kernel` has numbers; weight `[inChannels, outChannels/groups, kernel..]`.
  public static func convTranspose(
    inChannels: Int, outChannels: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    dilation: [Int] = [1], groups: Int = 1, bias: Bool = true, name: String? = nil
  ) throws -> Module {
    let constructor = "conv_transpose\(kernel.count)d"
    try positive(constructor, ("in_channels", inChannels), ("out_channels", outChannels), ("groups", groups))
    for (label, channels) in [("in_channels", inChannels), ("out_channels", outChannels)] where channels % groups != 0 {
      throw PareError(.argument, "\(constructor): \(label) \(channels) does not divide into \(groups) groups", argument: label)
    }
    var attributes = try window(constructor, kernel, stride, padding, dilation)
    attributes["group"] = .int(groups)
    attributes["output_padding"] = .ints(try spread(constructor, "output_padding", outputPadding, kernel.count, from: 0))
    return Module(constructor, name: name, layer: .init(
      "ConvTranspose", attributes,
      parameters: try weights([inChannels, outChannels / groups] + kernel, bias ? outChannels : nil, fan: outChannels / groups, kernel)))
  }

  /// The largest element of each window, over as many axes as `kernel` has numbers.
  /// - Parameter stride: nil is the kernel's size.
  public static func maxpool(
    kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceil: Bool = false, name: String? = nil
  ) throws -> Module {
    let constructor = "maxpool\(kernel.count)d"
    var attributes = try window(constructor, kernel, stride ?? kernel, padding, dilation)
    attributes["ceil_mode"] = .int(ceil ? 1 : 0)
    return Module(constructor, name: name, layer: .init("MaxPool", attributes))
  }

  /// The mean of each window, over as many axes as `kernel` has numbers.
  /// - Parameter countIncludePad: whether padding counts in the mean, as PyTorch has it.
  public static func avgpool(
    kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceil: Bool = false, countIncludePad: Bool = true, name: String? = nil
  ) throws -> Module {
    let constructor = "avgpool\(kernel.count)d"
    var attributes = try window(constructor, kernel, stride ?? kernel, padding, nil)
    attributes["ceil_mode"] = .int(ceil ? 1 : 0)
    attributes["count_include_pad"] = .int(countIncludePad ? 1 : 0)
    return Module(constructor, name: name, layer: .init("AveragePool", attributes))
  }

  /// The maximum over all positions: `[N, C, spatial..]` to `[N, C, 1, ..]`.
  public static func globalMaxpool(name: String? = nil) -> Module {
    Module("global_maxpool", name: name, layer: .init("GlobalMaxPool"))
  }

  /// Interpolates the last axes by a factor each.
  public static func upsample(scale: [Double], _ interpolation: Interpolation = Interpolation(coordinates: .asymmetric, rounding: .floor), name: String? = nil) throws -> Module {
    guard (1...3).contains(scale.count), scale.allSatisfy({ $0 > 0 && $0 <= 0x1p24 }) else {
      throw PareError(.argument, "upsample: scale", argument: "scale", expected: "one to three positive numbers", got: "\(scale)")
    }
    let factors = try Tensor([1, 1] + scale.map(Float.init), shape: Shape([scale.count + 2]))
    return Module("upsample", name: name, layer: .init(
      "Resize",
      [
        "mode": .string(interpolation.mode.rawValue), "coordinate_transformation_mode": .string(interpolation.coordinates.rawValue),
        "nearest_mode": .string(interpolation.rounding.rawValue), "cubic_coeff_a": .float(interpolation.cubicCoefficient),
        "exclude_outside": .int(interpolation.excludeOutside ? 1 : 0),
      ],
      parameters: [
        // An empty region stands where only a crop would need one.
        .init("region", [0], .given(try Tensor([Float](), shape: [0])), isTrainable: false),
        .init("scales", [scale.count + 2], .given(factors), isTrainable: false),
      ]))
  }

  /// Moves blocks of channels into positions (Shi 2016): `[N, C b^2, H, W]` to `[N, C, H b, W b]`.
  public static func pixelShuffle(_ block: Int, name: String? = nil) throws -> Module {
    guard (1...(1 << 15)).contains(block) else {
      throw PareError(.argument, "pixel_shuffle: block", argument: "block", expected: "1 or more", got: "\(block)")
    }
    return Module("pixel_shuffle", name: name, layer: .init("DepthToSpace", ["blocksize": .int(block), "mode": .string("CRD")]))
  }

  // MARK: Checks

  private static func spread(_ constructor: String, _ label: String, _ values: [Int], _ axes: Int, from low: Int) throws -> [Int] {
    guard (1...3).contains(axes), values.count == axes || values.count == 1, values.allSatisfy({ $0 >= low && $0 <= 1 << 20 }) else {
      throw PareError(.argument, "\(constructor): \(label)", argument: label, expected: "one number from \(low), or one for each of one to three axes", got: "\(values)")
    }
    return values.count == axes ? values : Array(repeating: values[0], count: axes)
  }

  private static func window(
    _ constructor: String, _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ dilation: [Int]?
  ) throws -> [String: Attribute] {
    let axes = kernel.count
    let pads = try spread(constructor, "padding", padding, axes, from: 0)
    var attributes: [String: Attribute] = [
      "kernel_shape": .ints(try spread(constructor, "kernel", kernel, axes, from: 1)),
      "strides": .ints(try spread(constructor, "stride", stride, axes, from: 1)), "pads": .ints(pads + pads),
    ]
    if let dilation { attributes["dilations"] = .ints(try spread(constructor, "dilation", dilation, axes, from: 1)) }
    return attributes
  }

  private static func weights(_ shape: [Int], _ outputs: Int?, fan: Int, _ kernel: [Int]) throws -> [Module.ParameterPlan] {
    let bound = 1 / Double(try Shape([fan] + kernel).count).squareRoot()
    let weight = Module.ParameterPlan("weight", shape, .uniform(bound: bound))
    return outputs.map { [weight, .init("bias", [$0], .uniform(bound: bound))] } ?? [weight]
  }
}
