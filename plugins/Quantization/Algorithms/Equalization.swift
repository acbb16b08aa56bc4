import Glibc
import PareKit

/// The ranges of channels are evened out between a layer and those that read it, and the weights rounded after that.
///
/// Where channels go from layer to layer through operators that commute with a positive factor (ReLU, pooling, reshapes), row i
/// of the first weight and its bias are divided by `s_i = sqrt(r1_i / r2_i)` and column i of the second is multiplied by it, with r
/// the largest absolute weight of the channel (equation 11 of the paper): both ranges become `sqrt(r1_i r2_i)`. The model computes
/// the same. All such channels take turns until nothing moves. With `granularity="tensor"`, and for few bits, one scale then
/// serves all channels.
public struct Equalization: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "equalization", summary: "Ranges of channels are evened out between layers before rounding",
    reference: "Nagel et al. 2019, \"Data-Free Quantization Through Weight Equalization and Bias Correction\", section 4.1",
    parameters: [
      .entry("rounding", kind: .algorithm, default: "nearest", doc: "How the weights are rounded after that"),
      .integer("rounds", default: 20, in: 1..., doc: "Most turns over all layers"),
    ])
  private let rounding: any QuantizationAlgorithm
  private let rounds: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    rounding = try arguments.entry("rounding")
    rounds = try arguments.integer("rounds")
  }

  /// Those of the rounding.
  public var needs: Statistics { rounding.needs }

  /// The model with its channels evened out, prepared by the rounding after that.
  public func prepared(_ model: Model, _ context: Context) throws -> Model {
    let chains = try model.groups().compactMap { try Chain($0, in: model, context) }
    var result = model
    for _ in 0..<rounds {
      try Interrupt.check()
      var largest = 0.0
      for chain in chains { largest = try max(largest, chain.equalize(&result)) }
      if largest < 1e-3 { break }
    }
    return try rounding.prepared(result, context)
  }

  /// As the rounding does.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized { try rounding.quantize(layer, bits: bits, axis: axis, with: quantizer, context) }

  /// As the rounding does.
  public func corrected(_ quantized: Model, from original: Model, _ context: Context) throws -> Model {
    try rounding.corrected(quantized, from: original, context)
  }
}

/// Channels that one factor can be moved along: from the layers that make them to those that read them.
private struct Chain {
  private let units: [ChannelUnit]
  /// Weights whose range counts as the first, and what is divided with them: biases of theirs and of layers on the way.
  private let made: Set<String>
  private let divided: Set<String>
  private let read: Set<String>

  /// Operators through which a positive factor goes as it is.
  private static let commuting: Set<String> = [
    "Relu", "LeakyRelu", "PRelu", "Identity", "Dropout", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Flatten",
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Add", "Sum",
  ]

  /// Nil where there is no such chain; the context is told why.
  init?(_ group: ChannelGroup, in model: Model, _ context: Context) throws {
    guard group.blocked == nil, !group.consumers.isEmpty else { return nil }
    let nodes = Dictionary(model.nodes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var readers: [String: [Node]] = [:]
    for node in model.nodes { for input in Set(node.inputs) where !input.isEmpty { readers[input, default: []].append(node) } }
    let makers = Set(group.producers.map(\.layer)), ends = Set(group.consumers.map(\.layer))
    func refuse(_ reason: String) { context.skip(group.name, "not equalized: " + reason) }
    guard group.carriers.isEmpty else {
      refuse("its channels go along with '\(group.carriers[0].layer)'")
      return nil
    }
    // What is reached from the makers; a maker on the way works on each channel by itself (a depthwise convolution).
    var inner: Set<String> = [], seen: Set<String> = []
    var open = makers.compactMap { nodes[$0]?.outputs.first }
    while let value = open.popLast() {
      for node in readers[value] ?? [] where seen.insert(node.name).inserted {
        if makers.contains(node.name) {
          inner.insert(node.name)
        } else if ends.contains(node.name) {
          continue
        } else if Self.commuting.contains(node.op) {
          open += node.outputs
        } else {
          refuse("\(node.op) '\(node.name)' does not commute with a factor")
          return nil
        }
      }
    }
    func isWeight(_ coupling: Coupling) -> Bool { nodes[coupling.layer]?.input(1) == coupling.parameter }
    let first = group.producers.filter { !inner.contains($0.layer) }
    made = Set(first.filter(isWeight).map(\.parameter))
    divided = made.union(group.producers.filter { !isWeight($0) }.map(\.parameter))
    read = Set(group.consumers.map(\.parameter))
    // A parameter that is on both sides, or anywhere else in the model, cannot take two factors.
    guard !made.isEmpty, made.isDisjoint(with: read), divided.union(read).allSatisfy({ readers[$0]?.count == 1 }),
      try divided.union(read).allSatisfy({ try model.parameter(named: $0).value is DenseRepresentation || model.parameter(named: $0).value is MaskedRepresentation })
    else {
      refuse("its weights are shared, or stored in few values")
      return nil
    }
    units = group.units
  }

  /// Evens the ranges out; returns the largest logarithm of a factor.
  func equalize(_ model: inout Model) throws -> Double {
    let first = try ranges(made, model), second = try ranges(read, model)
    let factors = zip(first, second).map { $0 > 0 && $1 > 0 ? ($0 / $1).squareRoot() : 1 }
    for name in divided.sorted() { try scale(name, factors.map { 1 / $0 }, &model) }
    for name in read.sorted() { try scale(name, factors, &model) }
    return factors.reduce(0) { max($0, abs(log($1))) }
  }

  /// The largest absolute weight of each unit among the parameters.
  private func ranges(_ names: Set<String>, _ model: Model) throws -> [Double] {
    var result = [Double](repeating: 0, count: units.count)
    for (name, axis) in slices(of: names) {
      let weight = try model.parameter(named: name).value.dense()
      let largest = try weight.abs().max(axes: (0..<weight.rank).filter { $0 != axis }).scalars()
      for (index, unit) in units.enumerated() {
        for position in unit.slice(of: name, axis: axis)?.indices ?? [] { result[index] = max(result[index], largest[position]) }
      }
    }
    return result
  }

  private func scale(_ name: String, _ factors: [Double], _ model: inout Model) throws {
    for (_, axis) in slices(of: [name]) {
      let value = try model.parameter(named: name).value, dense = try value.dense()
      var along = [Float](repeating: 1, count: dense.shape[axis])
      for (factor, unit) in zip(factors, units) {
        for position in unit.slice(of: name, axis: axis)?.indices ?? [] { along[position] = Float(factor) }
      }
      var sizes = [Int](repeating: 1, count: dense.rank)
      sizes[axis] = along.count
      let scaled = try dense * Tensor(along, shape: Shape(sizes)).converted(to: dense.dtype)
      model.parameters[name]?.value = try value.updated(from: scaled)
    }
  }

  /// The axes of the parameters that the units reach, in a fixed order.
  private func slices(of names: Set<String>) -> [(name: String, axis: Int)] {
    var result: [String: Set<Int>] = [:]
    for slice in units.first?.slices ?? [] where names.contains(slice.parameter) { result[slice.parameter, default: []].insert(slice.axis) }
    return result.sorted { $0.key < $1.key }.flatMap { name, axes in axes.sorted().map { (name, $0) } }
  }
}
