import PareKit

/// What a layer's output loses without the weight when the others make up for it, and what they become then.
///
/// The score is `w^2 / (2 [H^-1]_jj)` with H the sum of the inputs' outer products (equation 5 of the paper, layer by layer). The
/// weights that stay become those that keep the layer's output best: `H_kk^-1 (H w)_k` for the kept inputs k of each output.
/// That is one system of equations for each output; `sparsegpt` comes near it in a fraction of the time.
public struct OptimalBrainSurgeon: ImportanceCriterion {
  public static let entry = Entry(
    name: "obs", summary: "Loss of the layer's output with the other weights making up for it; they are adjusted",
    reference: "Hassibi and Stork 1993, \"Second order derivatives for network pruning: Optimal Brain Surgeon\", equation 5; Frantar and Alistarh 2022 by layers",
    parameters: [dampingParameter])
  private let damping: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { damping = try arguments.number("damping") }
  /// The outer products of the inputs.
  public var needs: Statistics { [.hessian] }

  /// The losses in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.scores(damping) { inverse in inverse.diagonal.map { 2 * $0 } }
  }

  /// The weights that stay, the best ones for the mask; f64 in between.
  public func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor? {
    let hessians = try layer.hessians(), rows = layer.weight.shape[0], each = rows / max(1, hessians.count)
    let columns = layer.weight.count / max(1, rows), stays = try kept.values(as: Bool.self)
    let weight = try layer.weight.converted(to: .f64).reshaped([rows, columns])
    var result = [Double](repeating: 0, count: layer.weight.count)
    for (group, sum) in hessians.enumerated() {
      let wide = try sum.converted(to: .f64), diagonal = try wide.diagonal()
      // Inputs that are always 0 have a weight that does not matter: alone on the diagonal it stays as it is.
      let mean = try max(diagonal.mean().item(), 1e-30)
      let added = try Tensor.where(diagonal.gt(0), Tensor.scalar(damping * mean, .f64), Tensor.scalar(mean, .f64))
      let hessian = try wide + Tensor.eye(columns, dtype: .f64) * added
      let wanted = try weight.slice(axis: 0, from: group * each, to: (group + 1) * each).matmul(hessian)
      for row in 0..<each {
        try Interrupt.check()
        let first = (group * each + row) * columns, places = (0..<columns).filter { stays[first + $0] }
        guard !places.isEmpty else { continue }
        let indices = try Tensor(places.map(Int64.init))
        let part = try hessian.gather(axis: 0, indices: indices).gather(axis: 1, indices: indices)
        let solved = try part.solve(wanted.select(axis: 0, index: row).gather(axis: 0, indices: indices).reshaped([places.count, 1])).scalars()
        for (place, value) in zip(places, solved) { result[first + place] = value }
      }
    }
    return try Tensor(result, shape: layer.weight.shape)
  }
}
