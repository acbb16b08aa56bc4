import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// An affine 8-bit grid for a whole tensor: `value = (integer - zeroPoint) * scale`.
package struct Grid: Equatable, Sendable {
  package var scale: Float
  package var zeroPoint: Int32
  /// u8 or i8.
  package var dtype: DType

  package init(scale: Float, zeroPoint: Int32, dtype: DType) {
    self.scale = scale
    self.zeroPoint = zeroPoint
    self.dtype = dtype
  }

  var kernel: pare_grid { pare_grid(scale: scale, zero: zeroPoint, is_signed: dtype == .u8 ? 0 : 1) }
}

/// Symmetric signed integer weights with a scale per output.
struct IntegerWeights {
  var name: String
  /// i8, the parameter's own shape.
  var values: Tensor
  /// One per output channel.
  var scales: [Float]
}

/// A layer whose input and weights are integers.
struct QuantizedLayer {
  /// The integers' value.
  var source: String
  var grid: Grid
  var weights: IntegerWeights
}

extension Lowering {
  /// The grid of a QuantizeLinear or DequantizeLinear node for a whole tensor, if it is that.
  func grid(of node: Node) -> Grid? {
    guard let name = node.input(1), isConstant(name), let scale = try? constant(name), scale.count == 1,
      let factor = try? scale.item(), factor > 0
    else { return nil }
    var dtype = DType.u8
    var zero = 0.0
    if let name = node.input(2) {
      guard isConstant(name), let point = integerConstant(name), point.count == 1, let value = try? point.item() else { return nil }
      dtype = point.dtype
      zero = value
    } else if node.op == "DequantizeLinear" {
      dtype = node.input(0).flatMap { types[$0]?.dtype } ?? .u8
    }
    guard dtype == .u8 || dtype == .i8 else { return nil }
    return Grid(scale: Float(factor), zeroPoint: Int32(zero), dtype: dtype)
  }

  /// A constant as it is stored: zero points keep their integer type.
  private func integerConstant(_ name: String) -> Tensor? {
    if let dense = model.parameters[name]?.value as? DenseRepresentation { return dense.tensor }
    return constants[name]
  }

  /// The integers behind a value that a DequantizeLinear makes.
  func quantizedSource(_ name: String) -> (source: String, grid: Grid)? {
    guard let index = producers[name] else { return nil }
    let node = model.nodes[index]
    guard node.op == "DequantizeLinear", let source = node.input(0), !isConstant(source), let grid = grid(of: node),
      types[source]?.dtype == grid.dtype
    else { return nil }
    return (source, grid)
  }

  /// The layer as integers, if its input and its weights are.
  func quantizedLayer(_ node: Node) -> QuantizedLayer? {
    guard let input = node.input(0), let (source, grid) = quantizedSource(input), let name = node.input(1),
      let weights = integerWeights(name, outputAxis: outputAxis(of: node))
    else { return nil }
    return QuantizedLayer(source: source, grid: grid, weights: weights)
  }

  /// The axis of the weights that counts outputs.
  func outputAxis(of node: Node) -> Int {
    switch node.op {
    case "Conv": 0
    case "Gemm": (try? node.flag("transB")) == true ? 0 : 1
    default: 1
    }
  }

  /// An integer parameter; one that lies in a file is held until another is asked for.
  func integers(_ name: String) -> IntegerRepresentation? {
    let value = model.parameters[name]?.value
    guard let unread = value as? UnreadIntegers else { return value as? IntegerRepresentation }
    if lastIntegers?.name != name { lastIntegers = (try? unread.read()).map { (name, $0) } }
    return lastIntegers?.value
  }

  func integerWeights(_ name: String, outputAxis: Int) -> IntegerWeights? {
    if let parameter = integers(name) {
      guard parameter.isSigned, parameter.isSymmetric, parameter.group == nil else { return nil }
      return integerWeights(name, parameter.values, parameter.scales, parameter.axis, outputAxis)
    }
    // Weights that the graph itself dequantizes.
    guard let index = producers[name], model.nodes[index].op == "DequantizeLinear",
      let values = model.nodes[index].input(0).flatMap({ integerConstant($0) }), values.dtype == .i8,
      let scales = model.nodes[index].input(1).flatMap({ try? constant($0) })
    else { return nil }
    if let zero = model.nodes[index].input(2) {
      guard let points = try? integerConstant(zero)?.scalars(), points.allSatisfy({ $0 == 0 }) else { return nil }
    }
    let axis = (try? model.nodes[index].int("axis", default: 1)) ?? 1
    let positive = axis < 0 ? axis + values.rank : axis
    return integerWeights(name, values, scales, scales.count == 1 ? nil : positive, outputAxis)
  }

  private func integerWeights(
    _ name: String, _ values: Tensor, _ scales: Tensor, _ axis: Int?, _ outputAxis: Int
  ) -> IntegerWeights? {
    guard outputAxis < values.rank, axis == nil || axis == outputAxis, let factors = try? scales.values(as: Float.self)
    else { return nil }
    let outputs = values.shape[outputAxis]
    let repeated = axis == nil ? [Float](repeating: factors[0], count: outputs) : factors
    return IntegerWeights(name: name, values: values, scales: repeated)
  }

  /// QuantizeLinear over a whole tensor; false when it is of another kind.
  func lowerQuantize(_ node: Node) throws -> Bool {
    guard let grid = grid(of: node), types[node.inputs[0]]?.dtype == .f32 else { return false }
    let value = try value(node.inputs[0])
    let form = try natural(value, for: node.name)
    guard form.layout.isDense, let type = grid.dtype.oneDNN else { return false }
    let result = try makeValue(node.outputs[0])
    let place = Place.arena(newBuffer(value.count))
    result.forms = [Value.Form(layout: try form.layout.with(type: type), place: place)]
    let count = value.count
    let threads = threads(for: count)
    emit(node.name, node.op, "elementwise", touching: [form.place, place]) { base, _ in
      pare_quantize(
        form.place.address(base).assumingMemoryBound(to: Float.self), place.address(base), count, grid.kernel, threads)
    }
    values[node.outputs[0]] = result
    return true
  }

  /// DequantizeLinear over a whole tensor: done only where somebody needs floats.
  func lowerDequantize(_ node: Node) throws -> Bool {
    guard let grid = grid(of: node), !isConstant(node.inputs[0]) else { return false }
    let source = try value(node.inputs[0])
    guard source.dtype == grid.dtype else { return false }
    let result = try makeValue(node.outputs[0])
    result.integers = (source, grid)
    values[node.outputs[0]] = result
    alias(node.outputs[0], of: node.inputs[0])
    return true
  }

  /// Gives a dequantized value its floats.
  func materialize(_ value: Value, for name: String) throws {
    if value.forms.isEmpty, let source = value.signsOf { try materializeSigns(value, of: source, for: name) }
    guard value.forms.isEmpty, let (source, grid) = value.integers else { return }
    var form = try natural(source, for: name)
    if !form.layout.isDense { form = try rowMajor(source, for: name) }
    let place = Place.arena(newBuffer(value.count * 4))
    value.forms = [Value.Form(layout: try form.layout.with(type: dnnl_f32), place: place)]
    let count = value.count
    let threads = threads(for: count)
    emit(name, "DequantizeLinear", "elementwise", touching: [form.place, place]) { [form] base, _ in
      pare_dequantize(
        form.place.address(base), place.address(base).assumingMemoryBound(to: Float.self), count, grid.kernel, threads)
    }
  }
}
