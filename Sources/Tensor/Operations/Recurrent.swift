import Support

/// How `Tensor.lstm`, `gru` and `rnn` run over a sequence: the attributes of ONNX's recurrent operators.
public struct Recurrence: Sendable {
  /// In which order steps are read, under ONNX's names. `bidirectional` has both, forward first, on an axis of their own.
  public enum Direction: String, Sendable, CaseIterable {
    case forward, reverse, bidirectional
  }

  /// A function of a gate, under ONNX's name, with its two constants.
  public struct Activation: Sendable, Hashable {
    /// ONNX's, in its spelling.
    public let name: String
    /// The constants, ONNX's defaults where none are given; without effect in an activation that takes fewer.
    public let alpha: Double, beta: Double

    private static let defaults: [String: (alpha: Double, beta: Double)] = [
      "Relu": (0, 0), "Tanh": (0, 0), "Sigmoid": (0, 0), "Softsign": (0, 0), "Softplus": (0, 0), "Affine": (1, 0),
      "LeakyRelu": (0.01, 0), "ThresholdedRelu": (1, 0), "ScaledTanh": (1, 1), "HardSigmoid": (0.2, 0.5), "Elu": (1, 0),
    ]
    /// How many constants an activation takes.
    private static let constants: [String: Int] = [
      "Affine": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "ScaledTanh": 2, "HardSigmoid": 2, "Elu": 1,
    ]

    /// - Parameter name: ONNX's; upper and lower case are one.
    /// - Throws: `argument` naming an unknown activation.
    public init(_ name: String, alpha: Double? = nil, beta: Double? = nil) throws {
      guard let known = Self.defaults.first(where: { $0.key.lowercased() == name.lowercased() }) else {
        throw PareError(
          .argument, "unknown activation '\(name)'", argument: "activations",
          expected: Self.defaults.keys.sorted().joined(separator: ", "),
          suggestion: Suggestion.didYouMean(name, among: Array(Self.defaults.keys)))
      }
      (self.name, self.alpha, self.beta) = (known.key, alpha ?? known.value.alpha, beta ?? known.value.beta)
    }

    /// Hands out the two lists of constants to those activations that take some, in order, as ONNX does.
    public static func list(_ names: [String], alphas: [Double] = [], betas: [Double] = []) throws -> [Activation] {
      var (alphas, betas) = (alphas[...], betas[...])
      return try names.map { name in
        let plain = try Activation(name), count = constants[plain.name] ?? 0
        return try Activation(name, alpha: count > 0 ? alphas.popFirst() : nil, beta: count > 1 ? betas.popFirst() : nil)
      }
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      switch name {
      case "Relu": return try x.relu()
      case "Tanh": return try x.tanh()
      case "Sigmoid": return try x.sigmoid()
      case "Softsign": return try x / (x.abs() + 1)
      case "Softplus": return try x.relu() + ((-x.abs()).exp() + 1).log()
      case "Affine": return try x * alpha + beta
      case "LeakyRelu": return try Tensor.where(x.lt(0), x * alpha, x)
      case "ThresholdedRelu": return try Tensor.where(x.gt(alpha), x, Tensor.scalar(0, x.dtype))
      case "ScaledTanh": return try (x * beta).tanh() * alpha
      case "HardSigmoid": return try (x * alpha + beta).clip(min: 0, max: 1)
      default: return try Tensor.where(x.lt(0), (x.minimum(0).exp() - 1) * alpha, x)
      }
    }
  }

  /// The order of the steps; D is 2 when it is `bidirectional`, else 1.
  public var direction: Direction
  /// For each direction: LSTM three (gates, cell, hidden), GRU two (gates, hidden), RNN one. Empty is the default.
  public var activations: [Activation]
  /// Limits what activations see to -clip...clip.
  public var clip: Double?
  /// ONNX's layout 1: the batch is the first axis of inputs, outputs and states.
  public var batchFirst: Bool
  /// LSTM: the forget gate is one minus the input gate.
  public var inputForget: Bool
  /// GRU: the reset gate acts on the product instead of on the state; PyTorch's form.
  public var linearBeforeReset: Bool

  /// The defaults are those of ONNX's LSTM, GRU and RNN.
  public init(
    _ direction: Direction = .forward, activations: [Activation] = [], clip: Double? = nil, batchFirst: Bool = false,
    inputForget: Bool = false, linearBeforeReset: Bool = false
  ) {
    self.direction = direction
    self.activations = activations
    self.clip = clip
    self.batchFirst = batchFirst
    self.inputForget = inputForget
    self.linearBeforeReset = linearBeforeReset
  }
}

