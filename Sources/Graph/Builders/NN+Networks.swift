import Support

/// Networks from papers, with PyTorch's parameter names.
extension NN {
  /// LeNet-5 on 28x28 (LeCun 1998, with rectifiers and max pooling): 61,706 parameters.
  public static func lenet5(classes: Int = 10, seed: UInt64 = 0) throws -> Model {
    try sequential([
      conv2d(inChannels: 1, outChannels: 6, kernel: 5, padding: 2, name: "conv1"), relu(name: "relu1"),
      maxpool2d(kernel: [2, 2], name: "pool1"),
      conv2d(inChannels: 6, outChannels: 16, kernel: 5, name: "conv2"), relu(name: "relu2"),
      maxpool2d(kernel: [2, 2], name: "pool2"), flatten(name: "flatten"),
      linear(inFeatures: 400, outFeatures: 120, name: "fc1"), relu(name: "relu3"),
      linear(inFeatures: 120, outFeatures: 84, name: "fc2"), relu(name: "relu4"),
      linear(inFeatures: 84, outFeatures: classes, name: "fc3"),
    ], input: [1, 28, 28], seed: seed)
  }

  /// LeNet-300-100 on 28x28: 266,610 parameters.
  public static func lenet300(classes: Int = 10, seed: UInt64 = 0) throws -> Model {
    try sequential([
      flatten(name: "flatten"),
      linear(inFeatures: 784, outFeatures: 300, name: "fc1"), relu(name: "relu1"),
      linear(inFeatures: 300, outFeatures: 100, name: "fc2"), relu(name: "relu2"),
      linear(inFeatures: 100, outFeatures: classes, name: "fc3"),
    ], input: [1, 28, 28], seed: seed)
  }

  /// The first layers of a network on images, and with them the images' size.
  public enum ImageStem: String, Sendable, CaseIterable {
    /// The form for 32x32, whose first layers keep the size.
    case cifar
    /// The ImageNet form for 224x224: in residual networks a 7x7 convolution of stride 2 and max pooling.
    case imagenet

    var input: [Int] { self == .cifar ? [3, 32, 32] : [3, 224, 224] }
  }

  /// A residual network (He 2016).
  ///
  /// - Parameters:
  ///   - depth: 6n+2 is the CIFAR form (three stages of n blocks, projection shortcuts); 18, 34, 50, 101, 152 the
  ///     ImageNet form with torchvision's names.
  ///   - stem: nil is the form's own; `.cifar` puts 32x32 images into an ImageNet form. Depths that are of both forms
  ///     (50, 152) are the ImageNet form.
  ///   - width: channels of the first stage; nil is 16 or 64.
  public static func resnet(
    depth: Int, classes: Int = 10, stem: ImageStem? = nil, width: Int? = nil, seed: UInt64 = 0
  ) throws -> Model {
    try positive("resnet", ("classes", classes), ("width", width ?? 1))
    if let stages = imagenetStages[depth] {
      return try imagenetResNet(
        stages: stages, bottleneck: depth >= 50, classes: classes, stem: stem ?? .imagenet, width: width ?? 64, seed: seed)
    }
    guard depth >= 8, depth <= 2000, (depth - 2) % 6 == 0, stem != .imagenet else {
      throw PareError(.argument, "resnet: depth", argument: "depth",
                      expected: "6n+2 (20, 32, 44, 56, 110) or 18, 34, 50, 101, 152", got: "\(depth)")
    }
    return try cifarResNet(blocks: (depth - 2) / 6, classes: classes, width: width ?? 16, seed: seed)
  }

