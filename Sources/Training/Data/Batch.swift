import Support
import Tensor

/// A few samples: what a network is given, and what it should say.
public struct Batch: Sendable {
  /// The inputs `[N, ...]`, images as f32 `[N, C, H, W]`.
  public var x: Tensor
  /// The targets: class labels i64 `[N]` (one for each pixel: `[N, H, W]`), or values `[N, ...]` for a regression.
  public var y: Tensor
  /// The share of each class f32 `[N, classes]`, where samples were mixed; `y` is then the class of the largest share.
  public var shares: Tensor?

  /// A batch of these tensors as they are; sizes are not checked.
  public init(x: Tensor, y: Tensor, shares: Tensor? = nil) {
    self.x = x
    self.y = y
    self.shares = shares
  }

  /// What a loss compares outputs with: the shares where samples were mixed, else `y`.
  public var targets: Tensor { shares ?? y }

  /// The number of samples.
  public var count: Int { x.shape.dimensions.first ?? 0 }

  /// Returns the class labels as i64 `[N]`; whole numbers of another type are converted.
  ///
  /// - Throws: `shape` unless `y` has one number for each sample, `argument` for one that is not whole.
  public func labels() throws -> Tensor {
    guard y.rank == 1, y.count == count else {
      throw PareError(
        .shape, "labels", argument: "y", expected: "one class for each of the \(count) samples",
        got: "shape \(y.shape.dimensions)")
    }
    return try wholeTargets()
  }

  private func wholeTargets() throws -> Tensor {
    if y.dtype == .i64 { return y }
    if y.dtype.isFloating {
      for (index, value) in try y.scalars().enumerated() where value != value.rounded() || abs(value) > 0x1p52 {
        throw PareError(
          .argument, "label of sample \(index)", argument: "y", expected: "a whole number, counted from 0",
          got: "\(value)")
      }
    }
    return try y.converted(to: .i64)
  }

  /// Whether `y` holds class labels for `outputs`: one whole number for each row of class scores `[N, C]`, or for each
  /// place of a map of them `[N, C, ...]`.
  func isClassification(outputs: Tensor) throws -> Bool {
    guard outputs.rank >= 2, outputs.shape[1] > 1, hasLabels(for: outputs) else { return false }
    return try !y.dtype.isFloating || y.scalars().allSatisfy { $0 == $0.rounded() }
  }

  private func hasLabels(for outputs: Tensor) -> Bool {
    outputs.rank >= 2 && outputs.shape[0] == count
      && y.shape.dimensions == [count] + outputs.shape.dimensions.dropFirst(2)
  }

  /// Returns class scores as rows `[M, C]` and their labels i64 `[M]`: one row for each sample, or for each place of a
  /// map `[N, C, ...]` whose labels are `[N, ...]`.
  ///
  /// - Throws: `PareError.shape` if they do not fit together, `.argument` for a label that is no whole number.
  func rows(_ outputs: Tensor) throws -> (scores: Tensor, labels: Tensor) {
    guard outputs.rank > 2 else { return (outputs, try labels()) }
    guard hasLabels(for: outputs) else {
      throw PareError(
        .shape, "labels", argument: "y", expected: "\([count] + outputs.shape.dimensions.dropFirst(2)), one class for each place",
        got: "\(y.shape.dimensions)")
    }
    let last = Array(0..<outputs.rank).filter { $0 != 1 } + [1]
    let labels = try wholeTargets().reshaped(Shape([y.count]))
    return (try outputs.permuted(last).reshaped(Shape([y.count, outputs.shape[1]])), labels)
  }
}
