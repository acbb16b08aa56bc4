import Support
import Tensor

extension Model {
  /// Inputs where none are given: floats from N(0, 1), booleans true, integers below 50 that the tables which they index
  /// have, and 0 or 1 where they index none (a mask).
  ///
  /// - Parameter shapes: of every input, by name.
  /// - Throws: `argument` for an input without a shape; `memory`, `limit`.
  package func syntheticInputs(_ shapes: [String: Shape], seed: UInt64 = 0) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for port in inputs {
      guard let shape = shapes[port.name] else {
        throw PareError(.argument, "input '\(port.name)' of the model has no shape", argument: port.name)
      }
      let stream = Philox.stream(named: port.name)
      switch port.type.dtype {
      case .bool: result[port.name] = try Tensor.ones(shape, .bool)
      case let dtype where dtype.isFloating:
        result[port.name] = try Tensor.randn(shape, seed: seed, stream: stream, dtype: .f32).converted(to: dtype)
      case let dtype:
        var source = RandomSource(seed: seed, stream: stream)
        let limit = indexLimit(of: port.name)
        let values = (0..<shape.count).map { _ in Int64(source.integer(below: limit)) }
        result[port.name] = try Tensor(values, shape: shape).converted(to: dtype)
      }
    }
    return result
  }

  /// Below what the integers of an input lie.
  private func indexLimit(of input: String) -> Int {
    let keepsValues: Set<String> = ["Cast", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]
    var same: Set<String> = [input]
    var rows: Int?
    for node in nodes {
      if keepsValues.contains(node.op), let from = node.inputs.first, same.contains(from) { same.formUnion(node.outputs) }
      guard node.op == "Gather", node.inputs.count == 2, same.contains(node.inputs[1]), let table = parameters[node.inputs[0]]?.shape,
        let axis = try? table.axis(node.int("axis", default: 0), "Gather")
      else { continue }
      rows = Swift.min(rows ?? .max, table[axis])
    }
    return Swift.max(1, Swift.min(rows ?? 2, 50))
  }
}
