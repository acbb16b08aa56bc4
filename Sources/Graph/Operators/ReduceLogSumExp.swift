import Support
import Tensor

/// The logarithm of the sum of exponentials along axes, without overflow.
struct ReduceLogSumExpOperator: ReduceOperator {
  static let name = "ReduceLogSumExp"

  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor {
    if x.count == 0 { return try x.reducedFromNothing(axes, keeps: keeps, -.infinity) }
    // Any number may be taken out of the sum; the largest keeps every exponential at most 1.
    let top = try x.detached().max(axes: axes, keepDims: true)
    let shift = try Tensor.where(top.isFinite(), top, Tensor.scalar(0, x.dtype))
    let sum = try (x - shift).exp().sum(axes: axes, keepDims: true).log() + shift
    return try keeps ? sum : sum.reshaped(x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] })
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceLogSumExpOperator.self) }
