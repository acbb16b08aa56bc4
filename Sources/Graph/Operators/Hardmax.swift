import Tensor

/// 1 at the first largest element along an axis, 0 elsewhere; the axis as in Softmax.
struct HardmaxOperator: SoftmaxLike {
  static let name = "Hardmax"

  func apply(_ x: Tensor, axis: Int) throws -> Tensor {
    let sizes = (0..<x.rank).map { $0 == axis ? x.shape[axis] : 1 }
    let places = try Tensor.arange(count: x.shape[axis], dtype: .f64).converted(to: .i64).reshaped(sizes)
    return try x.detached().argmax(axis: axis, keepDims: true).eq(places).converted(to: x.dtype)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(HardmaxOperator.self) }
