import Glibc
import PareKit

/// Whether each weight goes up or down is learned, so that the layer's output on the calibration data changes least.
///
/// With `h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1)`, zeta = 1.1 and gamma = -0.1, the weight is
/// `scale * clip(floor(w / scale) + h(V))` while V is learned with Adam on the mean squared change of each output, as a
/// share of what rounding to the nearest changes, plus `lambda` times `1 - |2 h(V) - 1|^beta` (equations 21 to 25 of the paper;
/// it sums both, here they are means over outputs and weights, so that `lambda` fits layers of every size). After a fifth of the steps beta falls from 20 to 2, which drives h to 0 or 1. The change
/// of the output is `tr(D H D^T)` with H the outer products of the inputs: no samples are kept. Zeros stay zeros.
public struct AdaRound: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "adaround", summary: "Whether each weight is rounded up or down is learned on the calibration data",
    reference: "Nagel et al. 2020, \"Up or Down? Adaptive Rounding for Post-Training Quantization\"",
    parameters: [
      .integer("steps", default: 1000, in: 1..., doc: "Steps of Adam for each layer"),
      .number("lr", default: 0.01, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "Its learning rate"),
      .number("lambda", default: 3, in: 0..., doc: "Weight of what drives the rounding to a decision"),
    ])
  private let steps: Int
  private let rate: Double
  private let lambda: Double
  private static let (zeta, gamma) = (1.1, -0.1)

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    steps = try arguments.integer("steps")
    rate = try arguments.number("lr")
    lambda = try arguments.number("lambda")
  }
  /// The outer products of the inputs.
  public var needs: Statistics { [.hessian] }

  /// Integers on the grid that `quantizer` chooses, each one of the two beside the weight.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected; `interrupted`.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized {
    let grid = try RowGrid(quantizer.quantize(layer.weight, bits: bits, axis: axis), bits: bits)
    let weight = try layer.weight.converted(to: .f32).values(as: Float.self)
    let hessians = try layer.hessians(), rows = grid.rows / max(1, hessians.count)
    let count = try Double(max(1, layer.input.count))
    var integers: [Float] = []
    for (group, hessian) in hessians.enumerated() {
      let first = group * rows
      integers += try rounded(
        Array(weight[first * grid.columns..<(first + rows) * grid.columns]), first: first,
        (hessian / count).converted(to: .f32), grid)
    }
    return try grid.quantized(integers)
  }

  private func rounded(_ weight: [Float], first: Int, _ hessian: Tensor, _ grid: RowGrid) throws -> [Float] {
    let rows = weight.count / max(1, grid.columns), shape: Shape = [rows, grid.columns]
    func each(_ body: (Float, Int) -> Float) throws -> Tensor {
      try Tensor(weight.enumerated().map { body($1, first + $0 / max(1, grid.columns)) }, shape: shape)
    }
    let lower = try each { grid.clipped(grid.position($0, row: $1).rounded(.down)) }
    let upper = try each { grid.clipped(grid.position($0, row: $1).rounded(.down) + 1) }
    // Where there is nothing to choose: exact points, zeros among them, and what lies outside.
    let isOpen = try each { grid.position($0, row: $1).rounded(.down) == grid.position($0, row: $1) ? 0 : 1 } * upper.ne(lower).converted(to: .f32)
    let steps = try each { grid.value(1, row: $1) - grid.value(0, row: $1) }
    // What is still missing of the weight when all are rounded down, in steps.
    let missing = try each { grid.position($0, row: $1) } - lower
    /// The mean squared change of each output.
    func errors(_ up: Tensor) throws -> Tensor {
      let change = try (up * isOpen - missing) * steps
      return try (change.matmul(hessian) * change).sum(axes: [1])
    }
    let nearest = try errors(missing.ge(0.5).converted(to: .f32)), open = try isOpen.sum().item()
    guard open > 0, rows > 0 else { return try lower.values(as: Float.self) }
    // Outputs do not depend on each other: each counts as a share of its own error.
    let shares = try Tensor.where(nearest.gt(0), 1 / nearest, Tensor.scalar(0, .f32)) / Double(rows)
    let (zeta, gamma) = (Self.zeta, Self.gamma)
    // So that h begins at the fraction.
    var v = try (missing.clip(min: 1e-4, max: 1 - 1e-4) - gamma) / (zeta - gamma)
    v = try (v / (1 - v)).log()
    var optimizer = try Optimizers.make("adam", learningRate: rate, momentum: 0.9, nesterov: false, weightDecay: 0)
    for step in 0..<self.steps {
      try Interrupt.check()
      let tracked = v.tracked()
      let h = try (tracked.sigmoid() * (zeta - gamma) + gamma).clip(min: 0, max: 1)
      var loss = try (errors(h) * shares).sum()
      let progress = Double(step) / Double(self.steps)
      if progress >= 0.2 {
        let left = (progress - 0.2) / 0.8, beta = 2 + (20 - 2) * 0.5 * (1 + cos(left * .pi))
        loss = try loss + (isOpen * (1 - (h * 2 - 1).abs().pow(beta))).sum() * (lambda / open)
      }
      guard let gradient = try loss.backward(retainGraph: false)[tracked] else { break }
      v = try optimizer.step(["v": v], ["v": gradient])["v"] ?? v
    }
    let isUp = try v.sigmoid().ge(0.5).converted(to: .f32) * isOpen
    return try (lower + isUp * (upper - lower)).values(as: Float.self)
  }
}
