import Support
import Tensor

/// Encoders of text, with the published parameter names.
extension NN {
  /// The sizes of a BERT encoder (Devlin 2019).
  public struct BertSizes: Sendable, Hashable {
    /// Entries of the vocabulary: rows of the table of words.
    public var words = 30522
    /// The length of a token's state.
    public var width = 768
    /// How many blocks of attention and two linear layers there are.
    public var layers = 12
    /// Heads of attention in each block; a divisor of `width`.
    public var heads = 12
    /// The width between the two linear layers of a block.
    public var inner = 3072
    /// The longest row of tokens.
    public var positions = 512
    /// Kinds of tokens: first and second sentence.
    public var kinds = 2
    /// Added to the variance in layer normalizations.
    public var epsilon = 1e-12

    /// The sizes of the published BERT-base, uncased.
    public init() {}
  }

  /// A BERT encoder: tokens `[N, L]` to the last hidden state `[N, L, width]`.
  ///
  /// Inputs, all i64: `input_ids`, `attention_mask` (1 where a token counts) and `token_type_ids`. Parameters have the
  /// names of the published state dict (`embeddings.word_embeddings.weight`, `encoder.layer.0.attention.self.query.weight`).
  ///
  /// - Parameters:
  ///   - pooler: adds a second output, the first token's state through a linear layer and tanh.
  ///   - sentence: the output is the mean of the states over the mask, of length 1: `[N, width]`.
  /// - Throws: `argument` naming a size that does not fit.
  public static func bert(_ sizes: BertSizes = BertSizes(), pooler: Bool = true, sentence: Bool = false, seed: UInt64 = 0) throws -> Model {
    try positive(
      "bert", ("words", sizes.words), ("width", sizes.width), ("layers", sizes.layers), ("heads", sizes.heads),
      ("inner", sizes.inner), ("positions", sizes.positions), ("kinds", sizes.kinds))
    guard sizes.width % sizes.heads == 0 else {
      throw PareError(.argument, "bert: width \(sizes.width) does not divide into \(sizes.heads) heads", argument: "heads")
    }
    let builder = GraphBuilder(seed: seed)
    let net = BertWriter(builder: builder, sizes: sizes)
    return try net.model(pooler: pooler && !sentence, sentence: sentence)
  }
}

/// Writes the graph of a BERT encoder. Linear layers see rows of tokens `[N L, width]`.
private struct BertWriter {
  let builder: GraphBuilder
  let sizes: NN.BertSizes

  private func node(_ op: String, _ name: String, _ inputs: [GraphValue], _ attributes: [String: Attribute] = [:],
                    _ parameters: [Module.ParameterPlan] = []) throws -> GraphValue {
    try builder.add(
      Module(op, name: name, layer: .init(op, attributes, parameters: parameters, valueCount: 0...3)), to: inputs)
  }

  private func constant(_ suffix: String, _ values: [Int]) throws -> Module.ParameterPlan {
    .init(suffix, [values.count], .given(try Tensor(values.map(Int64.init), shape: [values.count])), isTrainable: false)
  }

  private func scalar(_ value: Double) throws -> Module.ParameterPlan {
    .init("value", [], .given(try Tensor.scalar(value)), isTrainable: false)
  }

  private func linear(_ x: GraphValue, _ name: String, _ features: Int, _ out: Int) throws -> GraphValue {
    try NN.linear(inFeatures: features, outFeatures: out, name: name)(x)
  }

  private func norm(_ x: GraphValue, _ name: String) throws -> GraphValue {
    try node("LayerNormalization", name, [x], ["axis": .int(-1), "epsilon": .float(sizes.epsilon)], [
      .init("weight", [sizes.width], .constant(1)), .init("bias", [sizes.width], .constant(0)),
    ])
  }

  /// A table of which rows are taken: the parameter stands before the positions.
  private func embedding(_ positions: GraphValue, _ name: String, _ rows: Int) throws -> GraphValue {
    try builder.embedding(positions, name: name, rows: rows, width: sizes.width)
  }

