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
    var (y, positions) = try x.maxPoolWithIndices(
      kernel: window.kernel, strides: window.strides, padding: padding, dilations: window.dilations, ceil: window.isCeil)
    if try node.flag("storage_order") {
      // Column-major: the first spatial axis runs fastest.
      let sizes = Array(x.shape[2...])
      var rest = positions, columnMajor = try Tensor.zeros(positions.shape, .i64)
      for axis in sizes.indices.reversed() {
        let stride = sizes[..<axis].reduce(1, *)
        columnMajor = try columnMajor + rest.mod(Double(sizes[axis])) * Double(stride)
        rest = try rest.floorDivide(Double(sizes[axis]))
      }
      positions = columnMajor
    }
    // ONNX counts through samples and channels.
    let plane = try Shape(Array(x.shape[2...])).count, planes = x.shape[0] * x.shape[1]
    let offsets = try Tensor.arange(count: planes, step: Double(plane), dtype: .f64).converted(to: .i64)
    let lead = try Shape([x.shape[0], x.shape[1]] + Array(repeating: 1, count: x.rank - 2))
    return [y, try positions + offsets.reshaped(lead)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MaxPoolOperator.self) }