/// Recurrent layers with ONNX's semantics. In shapes: T steps, B sequences, D directions, I inputs, H hidden units.
extension Tensor {
  /// A long short-term memory (Hochreiter and Schmidhuber 1997; peepholes: Gers 2000).
  ///
  /// - Shapes: x [T, B, I]; w [D, 4H, I] and r [D, 4H, H], gates in the order i, o, f, c; b [D, 8H], the inputs' then the
  ///   states'; lengths [B] of integers; initial states [D, B, H]; p [D, 3H] in the order i, o, f.
  /// - Parameter lengths: how many steps of each sequence count; behind them results are 0 and states stay.
  /// - Returns: y [T, D, B, H], the last hidden state [D, B, H], the last cell state [D, B, H].
  public func lstm(
    w: Tensor, r: Tensor, b: Tensor? = nil, lengths: Tensor? = nil, initialH: Tensor? = nil, initialC: Tensor? = nil,
    p: Tensor? = nil, _ recurrence: Recurrence = Recurrence()
  ) throws -> (y: Tensor, h: Tensor, c: Tensor) {
    let result = try recurrent("lstm", gates: 4, w, r, b, lengths, [initialH, initialC], recurrence, ["Sigmoid", "Tanh", "Tanh"]) { cell in
      let H = cell.hidden
      var peep: [Tensor] = []
      if let p {
        guard p.shape == Shape(unchecked: [cell.directions, 3 * H]), p.dtype == cell.r.dtype else {
          throw PareError(.shape, "[lstm] p \(p.shape) \(p.dtype)", argument: "p", expected: "[\(cell.directions), \(3 * H)] \(cell.r.dtype)", op: "lstm")
        }
        peep = try p.select(axis: 0, index: cell.direction).split(axis: 0, sizes: [H, H, H])
      }
      let rT = try cell.r.transposed()
      let constant = try cell.bias.map { try $0.input + $0.state }
      let (f, g, h) = (cell.activations[0], cell.activations[1], cell.activations[2])
      return { x, states in
        let c = states[1]
        var gates = try x + states[0].matmul(rT)
        if let constant { gates = try gates + constant }
        let part = try gates.split(axis: -1, sizes: [H, H, H, H])
        func gate(_ i: Int, _ peephole: Int, _ c: Tensor) throws -> Tensor {
          try f(cell.clipped(peep.isEmpty ? part[i] : part[i] + peep[peephole] * c))
        }
        let i = try gate(0, 0, c)
        let forget = try recurrence.inputForget ? 1 - i : gate(2, 2, c)
        let next = try forget * c + i * g(cell.clipped(part[3]))
        let o = try gate(1, 1, next)
        return [try o * h(next), next]
      }
    }
    return (result.y, result.states[0], result.states[1])
  }

  /// A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078).
  ///
  /// - Shapes: x [T, B, I]; w [D, 3H, I] and r [D, 3H, H], gates in the order z, r, h; b [D, 6H], the inputs' then the
  ///   states'; lengths [B]; initialH [D, B, H].
  /// - Returns: y [T, D, B, H] and the last state [D, B, H].
  public func gru(
    w: Tensor, r: Tensor, b: Tensor? = nil, lengths: Tensor? = nil, initialH: Tensor? = nil,
    _ recurrence: Recurrence = Recurrence()
  ) throws -> (y: Tensor, h: Tensor) {
    let result = try recurrent("gru", gates: 3, w, r, b, lengths, [initialH], recurrence, ["Sigmoid", "Tanh"]) { cell in
      let H = cell.hidden
      let (f, g) = (cell.activations[0], cell.activations[1])
      let before = recurrence.linearBeforeReset
      // Before the reset one product serves all gates; after it the candidate needs its own.
      let rT = try (before ? cell.r : cell.r.narrowed(axis: 0, start: 0, length: 2 * H)).transposed()
      let candidate = try cell.r.narrowed(axis: 0, start: 2 * H, length: H).transposed()
      let rb = try cell.bias?.state.split(axis: 0, sizes: [2 * H, H])
      return { x, states in
        let h = states[0]
        let fromInput = try cell.bias.map { try x + $0.input } ?? x
        let inputs = try fromInput.split(axis: -1, sizes: [2 * H, H])
        let product = try h.matmul(rT)
        let products = before ? try product.split(axis: -1, sizes: [2 * H, H]) : [product]
        var gates = try inputs[0] + products[0]
        if let rb { gates = try gates + rb[0] }
        let zr = try f(cell.clipped(gates)).split(axis: -1, sizes: [H, H])
        var state = try before ? products[1] : (zr[1] * h).matmul(candidate)
        if let rb { state = try state + rb[1] }
        if before { state = try zr[1] * state }
        let new = try g(cell.clipped(inputs[1] + state))
        return [try (1 - zr[0]) * new + zr[0] * h]
      }
    }
    return (result.y, result.states[0])
  }

