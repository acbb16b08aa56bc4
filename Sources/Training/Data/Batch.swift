import Support
import Tensor

/// A few samples: what a network is given, and what it should say.
public struct Batch: Sendable {
  /// The inputs `[N, ...]`, images as f32 `[N, C, H, W]`.
  public var x: Tensor
  /// The targets: class labels i64 `[N]`, or values `[N, ...]` for a regression.
  public var y: Tensor

  public init(x: Tensor, y: Tensor) {
    self.x = x
    self.y = y
  }

  /// The number of samples.
  public var count: Int { x.shape.dimensions.first ?? 0 }

  /// Returns the class labels as i64 `[N]`; whole numbers of another type are converted.
  ///
  /// - Throws: `PareError.argument` if `y` is not one whole number for each sample.
  public func labels() throws -> Tensor {
    guard y.rank == 1, y.count == count else {
      throw PareError(
        .shape, "labels", argument: "y", expected: "one class for each of the \(count) samples",
        got: "shape \(y.shape.dimensions)")
    }
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

  /// Whether `y` holds class labels for `outputs`: one whole number for each row of class scores.
  func isClassification(outputs: Tensor) throws -> Bool {
    guard outputs.rank == 2, outputs.shape[0] == count, outputs.shape[1] > 1, y.rank == 1, y.count == count else {
      return false
    }
    return try !y.dtype.isFloating || y.scalars().allSatisfy { $0 == $0.rounded() }
  }
}
