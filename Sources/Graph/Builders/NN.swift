import Support
import Tensor

/// Layers and networks written in code; they produce graph nodes with path names.
public enum NN {
  // MARK: Putting layers together

  /// Returns the model of modules in a row.
  ///
  /// - Parameters:
  ///   - input: sizes without the batch, such as `[3, 32, 32]`; nil is taken from the first data the model meets.
  ///   - seed: weights are drawn from (seed, layer name).
  public static func sequential(_ modules: [Module], input: [Int]? = nil, seed: UInt64 = 0) throws -> Model {
    let layers = modules.flatMap(\.flattened)
    guard !layers.isEmpty else { throw PareError(.argument, "sequential: expected at least one layer, got none") }
    let builder = GraphBuilder(seed: seed)
    builder.reserve(layers.compactMap(\.name))
    let end = try layers.reduce(builder.input(inputName)) { try builder.add($1, to: [$0]) }
    return try builder.model(inputs: [inputPort(input)], outputs: [end])
  }

  /// Returns the model that `body` wires: any layers, sums and concatenations of its value.
  public static func graph(
    input: [Int]? = nil, dtype: DType = .f32, seed: UInt64 = 0, _ body: (GraphValue) throws -> GraphValue
  ) throws -> Model {
    try wired(input: input, dtype: dtype, seed: seed) { [try body($0[0])] }
  }

  /// Returns the model that `body` wires of one input, with as many outputs as it returns.
  package static func wired(
    input: [Int]?, dtype: DType = .f32, seed: UInt64 = 0, _ body: ([GraphValue]) throws -> [GraphValue]
  ) throws -> Model {
    let builder = GraphBuilder(seed: seed)
    return try builder.model(inputs: [inputPort(input, dtype)], outputs: body([builder.input(inputName)]))
  }

  /// Returns the model that `body` wires of several inputs, with as many outputs as it returns.
  ///
  /// - Parameter inputs: names, each with its sizes without the batch.
  /// - Throws: `argument` for no inputs, names that are not different, or no outputs.
  public static func graph(
    inputs: [(name: String, sizes: [Int])], dtype: DType = .f32, seed: UInt64 = 0, _ body: ([GraphValue]) throws -> [GraphValue]
  ) throws -> Model {
    guard !inputs.isEmpty, Set(inputs.map(\.name)).count == inputs.count, inputs.allSatisfy({ !$0.name.isEmpty }) else {
      throw PareError(.argument, "the inputs of a graph", argument: "input", expected: "different names, at least one")
    }
    let builder = GraphBuilder(seed: seed)
    let ends = try body(inputs.map { builder.input($0.name) })
    guard !ends.isEmpty else { throw PareError(.argument, "a graph without outputs", expected: "at least one value") }
    return try builder.model(inputs: inputs.map { try inputPort($0.sizes, dtype, name: $0.name) }, outputs: ends)
  }

  static let inputName = "input"

  static func inputPort(_ sizes: [Int]?, _ dtype: DType = .f32, name: String = inputName) throws -> Port {
    if let sizes, let wrong = sizes.first(where: { $0 < 1 }) {
      throw PareError(.argument, "sizes of the input", argument: "input", expected: "1 or more", got: "\(wrong)")
    }
    return Port(name, ValueType(dtype, sizes.map { [.symbol("N")] + $0.map { .fixed($0) } }))
  }

  // MARK: Layers with weights

  /// 2-D convolution over `[N, inChannels, H, W]`; weight `[outChannels, inChannels/groups, kernel, kernel]`.
  ///
  /// Weights start as PyTorch's: uniform within 1/sqrt(fan in).
  public static func conv2d(
    inChannels: Int, outChannels: Int, kernel: [Int], stride: [Int] = [1, 1], padding: [Int] = [0, 0],
    dilation: [Int] = [1, 1], groups: Int = 1, bias: Bool = true, name: String? = nil
  ) throws -> Module {
    try positive("conv2d", ("in_channels", inChannels), ("out_channels", outChannels), ("groups", groups))
    try pairs("conv2d", kernel: kernel, stride: stride, padding: padding, dilation: dilation)
    for (label, channels) in [("in_channels", inChannels), ("out_channels", outChannels)] where channels % groups != 0 {
      throw PareError(.argument, "conv2d: \(label) \(channels) does not divide into \(groups) groups", argument: label)
    }
    let shape = [outChannels, inChannels / groups] + kernel
    let bound = try fanInBound(shape)
    var parameters: [Module.ParameterPlan] = [.init("weight", shape, .uniform(bound: bound))]
    if bias { parameters.append(.init("bias", [outChannels], .uniform(bound: bound))) }
    return Module("conv2d", name: name, layer: .init(
      "Conv",
      [
        "kernel_shape": .ints(kernel), "strides": .ints(stride), "pads": .ints(padding + padding),
        "dilations": .ints(dilation), "group": .int(groups),
      ], parameters: parameters))
  }

