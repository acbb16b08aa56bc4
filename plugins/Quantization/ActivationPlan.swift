import PareKit

/// Where activations are quantized: at the values that feed quantized layers.
///
/// A pair of QuantizeLinear and DequantizeLinear stands behind the operator that makes the value (so behind a Relu, not
/// before it), in front of operators that only select or rearrange values; those carry the same grid on, so that a chain
/// from one quantized layer to the next can stay in integers. Of two layers whose sum is quantized, the first is too.
struct ActivationPlan {
  /// The values whose range is observed, in graph order.
  private(set) var sources: [String] = []
  /// Values that carry the grid of a source on, by value.
  private(set) var carried: [String: String] = [:]

  /// Operators that neither compute new values nor leave the range of their first input.
  static let carriers: Set<String> = [
    "MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Dropout",
  ]

  /// - Parameter layers: names of the layers whose first input becomes integer.
  init(_ model: Model, layers: Set<String>) {
    var producers: [String: Node] = [:]
    for node in model.nodes { for output in node.outputs where !output.isEmpty { producers[output] = node } }
    var wanted: Set<String> = []
    for node in model.nodes where layers.contains(node.name) {
      guard var value = node.input(0) else { continue }
      var path: [String] = []
      while let producer = producers[value], Self.carriers.contains(producer.op), let input = producer.input(0),
        model.parameters[input] == nil
      {
        path.append(value)
        value = input
      }
      // A value that is the result of a pair already has its grid.
      if let producer = producers[value], producer.op == "DequantizeLinear" { continue }
      wanted.insert(value)
      for step in path { carried[step] = value }
    }
    // Where two layers are added and the sum becomes integer, the second one takes the sum up; the first one's result is
    // quantized too, so that the sum is one of integers.
    let positions = Dictionary(model.nodes.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    for node in model.nodes where node.op == "Add" && node.inputs.count == 2 {
      let readers = model.nodes.filter { $0.inputs.contains(node.outputs[0]) }
      let result = readers.count == 1 && readers[0].op == "Relu" ? readers[0].outputs[0] : node.outputs[0]
      let both = node.inputs.compactMap { producers[$0] }.filter { layers.contains($0.name) }
      guard wanted.contains(result), both.count == 2,
        let first = both.min(by: { (positions[$0.name] ?? 0) < (positions[$1.name] ?? 0) })
      else { continue }
      wanted.insert(first.outputs[0])
    }
    sources = model.inputs.map(\.name).filter(wanted.contains)
    for node in model.nodes { sources += node.outputs.filter(wanted.contains) }
  }

  /// Returns the model with its pairs.
  /// - Parameters:
  ///   - ranges: low and high of each source.
  ///   - bits: 2...8; below 8 the values are clipped to the shorter grid first, since ONNX saturates at 8.
  func inserted(in model: Model, ranges: [String: (low: Double, high: Double)], bits: Int) throws -> Model {
    var names = Names(model)
    var result = model
    result.nodes = []
    var renamed: [String: String] = [:]
    var grids: [String: (scale: String, zero: String, limits: [String])] = [:]

    func pair(behind value: String, source: String) throws {
      if grids[source] == nil {
        guard let range = ranges[source] else { throw PareError(.internal, "no range for '\(source)'") }
        let levels = Double((1 << bits) - 1)
        let grid = Grid(low: range.low, high: range.high, levels: levels)
        func constant(_ suffix: String, _ tensor: Tensor) -> String {
          let name = names.fresh("\(source)_\(suffix)")
          result.parameters[name] = Parameter(name, tensor, isTrainable: false)
          return name
        }
        let scale = try constant("scale", Tensor([grid.scale], shape: []))
        let zero = try constant("zero_point", Tensor([UInt8(grid.zero)], shape: []))
        let limits = try bits == 8 ? [] : [
          constant("lowest", Tensor([Float(-grid.zero) * grid.scale], shape: [])),
          constant("highest", Tensor([Float(Int(levels) - grid.zero) * grid.scale], shape: [])),
        ]
        grids[source] = (scale, zero, limits)
      }
      guard let grid = grids[source] else { return }
      var input = value
      func node(_ op: String, _ suffix: String, _ inputs: [String]) {
        let output = names.fresh("\(value)_\(suffix)")
        result.nodes.append(Node(name: output, op: op, inputs: inputs, outputs: [output]))
        input = output
      }
      if !grid.limits.isEmpty, value == source { node("Clip", "clipped", [input] + grid.limits) }
      node("QuantizeLinear", "quantized", [input, grid.scale, grid.zero])
      node("DequantizeLinear", "dequantized", [input, grid.scale, grid.zero])
      renamed[value] = input
    }

    for input in model.inputs where sources.contains(input.name) { try pair(behind: input.name, source: input.name) }
    let wanted = Set(sources)
    for var node in model.nodes {
      node.inputs = node.inputs.map { renamed[$0] ?? $0 }
      result.nodes.append(node)
      for output in node.outputs {
        if wanted.contains(output) {
          try pair(behind: output, source: output)
        } else if let source = carried[output] {
          try pair(behind: output, source: source)
        }
      }
    }
    return result
  }
}

/// Makes names that nothing in a model has.
struct Names {
  private var used: Set<String>

  init(_ model: Model) {
    used = Set(model.parameters.keys)
    used.formUnion(model.inputs.map(\.name))
    for node in model.nodes {
      used.insert(node.name)
      used.formUnion(node.outputs)
    }
  }

  mutating func fresh(_ wanted: String) -> String {
    var name = wanted
    var number = 2
    while !used.insert(name).inserted {
      name = "\(wanted)_\(number)"
      number += 1
    }
    return name
  }
}