  private static let imagenetStages = [
    18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3],
  ]

  private static func cifarResNet(blocks: Int, classes: Int, width: Int, seed: UInt64) throws -> Model {
    try graph(input: [3, 32, 32], seed: seed) { x in
      var y = try normalized(x, 3, width, kernel: 3, conv: "conv1", norm: "bn1")
      y = try relu(name: "relu")(y)
      var channels = width
      for block in 0..<(3 * blocks) {
        let out = width << (block / blocks), stride = block > 0 && block % blocks == 0 ? 2 : 1
        y = try basicBlock(y, channels, out, stride, path: "layers.\(block)", shortcut: "short")
        channels = out
      }
      y = try flatten(name: "flatten")(globalAvgpool(name: "avgpool")(y))
      return try linear(inFeatures: channels, outFeatures: classes, name: "fc")(y)
    }
  }

  private static func imagenetResNet(
    stages: [Int], bottleneck: Bool, classes: Int, stem: ImageStem, width: Int, seed: UInt64
  ) throws -> Model {
    try graph(input: stem.input, seed: seed) { x in
      var y = try stem == .cifar
        ? normalized(x, 3, width, kernel: 3, conv: "conv1", norm: "bn1")
        : normalized(x, 3, width, kernel: 7, stride: 2, conv: "conv1", norm: "bn1")
      y = try relu(name: "relu")(y)
      if stem == .imagenet { y = try maxpool2d(kernel: [3, 3], stride: [2, 2], padding: [1, 1], name: "maxpool")(y) }
      var channels = width
      for (stage, blocks) in stages.enumerated() {
        let inner = width << stage, out = bottleneck ? 4 * inner : inner
        for block in 0..<blocks {
          let path = "layer\(stage + 1).\(block)", stride = stage > 0 && block == 0 ? 2 : 1
          y = try bottleneck
            ? bottleneckBlock(y, channels, inner, out, stride, path: path)
            : basicBlock(y, channels, out, stride, path: path, shortcut: "downsample")
          channels = out
        }
      }
      y = try flatten(name: "flatten")(globalAvgpool(name: "avgpool")(y))
      return try linear(inFeatures: channels, outFeatures: classes, name: "fc")(y)
    }
  }

  private static func basicBlock(
    _ x: GraphValue, _ channels: Int, _ out: Int, _ stride: Int, path: String, shortcut: String
  ) throws -> GraphValue {
    var y = try normalized(x, channels, out, kernel: 3, stride: stride, conv: "\(path).conv1", norm: "\(path).bn1")
    y = try relu(name: "\(path).relu1")(y)
    y = try normalized(y, out, out, kernel: 3, conv: "\(path).conv2", norm: "\(path).bn2")
    return try joined(y, x, channels, out, stride, path: path, shortcut: shortcut, last: "relu2")
  }

  private static func bottleneckBlock(
    _ x: GraphValue, _ channels: Int, _ inner: Int, _ out: Int, _ stride: Int, path: String
  ) throws -> GraphValue {
    var y = try normalized(x, channels, inner, kernel: 1, conv: "\(path).conv1", norm: "\(path).bn1")
    y = try relu(name: "\(path).relu1")(y)
    y = try normalized(y, inner, inner, kernel: 3, stride: stride, conv: "\(path).conv2", norm: "\(path).bn2")
    y = try relu(name: "\(path).relu2")(y)
    y = try normalized(y, inner, out, kernel: 1, conv: "\(path).conv3", norm: "\(path).bn3")
    return try joined(y, x, channels, out, stride, path: path, shortcut: "downsample", last: "relu3")
  }

  private static func joined(
    _ y: GraphValue, _ x: GraphValue, _ channels: Int, _ out: Int, _ stride: Int, path: String, shortcut: String,
    last: String
  ) throws -> GraphValue {
    let skip = try stride == 1 && channels == out
      ? x
      : normalized(x, channels, out, kernel: 1, stride: stride, conv: "\(path).\(shortcut).0", norm: "\(path).\(shortcut).1")
    return try relu(name: "\(path).\(last)")(add(name: "\(path).add")([y, skip]))
  }

  /// A convolution that keeps the size (at stride 1), without bias, and its batch normalisation.
  private static func normalized(
    _ x: GraphValue, _ channels: Int, _ out: Int, kernel: Int, stride: Int = 1, conv: String, norm: String
  ) throws -> GraphValue {
    let y = try conv2d(
      inChannels: channels, outChannels: out, kernel: kernel, stride: stride, padding: kernel / 2, bias: false,
      name: conv)(x)
    return try batchnorm2d(channels: out, name: norm)(y)
  }
}