  /// 2-D convolution with square kernel, stride and padding.
  public static func conv2d(
    inChannels: Int, outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
    bias: Bool = true, name: String? = nil
  ) throws -> Module {
    try conv2d(
      inChannels: inChannels, outChannels: outChannels, kernel: [kernel, kernel], stride: [stride, stride],
      padding: [padding, padding], groups: groups, bias: bias, name: name)
  }

  /// A linear layer on `[N, .., inFeatures]`, which maps the last axis; weight `[outFeatures, inFeatures]`.
  ///
  /// In the graph a Gemm; where more than two axes meet it, one of all their rows, between two Reshapes.
  public static func linear(inFeatures: Int, outFeatures: Int, bias: Bool = true, name: String? = nil) throws -> Module {
    try positive("linear", ("in_features", inFeatures), ("out_features", outFeatures))
    let bound = try fanInBound([outFeatures, inFeatures])
    var parameters: [Module.ParameterPlan] = [.init("weight", [outFeatures, inFeatures], .uniform(bound: bound))]
    if bias { parameters.append(.init("bias", [outFeatures], .uniform(bound: bound))) }
    return Module("linear", name: name, layer: .init("Gemm", ["transB": .int(1)], parameters: parameters))
  }

  /// Batch normalisation over axis 1 of `[N, C, H, W]`; parameters weight, bias, running_mean, running_var.
  ///
  /// - Parameter momentum: PyTorch's: the share of the new batch. ONNX's attribute is one minus it.
  public static func batchnorm2d(
    channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, name: String? = nil
  ) throws -> Module { try batchnorm("batchnorm2d", channels, epsilon, momentum, name) }

  /// Batch normalisation over axis 1 of `[N, C]`.
  public static func batchnorm1d(
    channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, name: String? = nil
  ) throws -> Module { try batchnorm("batchnorm1d", channels, epsilon, momentum, name) }

  private static func batchnorm(
    _ constructor: String, _ channels: Int, _ epsilon: Double, _ momentum: Double, _ name: String?
  ) throws -> Module {
    try positive(constructor, ("channels", channels))
    guard epsilon > 0, (0...1).contains(momentum) else {
      throw PareError(.argument, "\(constructor): epsilon must be positive and momentum within 0...1",
                      got: "epsilon \(epsilon), momentum \(momentum)")
    }
    return Module(constructor, name: name, layer: .init(
      "BatchNormalization", ["epsilon": .float(epsilon), "momentum": .float(1 - momentum)],
      parameters: [
        .init("weight", [channels], .constant(1)), .init("bias", [channels], .constant(0)),
        .init("running_mean", [channels], .constant(0), isTrainable: false),
        .init("running_var", [channels], .constant(1), isTrainable: false),
      ]))
  }

  // MARK: Checks

  private static func fanInBound(_ shape: [Int]) throws -> Double {
    let fanIn = try Shape(shape.dropFirst()).count
    return 1 / Double(fanIn).squareRoot()
  }

  static func positive(_ constructor: String, _ values: (String, Int)...) throws {
    for (label, value) in values where value < 1 {
      throw PareError(.argument, "\(constructor): \(label)", argument: label, expected: "1 or more", got: "\(value)")
    }
  }

  static func multiplier(_ constructor: String, _ width: Double) throws {
    guard width > 0, width <= 64 else {
      throw PareError(.argument, "\(constructor): width", argument: "width", expected: "a multiplier above 0, at most 64", got: "\(width)")
    }
  }

  static func pairs(
    _ constructor: String, kernel: [Int], stride: [Int], padding: [Int], dilation: [Int] = [1, 1]
  ) throws {
    for (label, values, low) in [
      ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1),
    ] {
      guard values.count == 2, values.allSatisfy({ $0 >= low && $0 <= 1 << 20 }) else {
        throw PareError(.argument, "\(constructor): \(label)", argument: label,
                        expected: "one or two numbers from \(low)", got: "\(values)")
      }
    }
  }
}
