import Support
import Tensor

/// Networks of attention. Between the attentions, tokens are rows of a matrix `[N * T, width]`: every projection is a Gemm.
extension NN {
  /// What a vision transformer hands to its head.
  public enum TokenPool: String, Sendable, CaseIterable {
    /// A token of its own, put before those of the patches.
    case cls = "class"
    /// The mean of the patches' tokens.
    case mean
  }

  /// A vision transformer (Dosovitskiy et al. 2021) on `[N, 3, image, image]`, with torchvision's names.
  ///
  /// - Parameters:
  ///   - patch: side of a patch; divides `image`.
  ///   - width: size of a token; a multiple of `heads`.
  ///   - mlp: width inside the blocks' perceptrons; nil is 4 times `width`.
  public static func vit(
    image: Int = 32, patch: Int = 4, width: Int = 192, depth: Int = 6, heads: Int = 3, mlp: Int? = nil, classes: Int = 10,
    pool: TokenPool = .cls, dropout share: Double = 0, seed: UInt64 = 0
  ) throws -> Model {
    let inner = try mlp ?? fourfold(width, "vit")
    try positive("vit", ("image", image), ("patch", patch), ("classes", classes), ("mlp", inner))
    try shape("vit", width: width, depth: depth, heads: heads)
    guard image % patch == 0, image <= 4096 else {
      throw PareError(.argument, "vit: patch", argument: "patch", expected: "a divisor of image \(image) (at most 4096)", got: "\(patch)")
    }
    let patches = (image / patch) * (image / patch)
    let tokens = pool == .cls ? patches + 1 : patches
    return try graph(input: [3, image, image], seed: seed) { x in
      var y = try conv2d(inChannels: 3, outChannels: width, kernel: patch, stride: patch, name: "conv_proj")(x)
      y = try permuted([0, 2, 1], reshaped([0, width, patches], y, "patches"), "tokens")
      if pool == .cls {
        let front = try Tensor([Int64(0), 1, 0, 0, 0, 0], shape: [6])
        y = try Module("pad", name: "class_place", layer: .init("Pad", parameters: [.init("pads", [6], .given(front), isTrainable: false)]))(y)
        y = try learned("class_token", "", [tokens, width], y, .rows(1, std: 0))
      }
      y = try learned("encoder", "pos_embedding", [1, tokens, width], y, .all(std: 0.02))
      y = try reshaped([-1, width], y, "rows")
      if share > 0 { y = try dropout(ratio: share, name: "encoder.dropout")(y) }
      for layer in 0..<depth {
        let path = "encoder.layers.encoder_layer_\(layer)"
        y = try block(
          y, tokens: tokens, width: width, heads: heads, mlp: inner, causal: false, approximate: false, dropout: share,
          names: .init(
            norm1: "\(path).ln_1", attention: "\(path).self_attention", projections: ("in_proj_weight", "in_proj_bias"),
            output: "\(path).self_attention.out_proj", norm2: "\(path).ln_2", up: "\(path).mlp.0", down: "\(path).mlp.3", path: path))
      }
      y = try layernorm([width], epsilon: 1e-6, name: "encoder.ln")(y)
      y = try reshaped([-1, tokens, width], y, "sequence")
      y = try pool == .cls ? row(0, y, "class") : mean(axis: 1, y, "mean")
      return try linear(inFeatures: width, outFeatures: classes, name: "heads.head")(y)
    }
  }

  /// A decoder of the GPT-2 form (Radford et al. 2019) on token numbers `[N, context]`: logits `[N, context, vocabulary]`.
  ///
  /// Names and shapes are those of the published GPT-2 (weights of projections `[in, out]`); `lm_head.weight` is of its own.
  public static func gpt(
    vocabulary: Int, context: Int, width: Int = 128, depth: Int = 4, heads: Int = 4, dropout share: Double = 0, seed: UInt64 = 0
  ) throws -> Model {
    try positive("gpt", ("vocabulary", vocabulary), ("context", context))
    try shape("gpt", width: width, depth: depth, heads: heads)
    let inner = try fourfold(width, "gpt")
    return try graph(input: [context], dtype: .i64, seed: seed) { x in
      var y = try embedding(count: vocabulary, width: width, name: "wte")(x)
      y = try learned("wpe", "weight", [context, width], y, .all(std: 0.02))
      y = try reshaped([-1, width], y, "rows")
      if share > 0 { y = try dropout(ratio: share, name: "drop")(y) }
      for layer in 0..<depth {
        let path = "h.\(layer)"
        y = try block(
          y, tokens: context, width: width, heads: heads, mlp: inner, causal: true, approximate: true, dropout: share,
          names: .init(
            norm1: "\(path).ln_1", attention: "\(path).attn.c_attn", projections: nil, output: "\(path).attn.c_proj",
            norm2: "\(path).ln_2", up: "\(path).mlp.c_fc", down: "\(path).mlp.c_proj", path: path))
      }
      y = try layernorm([width], name: "ln_f")(y)
      y = try linear(inFeatures: width, outFeatures: vocabulary, bias: false, name: "lm_head")(y)
      return try reshaped([-1, context, vocabulary], y, "logits")
    }
  }

