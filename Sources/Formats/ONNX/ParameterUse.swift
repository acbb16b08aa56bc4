import Graph
import Tensor

/// One place where a node reads a parameter.
struct ParameterUse {
  let op: String
  let input: Int

  /// Returns every place where each value is read.
  static func all(in nodes: [Node]) -> [String: [ParameterUse]] {
    var uses: [String: [ParameterUse]] = [:]
    for node in nodes {
      for (index, input) in node.inputs.enumerated() where !input.isEmpty {
        uses[input, default: []].append(ParameterUse(op: node.op, input: index))
      }
    }
    return uses
  }

  /// Whether training may change a parameter: ONNX does not say, so its places decide.
  ///
  /// Numbers that are no floats, running statistics, grids, bounds, and single numbers in arithmetic are constants.
  static func isTrainable(_ value: any Representation, _ uses: [ParameterUse]) throws -> Bool {
    if let dense = value as? DenseRepresentation, !dense.tensor.dtype.isFloating { return false }
    return uses.contains { use in
      switch use.op {
      case "BatchNormalization": use.input == 1 || use.input == 2
      case "QuantizeLinear", "DequantizeLinear", "Clip", "Pad", "Resize", "Upsample", "Dropout": false
      case "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max": value.shape.count > 1
      default: true
      }
    }
  }
}
