import Support
import Tensor

/// Recurrent layers on `[N, T, features]`, and normalizations and activations beside batch normalization and ReLU.
extension NN {
  /// A long short-term memory on `[N, T, inputSize]`: `[N, T, directions * hiddenSize]`, all steps.
  ///
  /// Weights `weight` `[D, 4H, I]`, `recurrent_weight` `[D, 4H, H]` and `bias` `[D, 8H]` have ONNX's order of gates
  /// (i, o, f, c) and start as PyTorch's: uniform within 1/sqrt(H).
  public static func lstm(inputSize: Int, hiddenSize: Int, direction: Recurrence.Direction = .forward, name: String? = nil) throws -> Module {
    try recurrent("lstm", "LSTM", 4, inputSize, hiddenSize, direction, name)
  }

  /// A gated recurrent unit on `[N, T, inputSize]`: `[N, T, directions * hiddenSize]`; gates z, r, h, PyTorch's form.
  public static func gru(inputSize: Int, hiddenSize: Int, direction: Recurrence.Direction = .forward, name: String? = nil) throws -> Module {
    try recurrent("gru", "GRU", 3, inputSize, hiddenSize, direction, name)
  }

  /// A simple recurrent layer on `[N, T, inputSize]`: `[N, T, directions * hiddenSize]`.
  public static func rnn(inputSize: Int, hiddenSize: Int, direction: Recurrence.Direction = .forward, name: String? = nil) throws -> Module {
    try recurrent("rnn", "RNN", 1, inputSize, hiddenSize, direction, name)
  }

  private static func recurrent(
    _ constructor: String, _ op: String, _ gates: Int, _ inputs: Int, _ hidden: Int, _ direction: Recurrence.Direction, _ name: String?
  ) throws -> Module {
    try positive(constructor, ("input_size", inputs), ("hidden_size", hidden))
    let d = direction == .bidirectional ? 2 : 1
    let (rows, overflow) = hidden.multipliedReportingOverflow(by: 2 * gates)
    guard !overflow else { throw PareError(.argument, "\(constructor): hidden_size", argument: "hidden_size", expected: "a smaller number") }
    let start = Module.Initial.uniform(bound: 1 / Double(hidden).squareRoot())
    var attributes: [String: Attribute] = ["hidden_size": .int(hidden), "direction": .string(direction.rawValue)]
    if op == "GRU" { attributes["linear_before_reset"] = .int(1) }
    let layer = Module(constructor, name: name, layer: .init(
      op, attributes,
      parameters: [
        .init("weight", [d, rows / 2, inputs], start), .init("recurrent_weight", [d, rows / 2, hidden], start),
        .init("bias", [d, rows], start),
      ]))
    func part(_ suffix: String) -> String? { name.map { "\($0)_\(suffix)" } }
    // ONNX has the steps first and the directions as an axis of their own.
    let shape = try Tensor([Int64(0), 0, -1], shape: [3])
    return Module(sequence: [
      Module("transpose", name: part("steps"), layer: .init("Transpose", ["perm": .ints([1, 0, 2])])), layer,
      Module("transpose", name: part("batch"), layer: .init("Transpose", ["perm": .ints([2, 0, 1, 3])])),
      Module("reshape", name: part("joined"), layer: .init("Reshape", parameters: [.init("shape", [3], .given(shape), isTrainable: false)])),
    ])
  }

  /// Layer normalization over the last axes, whose sizes are given.
  public static func layernorm(_ sizes: [Int], epsilon: Double = 1e-5, name: String? = nil) throws -> Module {
    guard !sizes.isEmpty, sizes.allSatisfy({ $0 >= 1 }), epsilon > 0 else {
      throw PareError(.argument, "layernorm: shape \(sizes), epsilon \(epsilon)", argument: "shape", expected: "sizes from 1 and a positive epsilon")
    }
    return Module("layernorm", name: name, layer: .init(
      "LayerNormalization", ["axis": .int(-sizes.count), "epsilon": .float(epsilon)],
      parameters: [.init("weight", sizes, .constant(1)), .init("bias", sizes, .constant(0))]))
  }

  /// Normalization of groups of channels of `[N, C, ..]`.
  public static func groupnorm(groups: Int, channels: Int, epsilon: Double = 1e-5, name: String? = nil) throws -> Module {
    try positive("groupnorm", ("groups", groups), ("channels", channels))
    guard channels % groups == 0, epsilon > 0 else {
      throw PareError(.argument, "groupnorm: \(channels) channels in \(groups) groups, epsilon \(epsilon)", argument: "groups", expected: "a divisor of the channels, a positive epsilon")
    }
    return Module("groupnorm", name: name, layer: .init(
      "GroupNormalization", ["num_groups": .int(groups), "epsilon": .float(epsilon)],
      parameters: [.init("weight", [channels], .constant(1)), .init("bias", [channels], .constant(0))], opset: 21))
  }

  /// Normalization of each channel of each sample of `[N, C, ..]` over its positions.
  public static func instancenorm(channels: Int, epsilon: Double = 1e-5, name: String? = nil) throws -> Module {
    try positive("instancenorm", ("channels", channels))
    guard epsilon > 0 else { throw PareError(.argument, "instancenorm: epsilon", argument: "epsilon", expected: "a positive number", got: "\(epsilon)") }
    return Module("instancenorm", name: name, layer: .init(
      "InstanceNormalization", ["epsilon": .float(epsilon)],
      parameters: [.init("weight", [channels], .constant(1)), .init("bias", [channels], .constant(0))]))
  }

  /// x where positive, else alpha (exp(x) - 1) (Clevert 2016; ONNX Elu).
  public static func elu(alpha: Double = 1, name: String? = nil) -> Module { Module("elu", name: name, layer: .init("Elu", ["alpha": .float(alpha)])) }
  /// The scaled exponential linear unit (Klambauer 2017; ONNX Selu), with the published constants.
  public static func selu(name: String? = nil) -> Module { Module("selu", name: name, layer: .init("Selu")) }
  /// log(1 + exp(x)) (ONNX Softplus).
  public static func softplus(name: String? = nil) -> Module { Module("softplus", name: name, layer: .init("Softplus")) }
  /// x / (1 + |x|) (ONNX Softsign).
  public static func softsign(name: String? = nil) -> Module { Module("softsign", name: name, layer: .init("Softsign")) }
  /// x tanh(log(1 + exp(x))) (Misra 2019; ONNX Mish, from opset 18).
  public static func mish(name: String? = nil) -> Module { Module("mish", name: name, layer: .init("Mish", opset: 18)) }

  /// x where positive, else a learned slope times x: one slope for each channel of `[N, C, spatial..]`.
  /// - Parameter axes: how many spatial axes follow the channels.
  public static func prelu(channels: Int, axes: Int = 2, slope: Double = 0.25, name: String? = nil) throws -> Module {
    try positive("prelu", ("channels", channels))
    guard (0...3).contains(axes) else { throw PareError(.argument, "prelu: axes", argument: "axes", expected: "0...3", got: "\(axes)") }
    return Module("prelu", name: name, layer: .init(
      "PRelu", parameters: [.init("weight", [channels] + Array(repeating: 1, count: axes), .constant(slope))]))
  }
}
