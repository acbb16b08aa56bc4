import Support

extension NN {
  private static let vggStages: [Int: [[Int]]] = [
    11: [[64], [128], [256, 256], [512, 512], [512, 512]],
    13: [[64, 64], [128, 128], [256, 256], [512, 512], [512, 512]],
    16: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]],
    19: [[64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512], [512, 512, 512, 512]],
  ]

  /// VGG (Simonyan and Zisserman 2015) with torchvision's names.
  ///
  /// - Parameters:
  ///   - depth: 11, 13, 16 or 19 layers with weights.
  ///   - stem: `.cifar` takes 32x32 images and ends in one linear layer, `.imagenet` takes 224x224 and ends in three.
  ///   - width: multiplies the channels of every convolution, rounded to a whole number.
  ///   - batchnorm: a batch normalization behind every convolution (torchvision's `vgg11_bn`).
  public static func vgg(
    depth: Int, classes: Int = 10, stem: ImageStem = .cifar, width: Double = 1, batchnorm: Bool = true, seed: UInt64 = 0
  ) throws -> Model {
    guard let stages = vggStages[depth] else {
      throw PareError(.argument, "vgg: depth", argument: "depth", expected: "11, 13, 16 or 19", got: "\(depth)")
    }
    try positive("vgg", ("classes", classes))
    try multiplier("vgg", width)
    return try graph(input: stem.input, seed: seed) { x in
      var y = x, channels = 3, index = 0
      func place() -> String {
        defer { index += 1 }
        return "features.\(index)"
      }
      for stage in stages {
        for full in stage {
          let out = max(1, Int((Double(full) * width).rounded()))
          y = try conv2d(inChannels: channels, outChannels: out, kernel: 3, padding: 1, name: place())(y)
          if batchnorm { y = try batchnorm2d(channels: out, name: place())(y) }
          y = try relu(name: place())(y)
          channels = out
        }
        y = try maxpool2d(kernel: [2, 2], name: place())(y)
      }
      y = try flatten(name: "flatten")(y)
      guard stem == .imagenet else { return try linear(inFeatures: channels, outFeatures: classes, name: "classifier")(y) }
      for (number, sizes) in [(49 * channels, 4096), (4096, 4096)].enumerated() {
        y = try linear(inFeatures: sizes.0, outFeatures: sizes.1, name: "classifier.\(3 * number)")(y)
        y = try relu(name: "classifier.\(3 * number + 1)")(y)
        y = try dropout(name: "classifier.\(3 * number + 2)")(y)
      }
      return try linear(inFeatures: 4096, outFeatures: classes, name: "classifier.6")(y)
    }
  }
}