  /// Where the parts of a block find their names.
  private struct BlockNames {
    var norm1: String
    var attention: String
    /// Names of the joint projection's weight and bias where they are not "weight" and "bias"; with them the weight is
    /// `[out, in]`, without `[in, out]` (GPT-2's).
    var projections: (String, String)?
    var output: String, norm2: String, up: String, down: String, path: String
  }

  /// Normalization before attention, and before the perceptron (pre-norm).
  private static func block(
    _ x: GraphValue, tokens: Int, width: Int, heads: Int, mlp: Int, causal: Bool, approximate: Bool, dropout share: Double,
    names: BlockNames
  ) throws -> GraphValue {
    func dropped(_ value: GraphValue, _ name: String) throws -> GraphValue {
      try share > 0 ? dropout(ratio: share, name: "\(names.path).\(name)")(value) : value
    }
    func project(_ value: GraphValue, _ from: Int, _ to: Int, _ name: String) throws -> GraphValue {
      try names.projections == nil ? rowsTimes(from, to, name)(value) : linear(inFeatures: from, outFeatures: to, name: name)(value)
    }
    let epsilon = names.projections == nil ? 1e-5 : 1e-6
    var y = try layernorm([width], epsilon: epsilon, name: names.norm1)(x)
    if let (weight, bias) = names.projections {
      let bound = (6 / Double(4 * width)).squareRoot()
      y = try Module("linear", name: names.attention, layer: .init(
        "Gemm", ["transB": .int(1)],
        parameters: [.init(weight, [3 * width, width], .uniform(bound: bound)), .init(bias, [3 * width], .constant(0))]))(y)
    } else {
      y = try project(y, width, 3 * width, names.attention)
    }
    y = try attention(y, tokens: tokens, width: width, heads: heads, causal: causal, path: names.path)
    y = try dropped(project(y, width, width, names.output), "dropout")
    let middle = try add(name: "\(names.path).add_1")([x, y])
    y = try layernorm([width], epsilon: epsilon, name: names.norm2)(middle)
    y = try gelu(approximate: approximate, name: "\(names.path).gelu")(project(y, width, mlp, names.up))
    y = try dropped(project(y, mlp, width, names.down), "dropout_2")
    return try add(name: "\(names.path).add_2")([middle, y])
  }

  /// Attention of `heads` heads over rows `[N * T, 3 width]` of queries, keys and values: `[N * T, width]`.
  private static func attention(
    _ x: GraphValue, tokens: Int, width: Int, heads: Int, causal: Bool, path: String
  ) throws -> GraphValue {
    let size = width / heads
    let parts = try Tensor([Int64](repeating: Int64(width), count: 3), shape: [3])
    let qkv = try x.builder.addAll(
      Module("split", name: "\(path).split", layer: .init(
        "Split", ["axis": .int(1)], parameters: [.init("split", [3], .given(parts), isTrainable: false)], outputs: 3)), to: [x])
    func apart(_ value: GraphValue, _ name: String, _ order: [Int]) throws -> GraphValue {
      try permuted(order, reshaped([-1, tokens, heads, size], value, "\(path).\(name)"), "\(path).\(name)_heads")
    }
    let q = try apart(qkv[0], "query", [0, 2, 1, 3]), k = try apart(qkv[1], "key", [0, 2, 3, 1]), v = try apart(qkv[2], "value", [0, 2, 1, 3])
    let scaled = try Module("mul", name: "\(path).scaled", layer: .init(
      "Mul", parameters: [.init("scale", [], .constant(1 / Double(size).squareRoot()), isTrainable: false)]))(q)
    var scores = try matmul(name: "\(path).scores")([scaled, k])
    if causal {
      let mask = try Tensor(
        (0..<tokens).flatMap { row in (0..<tokens).map { $0 <= row ? Float(0) : -Float.infinity } }, shape: [tokens, tokens])
      scores = try Module("add", name: "\(path).causal", layer: .init(
        "Add", parameters: [.init("mask", [tokens, tokens], .given(mask), isTrainable: false)]))(scores)
    }
    let mixed = try matmul(name: "\(path).mixed")([softmax(name: "\(path).softmax")(scores), v])
    return try reshaped([-1, width], permuted([0, 2, 1, 3], mixed, "\(path).joined"), "\(path).rows")
  }

