import Support

extension NN {
  /// MobileNetV2 (Sandler et al. 2018) with torchvision's names.
  ///
  /// - Parameters:
  ///   - stem: `.cifar` takes 32x32 images, and the first convolution and the second stage keep the size;
  ///     `.imagenet` takes 224x224.
  ///   - width: multiplies the channels, rounded to multiples of 8 and never by more than a tenth down.
  ///   - dropout: the share zeroed before the classifier in training.
  public static func mobilenetv2(
    classes: Int = 10, stem: ImageStem = .cifar, width: Double = 1, dropout share: Double = 0.2, seed: UInt64 = 0
  ) throws -> Model {
    try positive("mobilenetv2", ("classes", classes))
    try multiplier("mobilenetv2", width)
    let small = stem == .cifar
    // Expansion, channels, blocks, stride of the first: table 2 of the paper.
    let stages = [
      (1, 16, 1, 1), (6, 24, 2, small ? 1 : 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]
    return try graph(input: stem.input, seed: seed) { x in
      var channels = eighths(32 * width)
      var y = try narrow(x, 3, channels, kernel: 3, stride: small ? 1 : 2, path: "features.0")
      var index = 1
      for (expansion, full, blocks, first) in stages {
        let out = eighths(Double(full) * width)
        for block in 0..<blocks {
          y = try invertedResidual(
            y, channels, out, expansion: expansion, stride: block == 0 ? first : 1, path: "features.\(index)")
          channels = out
          index += 1
        }
      }
      let last = eighths(1280 * max(1, width))
      y = try narrow(y, channels, last, path: "features.\(index)")
      y = try flatten(name: "flatten")(globalAvgpool(name: "avgpool")(y))
      y = try dropout(ratio: share, name: "classifier.0")(y)
      return try linear(inFeatures: last, outFeatures: classes, name: "classifier.1")(y)
    }
  }

  private static func invertedResidual(
    _ x: GraphValue, _ channels: Int, _ out: Int, expansion: Int, stride: Int, path: String
  ) throws -> GraphValue {
    let hidden = channels * expansion
    var y = x, part = 0
    if expansion > 1 {
      y = try narrow(y, channels, hidden, path: "\(path).conv.0")
      part = 1
    }
    y = try narrow(y, hidden, hidden, kernel: 3, stride: stride, groups: hidden, path: "\(path).conv.\(part)")
    y = try conv2d(inChannels: hidden, outChannels: out, kernel: 1, bias: false, name: "\(path).conv.\(part + 1)")(y)
    y = try batchnorm2d(channels: out, name: "\(path).conv.\(part + 2)")(y)
    return try stride == 1 && channels == out ? add(name: "\(path).add")([x, y]) : y
  }

  /// Convolution, batch normalization and ReLU6.
  private static func narrow(
    _ x: GraphValue, _ channels: Int, _ out: Int, kernel: Int = 1, stride: Int = 1, groups: Int = 1, path: String
  ) throws -> GraphValue {
    let y = try conv2d(
      inChannels: channels, outChannels: out, kernel: kernel, stride: stride, padding: kernel / 2, groups: groups,
      bias: false, name: "\(path).0")(x)
    return try relu6(name: "\(path).2")(batchnorm2d(channels: out, name: "\(path).1")(y))
  }

  /// The multiple of 8 next to `channels`, at least 8 and at least nine tenths of it.
  private static func eighths(_ channels: Double) -> Int {
    let near = max(8, Int(channels + 4) / 8 * 8)
    return Double(near) < 0.9 * channels ? near + 8 : near
  }
}
