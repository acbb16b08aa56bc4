import Compression
import LuaBridge
import Support
import Tensor

/// Losses, with PyTorch's names and conventions.
extension TensorMethods {
  private static let reduce = ParameterSpec.choice(
    "reduction", among: Tensor.LossReduction.allCases.map(\.rawValue), default: "mean")

  private static func reduction(_ options: Arguments) throws -> Tensor.LossReduction {
    try Tensor.LossReduction(rawValue: options.string("reduction")) ?? .mean
  }

  private static func loss(
    _ name: String, _ options: [ParameterSpec] = [], _ summary: String,
    _ operation: @escaping (Tensor, Tensor, Arguments) throws -> Tensor
  ) -> Function {
    Function("x:" + name, [.tensor("target")], options: options, summary, example: "x:\(name)(target)") { call in
      try call.push(operation(call.receiver(TensorHandle.self).value, call.tensor(1), call.options()))
    }
  }

  static var losses: [Function] {
    let weight = ParameterSpec.tensor("weight", optional: true, doc: "One for each class")
    let ignored = ParameterSpec.integer("ignore_index", default: -100, doc: "A label that counts nothing")
    return [
      loss("mse_loss", [reduce], "Squared differences") { try $0.mseLoss($1, reduction: reduction($2)) },
      loss("l1_loss", [reduce], "Magnitudes of differences") { try $0.l1Loss($1, reduction: reduction($2)) },
      loss("huber_loss", [.number("delta", default: 1), reduce], "Squared differences up to delta, linear beyond") {
        try $0.huberLoss($1, delta: $2.number("delta"), reduction: reduction($2))
      },
      loss("smooth_l1_loss", [.number("beta", default: 1, in: 0...), reduce], "Huber's loss divided by beta") {
        try $0.smoothL1Loss($1, beta: $2.number("beta"), reduction: reduction($2))
      },
      loss(
        "binary_cross_entropy_with_logits",
        [.tensor("weight", optional: true), .tensor("pos_weight", optional: true), reduce], "Cross-entropy of two classes from logits"
      ) {
        try $0.binaryCrossEntropyWithLogits(
          $1, weight: $2.optionalTensor("weight"), positiveWeight: $2.optionalTensor("pos_weight"), reduction: reduction($2))
      },
      loss(
        "kl_div", [.boolean("log_target", default: false), .choice("reduction", among: ["batchmean", "mean", "sum", "none"], default: "batchmean")],
        "Divergence of the target's distribution from this one, given as logarithms"
      ) { x, target, options in
        let names: [String: Tensor.DivergenceReduction] = ["mean": .mean, "sum": .sum, "none": .none]
        return try x.klDivergence(
          target, logTarget: options.boolean("log_target"), reduction: names[options.string("reduction")] ?? .batchMean)
      },
      loss("nll_loss", [weight, ignored, reduce], "Negative log-likelihood of labels from log-probabilities") {
        try $0.nllLoss(
          labels: whole($1, "x:nll_loss: labels"), weight: $2.optionalTensor("weight"), ignoreIndex: $2.integer("ignore_index"),
          reduction: reduction($2))
      },
      loss(
        "cross_entropy", [weight, ignored, .number("label_smoothing", default: 0, in: 0.0..<1.0), reduce],
        "Cross-entropy from logits, of labels or, in the logits' shape, of distributions"
      ) { x, target, options in
        let (weight, smoothing) = try (options.optionalTensor("weight"), options.number("label_smoothing"))
        if target.shape == x.shape, target.dtype.isFloating {
          return try x.crossEntropy(target: target, weight: weight, smoothing: smoothing, reduction: reduction(options))
        }
        return try x.crossEntropy(
          labels: whole(target, "x:cross_entropy: labels"), weight: weight, ignoreIndex: options.integer("ignore_index"),
          smoothing: smoothing, reduction: reduction(options))
      },
      loss("cosine_similarity", [.integer("axis", default: -1), .number("epsilon", default: 1e-8, in: 0...)], "Cosine of the angle along an axis") {
        let rank = max($0.rank, $1.rank)
        return try Tensor.cosineSimilarity(
          $0, $1, axis: Axis.position($2.integer("axis"), rank: rank, in: "x:cosine_similarity"), epsilon: $2.number("epsilon"))
      },
    ]
  }
}
