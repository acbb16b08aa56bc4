import Graph
import Support
import Tensor

/// How long a model takes, worked out from a table: what budgets of `latency_ms` ask, so that the same table gives the same
/// model, whatever the machine does at the moment.
extension BreakEvenTable {
  /// What the estimate knows of a machine, by name.
  public enum Rate: String, Sendable, CaseIterable {
    /// Billions of multiply-accumulates per second of dense layers, in f32 and in integers of 8 bits.
    case convolution = "conv.f32", depthwise = "depthwise.f32", linear = "linear.f32"
    case integerConvolution = "conv.u8", integerLinear = "linear.u8"
    /// Billions of bytes per second: weights, operands and results.
    case memory
    /// Millions of layers per second: what each takes beside its work.
    case layers
  }

  /// The order of what two threads of a processor with AVX-512 reach, not a measurement: `calibrate()` makes one.
  static let builtInRates: [String: Double] = [
    "conv.f32": 60, "depthwise.f32": 8, "linear.f32": 30, "conv.u8": 150, "linear.u8": 60, "memory": 12, "layers": 0.25,
  ]

  /// A rate of this table; of a table without rates the built-in one.
  public func rate(_ rate: Rate) -> Double { rates[rate.rawValue] ?? Self.builtInRates[rate.rawValue] ?? 1 }

  /// The milliseconds of one run at batch 1: for each layer what its multiply-accumulates or its bytes take, whichever is
  /// longer. Activations and normalizations go along with the layer before, as in a session.
  ///
  /// - Throws: `argument` naming `input` when the input's sizes are not known.
  public func milliseconds(of model: Model) throws -> Double {
    let macs = try model.nodeMacs(), types = try model.shapes(batch: 1), producers = model.producers
    var total = 0.0
    for (node, macs) in zip(model.nodes, macs) where macs > 0 || Self.isStep(node.op) {
      func bytes(_ name: String) -> Double { Double(types[name]?.fixedShape?.reduce(1, *) ?? 0) * 4 }
      let weight = node.input(1).flatMap { model.parameters[$0]?.value }
      var moved = node.outputs.reduce(0) { $0 + bytes($1) }
      for name in node.inputs where model.parameters[name] == nil { moved += bytes(name) }
      var share = 1.0, dense = Double(macs)
      if let weight, macs > 0 {
        let stored = Double(weight.storedElements), all = Double(max(weight.shape.count, 1))
        dense = stored > 0 ? dense * all / stored : dense
        share = min(1, self.share(of: weight, isLinear: node.op != "Conv", density: stored / all))
        moved += all * Self.bytesPerElement(weight)
      }
      let isInteger = node.inputs.first.flatMap { producers[$0] }.map { model.nodes[$0].op == "DequantizeLinear" } ?? false
      let speed = try rate(Self.rate(of: node, model, isInteger: isInteger))
      total += 1e-3 / rate(.layers) + share * max(dense / (speed * 1e6), moved / (rate(.memory) * 1e6))
    }
    return total
  }

  /// Layers without multiply-accumulates that are a step of their own.
  private static func isStep(_ op: String) -> Bool {
    ["MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Softmax", "LayerNormalization", "Resize", "Transpose", "Gather", "ReduceMean"].contains(op)
  }

  private static func rate(of node: Node, _ model: Model, isInteger: Bool) throws -> Rate {
    guard node.op == "Conv" || node.op == "ConvTranspose" else { return isInteger ? .integerLinear : .linear }
    let groups = try node.int("group", default: 1)
    if groups > 1, let shape = node.input(1).flatMap({ model.parameters[$0]?.shape }), shape.rank > 1, shape[1] == 1 { return .depthwise }
    return isInteger ? .integerConvolution : .convolution
  }

  /// The time of the representation's kernel over the dense layer's; infinite where there is none.
  private func share(of weight: any Representation, isLinear: Bool, density: Double) -> Double {
    switch weight {
    case let blocks as BlockRepresentation where !isLinear && blocks.axis == 0 && blocks.height % 16 == 0:
      share(of: BlockConvolution.name, density: density)
    case is any SparseRepresentation: share(of: isLinear ? "sparse-linear.f32" : "sparse.f32", density: density)
    case is BinaryRepresentation: isLinear ? share(of: "signs.f32", density: 1) : .infinity
    case let integers as IntegerRepresentation where isLinear && integers.bits <= 4:
      share(of: integers.bits <= 2 ? "codes2.f32" : "codes4.f32", density: 1)
    case is IntegerRepresentation, is CodebookRepresentation: isLinear ? share(of: "codes8.f32", density: 1) : .infinity
    default: .infinity
    }
  }

  private static func bytesPerElement(_ weight: any Representation) -> Double { weight is IntegerRepresentation ? 1 : 4 }
}