  // MARK: Pieces

  /// The product of two values.
  public static func matmul(name: String? = nil) -> Module { Module("matmul", name: name, layer: .init("MatMul", valueCount: 2...2)) }

  /// Rows of a table `[count, width]` by number; starts as N(0, 1).
  public static func embedding(count: Int, width: Int, name: String? = nil) throws -> Module {
    try positive("embedding", ("num_embeddings", count), ("embedding_dim", width))
    return Module("embedding", name: name, layer: .init(
      "Gather", parameters: [.init("weight", [count, width], .normal(std: 1))], parametersFirst: true))
  }

  private static func rowsTimes(_ from: Int, _ to: Int, _ name: String) throws -> Module {
    Module("linear", name: name, layer: .init(
      "Gemm", parameters: [.init("weight", [from, to], .normal(std: 0.02)), .init("bias", [to], .constant(0))]))
  }

  private enum Start { case all(std: Double), rows(Int, std: Double) }

  /// Adds a learned array to a value; `.rows` learns that many first rows, the others stay 0 (padded in the graph).
  private static func learned(_ layer: String, _ suffix: String, _ sizes: [Int], _ x: GraphValue, _ start: Start) throws -> GraphValue {
    switch start {
    case .all(let std):
      return try Module("add", name: layer, layer: .init("Add", parameters: [.init(suffix, sizes, .normal(std: std))]))(x)
    case .rows(let rows, let std):
      let ends = try Tensor([Int64(0), 0, 0, 0, Int64(sizes[0] - rows), 0], shape: [6])
      let place = try x.builder.addAll(
        Module("pad", name: "\(layer)_rows", layer: .init(
          "Pad", parameters: [
            .init(named: layer, [1, rows, sizes[1]], std == 0 ? .constant(0) : .normal(std: std)),
            .init("pads", [6], .given(ends), isTrainable: false),
          ], valueCount: 0...0)), to: [])
      return try add(name: "\(layer)_add")([x, place[0]])
    }
  }

  static func reshaped(_ sizes: [Int], _ x: GraphValue, _ name: String) throws -> GraphValue {
    let target = try Tensor(sizes.map(Int64.init), shape: Shape([sizes.count]))
    return try Module("reshape", name: name, layer: .init(
      "Reshape", parameters: [.init("shape", [sizes.count], .given(target), isTrainable: false)]))(x)
  }

  private static func permuted(_ order: [Int], _ x: GraphValue, _ name: String) throws -> GraphValue {
    try Module("transpose", name: name, layer: .init("Transpose", ["perm": .ints(order)]))(x)
  }

  private static func row(_ index: Int, _ x: GraphValue, _ name: String) throws -> GraphValue {
    try Module("gather", name: name, layer: .init(
      "Gather", ["axis": .int(1)],
      parameters: [.init("index", [], .given(Tensor([Int64(index)], shape: [])), isTrainable: false)]))(x)
  }

  private static func mean(axis: Int, _ x: GraphValue, _ name: String) throws -> GraphValue {
    try Module("mean", name: name, layer: .init(
      "ReduceMean", ["keepdims": .int(0)],
      parameters: [.init("axes", [1], .given(Tensor([Int64(axis)], shape: [1])), isTrainable: false)], opset: 18))(x)
  }

  private static func shape(_ constructor: String, width: Int, depth: Int, heads: Int) throws {
    try positive(constructor, ("width", width), ("depth", depth), ("heads", heads))
    guard width % heads == 0 else {
      throw PareError(.argument, "\(constructor): width", argument: "width", expected: "a multiple of \(heads) heads", got: "\(width)")
    }
  }

  private static func fourfold(_ width: Int, _ constructor: String) throws -> Int {
    let (product, overflow) = width.multipliedReportingOverflow(by: 4)
    guard !overflow else { throw PareError(.argument, "\(constructor): width", argument: "width", expected: "a smaller number") }
    return product
  }
}
