import Support

extension Tensor {
  /// Runs `body` without keeping what its backward pass will need, which computes it again: memory for time (Chen et al.
  /// 2016, arXiv:1604.06174).
  ///
  /// The second run sees the same inputs, and as random numbers depend on their seeds alone, the same numbers; so values
  /// and gradients have the bits that they would have without it.
  /// - Parameters:
  ///   - inputs: everything that `body` is to be differentiated by.
  ///   - body: a function of the inputs alone.
  /// - Throws: in the backward pass, `argument` if `body` used a tracked tensor that is not among the inputs, whose
  ///   gradient would be lost; `unsupported` in a recorded one.
  public static func checkpoint(
    _ inputs: Tensor..., body: @escaping @Sendable ([Tensor]) throws -> Tensor
  ) throws -> Tensor { try checkpoint(inputs, body: body) }

  /// Runs `body` on a list of inputs without keeping what its backward pass will need.
  public static func checkpoint(
    _ inputs: [Tensor], body: @escaping @Sendable ([Tensor]) throws -> Tensor
  ) throws -> Tensor {
    let plain = inputs.map { $0.detached() }
    let output = try withoutGradient { () throws -> Tensor in try body(plain).detached() }
    guard inputs.contains(where: { $0.records }) else { return output }
    let tracked = inputs.map { $0.isTracked }
    let (shape, dtype) = (output.shape, output.dtype)
    return output.recorded("checkpoint", from: inputs) { g, pullback in
      let leaves = zip(plain, tracked).map { $1 ? $0.tracked() : $0 }
      let again = try Tensor.withGradient { () throws -> Tensor in try body(leaves) }
      guard again.shape == shape, again.dtype == dtype else {
        throw PareError(
          .shape, "[checkpoint] the second run gave another result", expected: "\(shape) \(dtype)",
          got: "\(again.shape) \(again.dtype)", op: "checkpoint")
      }
      // Nothing that was tracked took part in the result.
      guard again.isTracked else { return }
      let gradients = try again.backward(seed: g)
      guard gradients.count == leaves.filter({ gradients[$0] != nil }).count else {
        throw PareError(
          .argument, "[checkpoint] the body uses a tracked tensor that is not among its inputs", argument: "inputs",
          suggestion: "hand it in as an input, or detach it", op: "checkpoint")
      }
      for (i, leaf) in leaves.enumerated() {
        if let gradient = gradients[leaf] { pullback.add(i, gradient) }
      }
    }
  }
}