  /// A simple recurrent layer: h' = f(W x + R h + b).
  ///
  /// - Shapes: x [T, B, I]; w [D, H, I], r [D, H, H], b [D, 2H], the inputs' then the states'; lengths [B]; initialH [D, B, H].
  /// - Returns: y [T, D, B, H] and the last state [D, B, H].
  public func rnn(
    w: Tensor, r: Tensor, b: Tensor? = nil, lengths: Tensor? = nil, initialH: Tensor? = nil,
    _ recurrence: Recurrence = Recurrence()
  ) throws -> (y: Tensor, h: Tensor) {
    let result = try recurrent("rnn", gates: 1, w, r, b, lengths, [initialH], recurrence, ["Tanh"]) { cell in
      let rT = try cell.r.transposed()
      let constant = try cell.bias.map { try $0.input + $0.state }
      return { x, states in
        var next = try x + states[0].matmul(rT)
        if let constant { next = try next + constant }
        return [try cell.activations[0](cell.clipped(next))]
      }
    }
    return (result.y, result.states[0])
  }

  /// Reorders the gates of PyTorch's weights or biases (`weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, gates on axis 0) to
  /// ONNX's order or back: LSTM i, f, g, o to i, o, f, c; GRU r, z, n to z, r, h. PyTorch's GRU is `linearBeforeReset`.
  /// - Parameter gates: 4 for LSTM, 3 for GRU, 1 for RNN, which stays.
  public func reorderedGates(_ gates: Int, toTorch: Bool = false) throws -> Tensor {
    let orders: [Int: [Int]] = [1: [0], 3: [1, 0, 2], 4: toTorch ? [0, 2, 3, 1] : [0, 3, 1, 2]]
    guard let order = orders[gates], rank >= 1, shape.dims[0] % gates == 0 else {
      throw PareError(
        .argument, "[reorderedGates] \(gates) gates of shape \(shape)", argument: "gates",
        expected: "4 (LSTM), 3 (GRU) or 1 (RNN), which divide axis 0", op: "reorderedGates")
    }
    let parts = try split(axis: 0, sizes: Array(repeating: shape.dims[0] / gates, count: gates))
    return try Tensor.concat(order.map { parts[$0] }, axis: 0)
  }

  // MARK: What the three share

  /// One direction of a layer: its parameters and settings.
  private struct Cell {
    let direction: Int, directions: Int, hidden: Int
    let r: Tensor
    /// Biases of the inputs and of the states.
    let bias: (input: Tensor, state: Tensor)?
    let activations: [Recurrence.Activation]
    let clip: Double?

    func clipped(_ x: Tensor) throws -> Tensor { try clip.map { try x.clip(min: -$0, max: $0) } ?? x }
  }

