import Glibc
import Support

/// How the learning rate goes from the first step to the last, as a factor of the rate asked for.
public enum LearningRateSchedule: Sendable, Hashable {
  /// 1 throughout.
  case constant
  /// Times `factor` whenever another share `every` of the training is over.
  case step(every: Double = 1.0 / 3, factor: Double = 0.1)
  /// Half a cosine from 1 down to 0 (Loshchilov and Hutter 2017, "SGDR", equation 5).
  case cosine
  /// A straight line from 1 down to 0.
  case linear
  /// A cosine up from 1/25 to 1 over 30% of the training, then a cosine down to 1/250000
  /// (Smith and Topin 2018, "Super-Convergence"; PyTorch's OneCycleLR).
  case oneCycle

  /// The names in scripts, in the order in which help lists them.
  public static let names = ["constant", "step", "cosine", "linear", "one_cycle"]

  /// Returns the schedule called `name`.
  ///
  /// - Throws: `PareError.notFound` with the nearest name.
  public static func named(_ name: String) throws -> LearningRateSchedule {
    switch name {
    case "constant": .constant
    case "step": .step()
    case "cosine": .cosine
    case "linear": .linear
    case "one_cycle": .oneCycle
    default:
      throw PareError(
        .notFound, "no learning-rate schedule '\(name)'", argument: "schedule", expected: names.joined(separator: ", "),
        got: name, suggestion: Suggestion.didYouMean(name, among: names))
    }
  }

  /// Returns the factor of step `step` of `total`, counted from 0.
  ///
  /// - Parameter warmup: steps before the schedule begins, over which the factor rises in a line to the schedule's
  ///   first value; the schedule then has the remaining steps for itself.
  public func factor(step: Int, of total: Int, warmup: Int = 0) -> Double {
    if step < warmup { return factor(at: 0, of: total - warmup) * Double(step + 1) / Double(warmup) }
    return factor(at: step - warmup, of: max(1, total - warmup))
  }

  private func factor(at step: Int, of total: Int) -> Double {
    let progress = min(1, Double(step) / Double(max(1, total)))
    switch self {
    case .constant: return 1
    // The small share keeps 2/3 of the way from rounding to just below two thirds.
    case .step(let every, let factor): return pow(factor, (progress / every + 1e-9).rounded(.down))
    case .cosine: return 0.5 * (1 + cos(.pi * progress))
    case .linear: return 1 - progress
    case .oneCycle:
      let (start, end, rise) = (1.0 / 25, 1.0 / 250_000, 0.3)
      // As PyTorch: the peak stands at 30% of the steps, the end at the last step.
      let last = Double(max(1, total - 1))
      let peak = max(rise * Double(total) - 1, 0)
      let position = Double(step)
      if position < peak { return Self.between(start, 1, position / peak) }
      return Self.between(1, end, last > peak ? min(1, (position - peak) / (last - peak)) : 0)
    }
  }

  /// A cosine from `a` at 0 to `b` at 1.
  private static func between(_ a: Double, _ b: Double, _ share: Double) -> Double {
    b + (a - b) * 0.5 * (1 + cos(.pi * share))
  }
}
