import Support
import Tensor

/// Activations on an integer grid: QuantizeLinear and DequantizeLinear behind a value.
extension Model {
  /// The grid of one value: `integer = round(value / scale) + zeroPoint`.
  public struct ActivationGrid: Sendable {
    /// The distance between neighbouring values of the grid; positive.
    public var scale: Double
    /// The integer that stands for 0.
    public var zeroPoint: Int
    /// u8 or i8.
    public var dtype: DType

    /// - Throws: `argument` for a scale that is not positive or a zero point outside the type.
    public init(scale: Double, zeroPoint: Int, dtype: DType = .u8) throws {
      let limits = dtype == .i8 ? -128...127 : 0...255
      guard dtype == .u8 || dtype == .i8, Float(scale) > 0, Float(scale).isFinite, limits.contains(zeroPoint) else {
        throw PareError(.argument, "activation grid", expected: "u8 or i8, a positive scale, a zero point of the type",
                        got: "\(dtype.name), \(scale), \(zeroPoint)")
      }
      self.scale = scale
      self.zeroPoint = zeroPoint
      self.dtype = dtype
    }
  }

  /// Returns the model with a pair of nodes `<value>.quantize`, `<value>.dequantize` behind each named value, read by all
  /// that read the value. Scale and zero point are parameters that training leaves alone.
  ///
  /// - Throws: `not_found` for a name that is no computed value or input; `argument` for one that is quantized already.
  public func quantizingActivations(_ grids: [String: ActivationGrid]) throws -> Model {
    var model = self
    for (name, grid) in grids.sorted(by: { $0.key < $1.key }) {
      try model.insertPair(behind: name, grid)
    }
    try model.verified()
    return model
  }

  private mutating func insertPair(behind value: String, _ grid: ActivationGrid) throws {
    let position: Int
    if let producer = producers[value] {
      position = producer + 1
    } else if inputs.contains(where: { $0.name == value }) {
      position = 0
    } else {
      throw PareError(.notFound, "no value '\(value)' in the model", argument: value,
                      suggestion: Suggestion.didYouMean(value, among: nodes.flatMap(\.outputs) + inputs.map(\.name)))
    }
    let names = ["scale", "zero_point", "quantize", "dequantize"].map { "\(value).\($0)" }
    let used = usedNames
    if let taken = names.first(where: used.contains) {
      throw PareError(.argument, "value '\(value)' is quantized already ('\(taken)' exists)", argument: value)
    }
    parameters[names[0]] = Parameter(names[0], try Tensor.scalar(grid.scale), isTrainable: false)
    parameters[names[1]] = Parameter(names[1], try Tensor.scalar(Double(grid.zeroPoint), grid.dtype), isTrainable: false)
    for index in nodes.indices { nodes[index].inputs = nodes[index].inputs.map { $0 == value ? names[3] : $0 } }
    nodes.insert(contentsOf: [
      Node(name: names[2], op: "QuantizeLinear", inputs: [value, names[0], names[1]], outputs: [names[2]]),
      Node(name: names[3], op: "DequantizeLinear", inputs: [names[2], names[0], names[1]], outputs: [names[3]]),
    ], at: position)
  }
}
