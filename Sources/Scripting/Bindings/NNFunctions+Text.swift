import Compression
import Graph
import LuaBridge
import Support

/// `nn.*` of text.
extension NNFunctions {
  static var text: [Function] {
    [
      Function(
        "nn.bert",
        options: [
          .integer("words", default: 30522, in: 1..., doc: "Tokens of the vocabulary"),
          .integer("width", default: 768, in: 1..., doc: "Features of a state"), .integer("layers", default: 12, in: 1...),
          .integer("heads", default: 12, in: 1...), .integer("inner", default: 3072, in: 1..., doc: "Features between the linear layers of a block"),
          .integer("positions", default: 512, in: 1..., doc: "Longest row of tokens"), .integer("kinds", default: 2, in: 1..., doc: "Token types"),
          .number("epsilon", default: 1e-12, doc: "Of the layer norms"),
          .boolean("pooler", default: true, doc: "A second output: the first state through a linear layer and tanh"),
          .boolean("sentence", default: false, doc: "The output is the mean state over the mask, of length 1"),
          .integer("seed", default: 0, in: 0...),
        ], style: .table, "BERT encoder with the published parameter names; inputs input_ids, attention_mask, token_type_ids",
        example: "nn.bert{width=384, layers=6, inner=1536, sentence=true}"
      ) { call in
        let options = try call.options()
        var sizes = NN.BertSizes()
        sizes.words = try options.integer("words")
        sizes.width = try options.integer("width")
        sizes.layers = try options.integer("layers")
        sizes.heads = try options.integer("heads")
        sizes.inner = try options.integer("inner")
        sizes.positions = try options.integer("positions")
        sizes.kinds = try options.integer("kinds")
        sizes.epsilon = try options.number("epsilon")
        return try call.push(
          NN.bert(
            sizes, pooler: options.boolean("pooler"), sentence: options.boolean("sentence"), seed: UInt64(options.integer("seed"))))
      }
    ]
  }
}
