import Glibc
import PareKit

/// Everything at once.
public struct OneShot: SparsitySchedule {
  public static let entry = Entry(
    name: "one_shot", summary: "The whole amount in one step", reference: "Han et al. 2015")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// 1 at every step.
  public func value(step: Int, total: Int) throws -> Double { 1 }
}

/// Equal steps.
public struct Linear: SparsitySchedule {
  public static let entry = Entry(name: "linear", summary: "The same amount more at each step")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// `step / total`; 1 without steps.
  public func value(step: Int, total: Int) throws -> Double { total == 0 ? 1 : Double(step) / Double(total) }
}

/// Gradual pruning: fast while much is redundant, slow near the end.
///
/// With s_f the final and s_i the initial sparsity, at step t of n (equation 1 of the paper):
/// `s_t = s_f + (s_i - s_f)(1 - t/n)^3`. The value is `s_t / s_f`, and `initial` is `s_i / s_f`.
public struct Cubic: SparsitySchedule {
  public static let entry = Entry(
    name: "cubic", summary: "Gradual pruning: the rest shrinks with the third power of the time left",
    reference: "Zhu and Gupta 2017, \"To Prune, or Not to Prune\", equation 1",
    parameters: [
      .number("initial", default: 0, in: 0...1, doc: "Share of the final sparsity that holds at step 0"),
      .number("exponent", default: 3, in: 0.1...10, doc: "Power of the time left"),
    ])
  private let initial: Double
  private let exponent: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    initial = try arguments.number("initial")
    exponent = try arguments.number("exponent")
  }

  /// `1 + (initial - 1)(1 - step / total)^exponent`; 1 without steps.
  public func value(step: Int, total: Int) throws -> Double {
    guard total > 0 else { return 1 }
    let left = 1 - Double(min(max(step, 0), total)) / Double(total)
    return 1 + (initial - 1) * pow(left, exponent)
  }
}
