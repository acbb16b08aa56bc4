import Compression
import Tensor
import Training

/// Losses as methods of what a network gives out.
extension TensorMethods {
  static var losses: [Function] {
    [
      Function(
        "x:cross_entropy", [.tensor("labels", doc: "Classes [N], or their shares [N, classes]")],
        options: [.number("label_smoothing", default: 0, in: 0..<1, doc: "The share of the target that is spread over all classes")],
        "Mean softmax cross-entropy of these class scores [N, classes]", example: "loss = m(batch.x):cross_entropy(batch.y)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let labels = try call.tensor(1)
        let smoothing = try call.options().number("label_smoothing")
        guard labels.rank != 2 else { return try call.push(Loss.crossEntropy(x, shares: labels, smoothing: smoothing)) }
        return try call.push(Loss.crossEntropy(x, Batch(x: x, y: labels).labels(), smoothing: smoothing))
      },
      Function("x:mse", [.tensor("y")], "Mean of the squared differences", example: "loss = m(batch.x):mse(batch.y)") { call in
        try call.push(Loss.mse(call.receiver(TensorHandle.self).value, call.tensor(1)))
      },
    ]
  }
}
