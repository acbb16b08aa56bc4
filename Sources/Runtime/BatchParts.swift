import Graph
import Support
import Tensor

/// Whether a batch is run some images at a time.
///
/// What lies between the layers of a large batch is written to memory and read again; that of few images stays in the
/// cache. The weights are then read once for each group: this pays where they are few beside what lies between, as in
/// MobileNets, whose layers are slower at batch 16 than at batch 2.
enum BatchParts {
  /// Bytes that one layer may read and write so that the next one finds them in the cache.
  private static let cached = 16 << 20
  /// How many times the bytes of the weights, read again for each group, what is spared must be.
  private static let worth = 4

  /// Returns in how many groups of equal size the batch is best run; 1 where its images are not known to be apart.
  ///
  /// - Parameter model: of fixed shapes.
  static func count(of model: Model, _ types: [String: ValueType]) -> Int {
    guard let batch = model.inputs.first?.type.fixedShape?.first, batch > 1, isSeparable(model, types, batch) else { return 1 }
    // Between quantized layers lie bytes, whatever their types say.
    let isQuantized = model.nodes.contains { $0.op == "QuantizeLinear" }
    func bytes(_ name: String) -> Int {
      guard let type = types[name], let shape = type.fixedShape else { return 0 }
      return shape.reduce(isQuantized ? 1 : type.dtype.size, *)
    }
    var weights = 0, spared = 0, most = 0
    for node in model.nodes where layers.contains(node.op) {
      let values = node.inputs.filter { model.parameters[$0] == nil } + node.outputs
      let moved = values.reduce(0) { $0 + bytes($1) }
      if moved > cached { spared += moved }
      most = max(most, moved)
      weights += node.inputs.reduce(0) { $0 + (model.parameters[$1] == nil ? 0 : bytes($1)) }
    }
    guard most > cached, let images = (1..<batch).last(where: { batch % $0 == 0 && ($0 == 1 || most / batch * $0 <= cached) })
    else { return 1 }
    let parts = batch / images
    return weights * parts * worth <= spared ? parts : 1
  }

  /// Operators that read and write memory; what lies between them runs inside them.
  private static let layers: Set<String> = [
    "AveragePool", "Concat", "Conv", "ConvTranspose", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "MatMul", "MaxPool",
  ]
  /// Operators whose first input is images, each by itself, and whose others are constants.
  private static let first: Set<String> = [
    "AveragePool", "BatchNormalization", "Clip", "Conv", "ConvTranspose", "DequantizeLinear", "Dropout", "Elu", "Erf", "Gelu",
    "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LeakyRelu",
    "MaxPool", "Mish", "QuantizeLinear", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh",
  ]
  /// Operators on equally many axes, where a constant has no more than one position on the first.
  private static let together: Set<String> = ["Add", "Div", "Max", "Min", "Mul", "PRelu", "Sub"]

  /// Whether each image's results depend on that image alone: all inputs begin with the batch, and all operators are known
  /// to keep it first and apart.
  private static func isSeparable(_ model: Model, _ types: [String: ValueType], _ batch: Int) -> Bool {
    var images = Set(model.inputs.map(\.name)), constants = Set(model.parameters.keys)
    func shape(_ name: String) -> [Int]? { types[name]?.fixedShape }
    func isConstant(_ name: String) -> Bool { name.isEmpty || constants.contains(name) }
    guard model.inputs.allSatisfy({ $0.type.fixedShape?.first == batch }) else { return false }
    for node in model.nodes {
      if node.inputs.allSatisfy(isConstant) {
        constants.formUnion(node.outputs)
        continue
      }
      guard node.domain.isEmpty, node.outputs.count == 1, let output = shape(node.outputs[0]), output.first == batch,
        node.inputs.allSatisfy({ isConstant($0) || images.contains($0) }), let source = node.input(0)
      else { return false }
      let others = node.inputs.dropFirst()
      let isApart =
        switch node.op {
        case _ where first.contains(node.op): images.contains(source) && others.allSatisfy(isConstant)
        case _ where together.contains(node.op):
          node.inputs.allSatisfy { name in
            guard let shape = shape(name) else { return false }
            return images.contains(name) ? shape.count == output.count : shape.count < output.count || shape.first == 1
          }
        case "Concat":
          node.inputs.allSatisfy(images.contains) && (try? node.int("axis")).map { axis in axis.map { $0 > 0 || $0 < 0 && $0 != -output.count } ?? false } ?? false
        case "Flatten": images.contains(source) && (try? node.int("axis", default: 1)) == 1
        case "Gemm":
          images.contains(source) && others.allSatisfy(isConstant) && (try? node.flag("transA")) == false
            && (node.input(2).map { (shape($0) ?? []).count < 2 || shape($0)?.first == 1 } ?? true)
        case "MatMul": images.contains(source) && others.allSatisfy(isConstant) && others.allSatisfy { shape($0)?.count == 2 }
        default: false
        }
      guard isApart else { return false }
      images.insert(node.outputs[0])
    }
    return model.outputs.allSatisfy { images.contains($0.name) }
  }
}
