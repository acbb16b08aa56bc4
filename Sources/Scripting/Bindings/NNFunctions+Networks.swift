import Compression
import Graph
import LuaBridge
import Support

/// `nn.vgg`, `nn.mobilenetv2`, `nn.vit`, `nn.gpt`: networks from papers beside LeNet and ResNet.
extension NNFunctions {
  private static let seed = ParameterSpec.integer("seed", default: 0, in: 0..., doc: "Weights are drawn from it and the layers' names")
  private static let classes = ParameterSpec.integer("classes", default: 10, in: 1..., doc: "Size of the output")
  private static let stem = ParameterSpec.choice(
    "stem", among: NN.ImageStem.allCases.map(\.rawValue), default: "cifar", doc: "Form for 32x32 (cifar) or 224x224 images")
  private static let multiplier = ParameterSpec.number("width", default: 1, in: 0...64, doc: "Multiplies the channels")
  private static let dropout = ParameterSpec.number("dropout", default: 0, in: 0...0.99, doc: "Share zeroed in training")

  private static func form(_ options: Arguments) throws -> NN.ImageStem { try NN.ImageStem(rawValue: options.string("stem")) ?? .cifar }

  private static func network(
    _ name: String, _ options: [ParameterSpec], _ summary: String, example: String, _ make: @escaping @Sendable (Arguments, UInt64) throws -> Model
  ) -> Function {
    Function("nn." + name, options: options + [seed], style: .table, summary, example: example) { call in
      let options = try call.options()
      return try call.push(make(options, UInt64(options.integer("seed"))))
    }
  }

  static var architectures: [Function] {
    [
      network(
        "vgg",
        [
          .integer("depth", default: 11, in: 11...19, doc: "11, 13, 16 or 19"), classes, stem, multiplier,
          .boolean("batchnorm", default: true, doc: "A batch normalization behind every convolution"),
        ], "VGG with torchvision's names", example: "nn.vgg{depth=11, width=0.5}"
      ) { options, seed in
        try NN.vgg(
          depth: options.integer("depth"), classes: options.integer("classes"), stem: form(options), width: options.number("width"),
          batchnorm: options.boolean("batchnorm"), seed: seed)
      },
      network(
        "mobilenetv2", [classes, stem, multiplier, .number("dropout", default: 0.2, in: 0...0.99, doc: "Share zeroed before the classifier in training")],
        "MobileNetV2 with torchvision's names", example: "nn.mobilenetv2{width=0.5}"
      ) { options, seed in
        try NN.mobilenetv2(
          classes: options.integer("classes"), stem: form(options), width: options.number("width"), dropout: options.number("dropout"), seed: seed)
      },
      network(
        "vit",
        [
          .integer("image", default: 32, in: 1..., doc: "Side of the images"), .integer("patch", default: 4, in: 1..., doc: "Side of a patch"),
          .integer("width", default: 192, in: 1..., doc: "Size of a token"), .integer("depth", default: 6, in: 1..., doc: "Blocks"),
          .integer("heads", default: 3, in: 1...), .integer("mlp", in: 1..., optional: true, doc: "Width of the perceptrons, 4 times width if absent"),
          classes, .choice("pool", among: NN.TokenPool.allCases.map(\.rawValue), default: "class", doc: "A class token, or the mean of the tokens"), dropout,
        ], "Vision transformer with torchvision's names", example: "nn.vit{width=128, depth=4, heads=4, pool=\"mean\"}"
      ) { options, seed in
        try NN.vit(
          image: options.integer("image"), patch: options.integer("patch"), width: options.integer("width"), depth: options.integer("depth"),
          heads: options.integer("heads"), mlp: options.optionalInteger("mlp"), classes: options.integer("classes"),
          pool: NN.TokenPool(rawValue: options.string("pool")) ?? .cls, dropout: options.number("dropout"), seed: seed)
      },
      network(
        "gpt",
        [
          .integer("vocabulary", in: 1..., doc: "Number of tokens"), .integer("context", in: 1..., doc: "Length of the rows"),
          .integer("width", default: 128, in: 1..., doc: "Size of a token"), .integer("depth", default: 4, in: 1..., doc: "Blocks"),
          .integer("heads", default: 4, in: 1...), dropout,
        ], "Decoder of the GPT-2 form with its published names", example: "nn.gpt{vocabulary=256, context=64}"
      ) { options, seed in
        try NN.gpt(
          vocabulary: options.integer("vocabulary"), context: options.integer("context"), width: options.integer("width"),
          depth: options.integer("depth"), heads: options.integer("heads"), dropout: options.number("dropout"), seed: seed)
      },
    ]
  }
}
