import PareKit

extension Loss {
  /// Adds the cross-entropy with the labels, where there are any and it has a weight.
  static func adding(_ weight: Double, _ logits: Tensor, _ labels: Tensor?, to sum: Tensor) throws -> Tensor {
    guard let labels, weight > 0 else { return sum }
    return try sum + Loss.crossEntropy(logits, labels) * weight
  }
}
