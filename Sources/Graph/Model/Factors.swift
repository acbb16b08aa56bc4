import Support
import Tensor

extension Model {
  /// The weight that a row of factors `origin.0`, `origin.1`, ... stands for, or nil when there is no such row.
  func factorProduct(of origin: String) throws -> Tensor? {
    let factors = nodes.filter { $0.origin == origin && ["Conv", "Gemm", "MatMul"].contains($0.op) }
    guard let first = factors.first else { return nil }
    var product = try kernel(of: first)
    var stride = try first.ints("strides", default: [1, 1])
    for node in factors.dropFirst() {
      product = try composed(product, kernel(of: node), spacing: stride, dilation: node.ints("dilations", default: [1, 1]))
      stride = try zip(stride, node.ints("strides", default: [1, 1])).map { $0 * $1 }
    }
    return product
  }

  /// The weight of one linear factor, dense over groups: `[out, in]` or `[out, in, kh, kw]`.
  private func kernel(of node: Node) throws -> Tensor {
    guard let name = node.input(1), let parameter = parameters[name] else {
      throw node.failure(.unsupported, "a factor whose weight is computed has no fixed product")
    }
    let weight = try parameter.value.dense()
    switch node.op {
    case "Conv":
      let groups = try node.int("group", default: 1)
      guard groups > 1 else { return weight }
      let out = weight.shape[0] / groups, width = weight.shape[1]
      let blocks = try (0..<groups).map { group -> Tensor in
        let rows = try weight.slice(axis: 0, from: group * out, to: (group + 1) * out)
        let tail = Array(weight.shape.dimensions.dropFirst(2))
        let before = try Tensor.zeros(Shape([out, group * width] + tail), weight.dtype)
        let after = try Tensor.zeros(Shape([out, (groups - 1 - group) * width] + tail), weight.dtype)
        return try Tensor.concat([before, rows, after].filter { $0.count > 0 }, axis: 1)
      }
      return try Tensor.concat(blocks, axis: 0)
    case "Gemm": return try node.flag("transB") ? weight : weight.transposed(0, 1)
    default: return try weight.transposed(0, 1)
    }
  }

  /// The kernel of `second` after `first`: entries of `second` lie `spacing` positions of the input apart.
  private func composed(_ first: Tensor, _ second: Tensor, spacing: [Int], dilation: [Int]) throws -> Tensor {
    if first.rank == 2 { return try second.matmul(first) }
    let (middle, inputs) = (first.shape[0], first.shape[1]), (h, w) = (first.shape[2], first.shape[3])
    let out = second.shape[0], stepY = spacing[0] * dilation[0], stepX = spacing[1] * dilation[1]
    let height = (second.shape[2] - 1) * stepY + h, width = (second.shape[3] - 1) * stepX + w
    let columns = try first.reshaped(Shape([middle, inputs * h * w]))
    var product = try Tensor.zeros(Shape([out, inputs, height, width]), first.dtype)
    for y in 0..<second.shape[2] {
      for x in 0..<second.shape[3] {
        let part = try second.select(axis: 2, index: y).select(axis: 2, index: x).matmul(columns)
          .reshaped(Shape([out, inputs, h, w]))
        let top = y * stepY, left = x * stepX
        product = try product + part.padded(
          [0, 0, top, left, 0, 0, height - h - top, width - w - left])
      }
    }
    return product
  }
}