  /// Checks shapes, multiplies the inputs of all steps at once, and runs `cell` over the steps of each direction.
  private func recurrent(
    _ op: String, gates: Int, _ w: Tensor, _ r: Tensor, _ b: Tensor?, _ lengths: Tensor?, _ initial: [Tensor?],
    _ recurrence: Recurrence, _ defaults: [String],
    _ cell: (Cell) throws -> (_ x: Tensor, _ states: [Tensor]) throws -> [Tensor]
  ) throws -> (y: Tensor, states: [Tensor]) {
    let directions = recurrence.direction == .bidirectional ? 2 : 1
    guard rank == 3, w.rank == 3, r.rank == 3 else {
      throw PareError(.shape, "[\(op)] input \(shape), w \(w.shape), r \(r.shape)", expected: "three axes each", op: op)
    }
    let x = try recurrence.batchFirst ? transposed(0, 1) : self
    let (steps, batch, inputs, hidden) = (x.shape.dims[0], x.shape.dims[1], x.shape.dims[2], r.shape.dims[2])
    func check(_ t: Tensor?, _ name: String, _ sizes: [Int]) throws {
      guard let t else { return }
      guard t.shape == Shape(unchecked: sizes) else {
        throw PareError(.shape, "[\(op)] \(name) \(t.shape)", argument: name, expected: "\(sizes)", op: op)
      }
      guard t.dtype == dtype, dtype.isFloating else {
        throw PareError(.dtype, "[\(op)] \(name) \(t.dtype), input \(dtype)", argument: name, expected: "one float type", op: op)
      }
    }
    try check(w, "w", [directions, gates * hidden, inputs])
    try check(r, "r", [directions, gates * hidden, hidden])
    try check(b, "b", [directions, 2 * gates * hidden])
    for (state, name) in zip(initial, ["initialH", "initialC"]) {
      try check(state, name, recurrence.batchFirst ? [batch, directions, hidden] : [directions, batch, hidden])
    }
    guard steps > 0, batch > 0, hidden > 0 else {
      throw PareError(.shape, "[\(op)] input \(shape)", expected: "at least one step, one sequence and one unit", op: op)
    }
    var counts: [Int]?
    if let lengths {
      guard lengths.rank == 1, lengths.count == batch, lengths.dtype.isInteger else {
        throw PareError(.shape, "[\(op)] lengths \(lengths.shape) \(lengths.dtype)", argument: "lengths", expected: "[\(batch)] of integers", op: op)
      }
      let values = try lengths.values(as: Int.self)
      if let wrong = values.first(where: { $0 < 0 || $0 > steps }) {
        throw PareError(.argument, "[\(op)] a length of \(wrong)", argument: "lengths", expected: "0...\(steps)", op: op)
      }
      if values.contains(where: { $0 < steps }) { counts = values }
    }
    let chosen = try recurrence.activations.isEmpty
      ? Array(repeating: defaults, count: directions).joined().map { try Recurrence.Activation($0) } : recurrence.activations
    guard chosen.count == directions * defaults.count else {
      throw PareError(.argument, "[\(op)] \(chosen.count) activations", argument: "activations", expected: "\(directions * defaults.count)", op: op)
    }

    let flat = try x.reshaped(Shape([steps * batch, inputs]))
    var (outputs, last): ([Tensor], [[Tensor]]) = ([], [])
    for direction in 0..<directions {
      let biases = try b?.select(axis: 0, index: direction).split(axis: 0, sizes: [gates * hidden, gates * hidden])
      let step = try cell(Cell(
        direction: direction, directions: directions, hidden: hidden, r: r.select(axis: 0, index: direction),
        bias: biases.map { ($0[0], $0[1]) },
        activations: Array(chosen[(direction * defaults.count)..<((direction + 1) * defaults.count)]), clip: recurrence.clip))
      let products = try flat.matmul(w.select(axis: 0, index: direction).transposed())
        .reshaped(Shape([steps, batch, gates * hidden])).steps()
      var states = try initial.map { state in
        guard let state else { return try Tensor.zeros(Shape([batch, hidden]), dtype) }
        return try state.select(axis: recurrence.batchFirst ? 1 : 0, index: direction)
      }
      var results: [Tensor?] = Array(repeating: nil, count: steps)
      let backwards = recurrence.direction == .reverse || direction == 1
      for t in backwards ? Array((0..<steps).reversed()) : Array(0..<steps) {
        try Interrupt.check()
        let next = try step(products[t], states)
        if let counts {
          // Beyond its length a sequence keeps its states and gives 0.
          let live = try Tensor(counts.map { $0 > t }, shape: Shape([batch, 1]))
          states = try zip(next, states).map { try Tensor.where(live, $0, $1) }
          results[t] = try Tensor.where(live, next[0], Tensor.scalar(0, dtype))
        } else {
          states = next
          results[t] = next[0]
        }
      }
      outputs.append(try Tensor.stack(results.compactMap { $0 }, axis: 0))
      last.append(states)
    }
    let y = try Tensor.stack(outputs, axis: recurrence.batchFirst ? 2 : 1)
    return (
      try recurrence.batchFirst ? y.transposed(0, 1) : y,
      try initial.indices.map { i in try Tensor.stack(last.map { $0[i] }, axis: recurrence.batchFirst ? 1 : 0) }
    )
  }

  /// The slices along axis 0, without it. Halves are halved again: a slice's gradient is as large as what it was taken
  /// from, so that n slices of the whole would cost n times the whole.
  private func steps() throws -> [Tensor] {
    let n = shape.dims[0]
    if n == 1 { return [try squeezed(0)] }
    let parts = try split(axis: 0, sizes: [n / 2, n - n / 2])
    return try parts[0].steps() + parts[1].steps()
  }
}
