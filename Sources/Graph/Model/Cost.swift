import Support
import Tensor

/// What a model costs, by the counters of the contract.
public struct Cost: Sendable, Hashable, Codable {
  /// Elements of weights and biases, zeros included, whatever the representation.
  public var parameters: Int
  /// Those that are not 0.
  public var nonzeros: Int
  /// Multiply-accumulates at batch 1, as the representations execute them.
  public var macs: Int
  /// What all parameters take in the saved `.pare`.
  public var bytes: Int

  /// What is left out costs nothing.
  public init(parameters: Int = 0, nonzeros: Int = 0, macs: Int = 0, bytes: Int = 0) {
    self.parameters = parameters
    self.nonzeros = nonzeros
    self.macs = macs
    self.bytes = bytes
  }

  /// Adds counter by counter; a parameter that both sides read counts twice.
  public static func + (a: Cost, b: Cost) -> Cost {
    Cost(parameters: a.parameters + b.parameters, nonzeros: a.nonzeros + b.nonzeros, macs: a.macs + b.macs,
         bytes: a.bytes + b.bytes)
  }
}

extension Model {
  /// Returns the model's cost; a parameter that several layers read counts once.
  ///
  /// - Throws: `argument` naming `input` when the input's sizes are not known.
  public func cost() throws -> Cost {
    var total = try storageCost()
    total.macs = try nodeMacs().reduce(0, +)
    return total
  }

  /// The cost without multiply-accumulates, which needs no input sizes.
  public func storageCost() throws -> Cost {
    try parameters.values.reduce(Cost()) { try $0 + Model.cost(of: $1) }
  }

  static func cost(of parameter: Parameter) throws -> Cost {
    var cost = Cost(bytes: try parameter.value.byteCount())
    if parameter.isTrainable {
      cost.parameters = parameter.shape.count
      cost.nonzeros = parameter.value.nonzeros
    }
    return cost
  }

  /// The multiply-accumulates of each node at batch 1.
  package func nodeMacs() throws -> [Int] {
    try requireInputShape(for: "counting multiply-accumulates")
    let types = try shapes(batch: 1)
    return try nodes.map { node in
      let op = try OperatorRegistry.find(for: node, opset: opset)
      return try op.macs(
        node, node.inputs.map { types[$0] }, node.outputs.compactMap { types[$0] },
        weights: node.inputs.map { parameters[$0]?.value.storedElements })
    }
  }
}