  func model(pooler: Bool, sentence: Bool) throws -> Model {
    let ids = builder.input("input_ids"), mask = builder.input("attention_mask"), kinds = builder.input("token_type_ids")
    let w = sizes.width, depth = w / sizes.heads
    // Sizes that only the run knows.
    let shape = try node("Shape", "shape", [ids])
    let split = try builder.concatenated(shape, name: "heads_shape", [sizes.heads, depth])
    let length = try node("Gather", "length", [shape], ["axis": .int(0)], [
      .init("index", [], .given(try Tensor([Int64(1)], shape: [])), isTrainable: false),
    ])
    let positions = try builder.range(length, name: "positions")

    var x = try node("Add", "embeddings.sum", [
      embedding(ids, "embeddings.word_embeddings", sizes.words), embedding(kinds, "embeddings.token_type_embeddings", sizes.kinds),
    ])
    x = try node("Add", "embeddings.total", [x, embedding(positions, "embeddings.position_embeddings", sizes.positions)])
    x = try node("Reshape", "rows", [norm(x, "embeddings.LayerNorm")], [:], [constant("shape", [-1, w])])

    // 0 where a token counts, a large negative number where it does not.
    let wide = try node("Unsqueeze", "mask.wide", [mask], [:], [constant("axes", [1, 2])])
    let counts = try node("Cast", "mask.floating", [wide], ["to": .int(1)])
    let bias = try node("Mul", "mask.bias", [
      node("Sub", "mask.shifted", [counts], [:], [scalar(1)])], [:], [scalar(10000)])

    for layer in 0..<sizes.layers {
      let path = "encoder.layer.\(layer)", attention = "\(path).attention"
      func heads(_ name: String, _ order: [Int]) throws -> GraphValue {
        let y = try linear(x, "\(attention).self.\(name)", w, w)
        return try node("Transpose", "\(attention).self.\(name).heads", [
          node("Reshape", "\(attention).self.\(name).split", [y, split])], ["perm": .ints(order)])
      }
      let q = try heads("query", [0, 2, 1, 3]), k = try heads("key", [0, 2, 3, 1]), v = try heads("value", [0, 2, 1, 3])
      let scores = try node("Mul", "\(attention).self.scaled", [
        node("MatMul", "\(attention).self.scores", [q, k])], [:], [scalar(1 / Double(depth).squareRoot())])
      let shares = try node("Softmax", "\(attention).self.shares", [
        node("Add", "\(attention).self.masked", [scores, bias])], ["axis": .int(-1)])
      let context = try node("Transpose", "\(attention).self.context.rows", [
        node("MatMul", "\(attention).self.context", [shares, v])], ["perm": .ints([0, 2, 1, 3])])
      let joined = try node("Reshape", "\(attention).self.joined", [context], [:], [constant("shape", [-1, w])])
      let attended = try linear(joined, "\(attention).output.dense", w, w)
      x = try norm(node("Add", "\(attention).output.sum", [attended, x]), "\(attention).output.LayerNorm")
      let up = try NN.gelu(name: "\(path).intermediate.gelu")(linear(x, "\(path).intermediate.dense", w, sizes.inner))
      let down = try linear(up, "\(path).output.dense", sizes.inner, w)
      x = try norm(node("Add", "\(path).output.sum", [down, x]), "\(path).output.LayerNorm")
    }
    let whole = try builder.concatenated(shape, name: "states_shape", [w])
    let states = try node("Reshape", "last_hidden_state", [x, whole])
    let ports = ["input_ids", "attention_mask", "token_type_ids"].map { Port($0, ValueType(.i64, [.symbol("N"), .symbol("L")])) }
    guard sentence else {
      var outputs = [states]
      if pooler {
        let first = try node("Gather", "first", [states], ["axis": .int(1)], [
          .init("index", [], .given(try Tensor([Int64(0)], shape: [])), isTrainable: false),
        ])
        outputs.append(try NN.tanh(name: "pooler.tanh")(linear(first, "pooler.dense", w, w)))
      }
      return try builder.model(inputs: ports, outputs: outputs)
    }
    let weights = try node("Cast", "weights", [
      node("Unsqueeze", "weights.wide", [mask], [:], [constant("axes", [2])])], ["to": .int(1)])
    let sum = try node("ReduceSum", "sentence.sum", [node("Mul", "sentence.counted", [states, weights])], ["keepdims": .int(0)], [constant("axes", [1])])
    let count = try node("Clip", "sentence.count", [
      node("ReduceSum", "sentence.tokens", [weights], ["keepdims": .int(0)], [constant("axes", [1])])], [:], [scalar(1e-9)])
    let mean = try node("Div", "sentence.mean", [sum, count])
    let size = try node("ReduceL2", "sentence.length", [mean], ["keepdims": .int(1)], [constant("axes", [1])])
    return try builder.model(inputs: ports, outputs: [node("Div", "sentence", [mean, size])])
  }
}

extension GraphBuilder {
  /// Rows of a table, by number.
  func embedding(_ positions: GraphValue, name: String, rows: Int, width: Int) throws -> GraphValue {
    let table = try parameter("\(name).weight", .init("weight", [rows, width], .uniform(bound: 0.05)))
    return try addNode(Node(name: name, op: "Gather", inputs: [table, positions.name], outputs: [name], attributes: ["axis": .int(0)]))
  }

  /// A vector of integers with constants behind it.
  func concatenated(_ x: GraphValue, name: String, _ values: [Int]) throws -> GraphValue {
    let tail = try parameter("\(name).tail", .init(
      "tail", [values.count], .given(Tensor(values.map(Int64.init), shape: [values.count])), isTrainable: false))
    return try addNode(Node(name: name, op: "Concat", inputs: [x.name, tail], outputs: [name], attributes: ["axis": .int(0)]))
  }

  /// 0, 1, ... below a limit.
  func range(_ limit: GraphValue, name: String) throws -> GraphValue {
    let zero = try parameter("\(name).first", .init("first", [], .given(Tensor([Int64(0)], shape: [])), isTrainable: false))
    let one = try parameter("\(name).step", .init("step", [], .given(Tensor([Int64(1)], shape: [])), isTrainable: false))
    return try addNode(Node(name: name, op: "Range", inputs: [zero, limit.name, one], outputs: [name]))
  }
}
