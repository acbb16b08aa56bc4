import Support
import Tensor

/// Normalization of groups of channels of `[N, C, spatial..]`: mean 0 and deviation 1 over each group's channels and positions.
extension Tensor {
  func groupNormalized(_ groups: Int, epsilon: Double, _ node: Node) throws -> Tensor {
    guard rank >= 2, groups >= 1, shape[1] % groups == 0 else {
      throw node.failure(.shape, "input \(shape) in \(groups) groups", expected: "[N, a multiple of \(Swift.max(groups, 1)), ..]")
    }
    let flat = try reshaped(Shape([shape[0], groups, shape[1] / groups * Shape(Array(shape[2...])).count]))
    let centred = try flat - flat.mean(axes: [2], keepDims: true)
    let inverse = try (centred.square().mean(axes: [2], keepDims: true) + epsilon).rsqrt()
    return try (centred * inverse).reshaped(shape)
  }

  /// A value for each channel, shaped to spread over `[N, C, spatial..]`.
  func perChannel(rank: Int) throws -> Tensor { try reshaped(Shape([count] + Array(repeating: 1, count: Swift.max(0, rank - 2)))) }
}

/// Checks `[C]` parameters of inputs 1 and 2.
func checkChannels(_ node: Node, _ inputs: [ValueType?], _ shape: [Dimension], _ count: Int?) throws {
  guard shape.count >= 2 else { throw node.failure(.shape, "input", expected: "[N, C, ..]", got: "\(shape)") }
  for index in 1...2 {
    if let sizes = try inputs.required(index, node).shape, let count, sizes != [.fixed(count)] {
      throw node.failure(.shape, "input \(index)", expected: "[\(count)]", got: "\(sizes)")
    }
  }
}
