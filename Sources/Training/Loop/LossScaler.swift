import Support
import Tensor

/// Dynamic loss scaling: f16 gradients of a loss that is multiplied first do not vanish below its smallest number.
///
/// As `torch.amp.GradScaler`: starts at 2^16, doubles after 2,000 good steps in a row, halves after a step whose
/// gradients overflow, and such a step is left out.
///
/// - Reference: Micikevicius et al. 2018, "Mixed Precision Training", section 3.2.
package struct LossScaler: Equatable {
  private static let growthInterval = 2000

  /// What the loss is multiplied by.
  package private(set) var scale = 65536.0
  /// Good steps since the scale changed.
  package private(set) var goodSteps = 0
  /// Steps left out so far.
  package private(set) var skipped = 0

  /// Takes note of a step, and whether its gradients were finite.
  ///
  /// - Throws: `PareError.notReached` once so small a scale still overflows: it is the network that does.
  package mutating func update(finite: Bool) throws {
    guard finite else {
      scale /= 2
      goodSteps = 0
      skipped += 1
      guard scale >= 0x1p-14 else {
        throw PareError(
          .notReached, "train: the gradients overflow f16 at any loss scale", argument: "precision",
          expected: "finite gradients", got: "a loss scale of \(scale)",
          suggestion: "a lower lr, keep_f32 for the layers that overflow, or precision=\"bf16\"")
      }
      return
    }
    goodSteps += 1
    if goodSteps == Self.growthInterval {
      goodSteps = 0
      // Beyond this the product of scale and loss leaves f32 before it helps any gradient.
      scale = min(scale * 2, 0x1p60)
    }
  }

  /// Whether every element of every gradient is finite.
  static func isFinite(_ gradients: [String: Tensor]) throws -> Bool {
    for gradient in gradients.values {
      // Infinities and NaN survive a sum.
      guard try gradient.detached().sum().item().isFinite else { return false }
    }
    return true
  }

  package var text: String { "\(scale) \(goodSteps) \(skipped)" }

  package init() {}

  package init?(text: String) {
    let fields = text.split(separator: " ")
    guard fields.count == 3, let scale = Double(fields[0]), let good = Int(fields[1]), let skipped = Int(fields[2]),
      scale > 0, scale.isFinite, (0..<Self.growthInterval).contains(good), skipped >= 0
    else { return nil }
    (self.scale, goodSteps, self.skipped) = (scale, good, skipped)
  }
}
