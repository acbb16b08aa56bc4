import Support
import Tensor

/// One node with what it costs: a row of `Model.layers()`.
public struct Layer: Sendable {
  /// Position, from 0.
  public var index: Int
  /// The node's name.
  public var name: String
  /// The operator's ONNX name.
  public var op: String
  /// Values that the node reads: its inputs without parameters and absent ones.
  public var inputs: [String]
  /// The node's outputs, in order.
  public var outputs: [String]
  /// The parameters that the node reads, in input order.
  public var parameterNames: [String]
  /// Elements of weights and biases.
  public var parameters: Int
  /// Those of them that are not 0.
  public var nonzeros: Int
  /// Multiply-accumulates at batch 1; 0 when input sizes are not known.
  public var macs: Int
  /// What the parameters take in the saved `.pare`; one that several layers read is counted in each.
  public var bytes: Int
  /// Of the first output; empty when unknown. The batch is the symbol `N`.
  public var shape: [Dimension]
  /// The label of the largest trainable parameter's representation; "" for a layer without one.
  public var representation: String
  /// The channel group to which the layer's output channels belong, when there is one.
  public var group: String?
  /// The layer of which this is a factor.
  public var origin: String?
}

extension Model {
  /// Returns a row for each node, in order. Sizes, multiply-accumulates and groups are there when input sizes are known.
  public func layers() throws -> [Layer] {
    let known = hasInputShape
    let types = known ? try shapes() : [:]
    let macs = known ? try nodeMacs() : nodes.map { _ in 0 }
    let owners = known ? try groupsByProducer() : [:]
    return try nodes.enumerated().map { index, node in
      let names = node.inputs.filter { parameters[$0] != nil }
      let owned = names.compactMap { parameters[$0] }
      let cost = try owned.reduce(Cost()) { try $0 + Model.cost(of: $1) }
      let main = owned.filter(\.isTrainable).max { $0.shape.count < $1.shape.count }
      return Layer(
        index: index, name: node.name, op: node.op, inputs: node.inputs.filter { parameters[$0] == nil && !$0.isEmpty },
        outputs: node.outputs, parameterNames: names, parameters: cost.parameters, nonzeros: cost.nonzeros,
        macs: macs[index], bytes: cost.bytes, shape: node.outputs.first.flatMap { types[$0]?.shape } ?? [],
        representation: main?.value.label ?? "", group: owners[node.name], origin: node.origin)
    }
  }

  /// Returns the row of one layer.
  ///
  /// - Throws: `not_found` with the nearest name.
  public func layer(named name: String) throws -> Layer {
    let index = try position(of: name)
    return try layers()[index]
  }
}
