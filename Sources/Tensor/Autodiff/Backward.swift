import Support

extension Tensor {
  /// Computes the gradients of this result with respect to every tracked leaf that it depends on.
  ///
  /// The order of accumulation is that of the operations' creation, reversed: the same program gives the same bits.
  /// - Parameters:
  ///   - seed: the gradient of the result, of its shape; 1 when absent, for which the result must have one element.
  ///   - createGraph: records the pass too, so that the gradients are tracked and can be differentiated again.
  ///   - retainGraph: keeps the history, so that it can be gone through again; a recorded pass always does. Otherwise what
  ///     the forward pass kept for an operation is freed as soon as its gradient is there, which halves the peak of a
  ///     training step; the caller must be the only one to use this history, and a second pass throws `argument`.
  /// - Throws: `argument` if nothing is tracked or the seed is missing, `shape`, `dtype`, `interrupted`; `unsupported` if
  ///   with `createGraph` one of the operations has no second derivative here.
  public func backward(seed: Tensor? = nil, createGraph: Bool = false, retainGraph: Bool = true) throws -> Gradients {
    guard let root = node else {
      throw PareError(.argument, "[backward] the tensor depends on no tracked leaf", suggestion: "call tracked() on the leaves, in Lua x:requires_grad()")
    }
    guard dtype.isFloating else { throw PareError(.dtype, "[backward] \(dtype) has no gradient", expected: "a float", op: "backward") }
    let start: Tensor
    if let seed {
      guard seed.shape == shape else {
        throw PareError(.shape, "[backward] the seed's shape differs", argument: "seed", expected: "\(shape)", got: "\(seed.shape)")
      }
      start = try (createGraph ? seed : seed.detached()).converted(to: dtype)
    } else {
      guard count == 1 else {
        throw PareError(
          .shape, "[backward] a result of shape \(shape) needs a seed", argument: "seed", expected: "one element",
          suggestion: "reduce it with sum() or mean()")
      }
      start = try Tensor.ones(shape, dtype)
    }
    if createGraph { return try Tensor.withGradient { () throws -> Gradients in try Tensor.pull(root, start, recording: true) } }
    return try Tensor.withoutGradient { () throws -> Gradients in
      try Tensor.pull(root, start, recording: false, releasing: !retainGraph)
    }
  }

  private static func pull(_ root: TapeNode, _ start: Tensor, recording: Bool, releasing: Bool = false) throws -> Gradients {
    var arrived: [UInt64: ArrivedGradient] = [:]
    try arrived[root.id, default: .init()].add(start, at: nil)
    var leaves = Gradients()
    for node in history(of: root) {
      guard let gradient = try arrived.removeValue(forKey: node.id)?.total(node.shape) else { continue }
      guard let pull = node.pull else {
        leaves.values[node.id] = gradient
        continue
      }
      try Interrupt.check()
      guard node.isRepeatable || !recording else {
        throw PareError(
          .unsupported, "[\(node.op)] its gradient cannot be differentiated again",
          suggestion: "hessianVectorProduct(..., method: .differences) needs first derivatives only", op: "\(node.op)")
      }
      var pullback = Pullback(node, createsGraph: recording)
      try pull(gradient, &pullback)
      if releasing { node.release() }
      for (input, part, place) in pullback.gradients {
        guard place != nil || part.shape == input.shape, part.dtype == input.dtype else {
          throw PareError(
            .shape, "[\(node.op)] the gradient of an input has the wrong shape or dtype",
            expected: "\(input.shape) \(input.dtype)", got: "\(part.shape) \(part.dtype)", op: "\(node.op)")
        }
        try arrived[input.id, default: .init()].add(recording ? part : part.detached(), at: place)
      }
    }
    return leaves
  }

  /// All nodes that `root` depends on, latest first.
  private static func history(of root: TapeNode) -> [TapeNode] {
    var seen: Set<UInt64> = [root.id]
    var nodes = [root]
    var next = 0
    while next < nodes.count {
      for case let input? in nodes[next].inputs where seen.insert(input.id).inserted { nodes.append(input) }
      next += 1
    }
    nodes.sort { $0.id > $1.id }
    return nodes
  }

  /// Runs an operation with a gradient of its own.
  ///
  /// `forward` sees the inputs untracked and nothing of it is recorded. In the backward pass `gradient` gets the gradient
  /// of the output, the inputs and the output, and returns one gradient for each input, of its shape and dtype, nil for none.
  /// Where a backward pass is recorded, that is what `gradient` does with them.
  public static func custom(
    inputs: [Tensor], forward: ([Tensor]) throws -> Tensor,
    gradient: @escaping @Sendable (_ g: Tensor, _ inputs: [Tensor], _ output: Tensor) throws -> [Tensor?]
  ) throws -> Tensor {
    let plain = inputs.map { $0.detached() }
    let output = try withoutGradient { () throws -> Tensor in try forward(plain).detached() }
    guard inputs.contains(where: { $0.records }) else { return output }
    return output.recorded("custom", from: inputs, repeatable: true) { g, pullback in
      let kept = plain.enumerated().map { pullback.input($0.offset, $0.element) }
      let gradients = try gradient(g, kept, pullback.output(output))
      guard gradients.count == plain.count else {
        throw PareError(
          .argument, "[custom] gradient returned the wrong number of gradients", expected: "\(plain.count), one for each input",
          got: "\(gradients.count)", op: "custom")
      }
      for (i, part) in gradients.enumerated() {
        if let part { try pullback.add(i, part.converted(to: plain[i].dtype)) }
      }
    }
  }

  /// Returns `value` in the forward pass and hands the gradient to `x` unchanged: the straight-through estimator
  /// (Bengio et al. 2013, arXiv:1308.3432).
  /// - Throws: `shape` if the two differ.
  public static func straightThrough(_ value: Tensor, of x: Tensor) throws -> Tensor {
    guard value.shape == x.shape else {
      throw PareError(.shape, "[straightThrough] the value's shape differs", expected: "\(x.shape)", got: "\(value.shape)", op: "straightThrough")
    }
    let value = try value.detached().converted(to: x.dtype)
    guard x.records else { return value }
    return value.recorded("straightThrough", x, repeatable: true) { g, pullback in pullback.add(0, g) }
  }
}
