import Support
import Tensor

/// The largest element of each window and, as a second output, its position in the whole input.
struct MaxPoolOperator: PoolOperator {
  static let name = "MaxPool"
  var precision: PrecisionPolicy { .follows }
  var givesIndices: Bool { true }

  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> [Tensor] {
    guard node.outputs.count > 1 else {
      return [try x.maxPool(
        kernel: window.kernel, strides: window.strides, padding: padding, dilations: window.dilations,
        ceil: window.isCeil)]
    }
    guard try node.int("storage_order", default: 0) == 0 else {
      throw node.failure(.unsupported, "positions in column-major order", argument: "storage_order", expected: "0")
    }
    let (y, positions) = try x.maxPoolWithIndices(
      kernel: window.kernel, strides: window.strides, padding: padding, dilations: window.dilations, ceil: window.isCeil)
    // ONNX counts through samples and channels.
    let plane = try Shape(Array(x.shape[2...])).count, planes = x.shape[0] * x.shape[1]
    let offsets = try Tensor.arange(count: planes, step: Double(plane), dtype: .f64).converted(to: .i64)
    let lead = try Shape([x.shape[0], x.shape[1]] + Array(repeating: 1, count: x.rank - 2))
    return [y, try positions + offsets.reshaped(lead)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MaxPoolOperator.self) }
