import Graph
import OrderedCollections
import Support
import Tensor
import Training

/// Sums up statistics of layers batch by batch; its size does not depend on the number of batches.
struct StatisticsCollector {
  private let model: Model
  private let needs: Statistics
  private var layers: [Entry]
  private var samples = 0

  private struct Entry {
    var view: LayerView
    let node: Node
    let input: String
    let output: String
    var gradient: Tensor?
    var squared: Tensor?
    var absolute: Tensor?
    var sums: [Double] = []
    var absolutes: [Double] = []
    var zeros: [Double] = []
    var outputCount = 0
    var squares: [Double] = []
    var inputCount = 0
    var hessian: Tensor?
  }

  init(_ model: Model, _ views: [LayerView], _ needs: Statistics) {
    self.model = model
    self.needs = needs
    layers = views.compactMap { view in
      guard let node = model.nodes.first(where: { $0.name == view.name }), let input = node.input(0) else { return nil }
      return Entry(view: view, node: node, input: input, output: model.followers(of: node).output)
    }
  }

  /// The values to tap while streaming.
  var taps: [String] {
    var names: [String] = []
    for layer in layers {
      if needs.contains(.activation) { names.append(layer.output) }
      if !needs.isDisjoint(with: [.input, .hessian]) { names.append(layer.input) }
    }
    return names.uniqued()
  }

  // MARK: Gradients

  /// Adds the gradient of the batch's mean loss, weighted by its samples.
  mutating func addGradients(_ batch: Batch, _ interpreter: Interpreter) throws {
    var leaves: [String: Tensor] = [:]
    for layer in layers where leaves[layer.view.weightName] == nil {
      leaves[layer.view.weightName] = try model.parameters[layer.view.weightName]?.value.trainable().tracked()
    }
    let execution = try interpreter.run([model.onlyInput: batch.x], parameters: leaves)
    let isClassification = batch.y.rank == 1 && !batch.y.dtype.isFloating
    let loss = isClassification ? TrainingLoss.crossEntropy() : .mse()
    let gradients = try loss.value(execution, batch).backward(retainGraph: false)
    let weight = Double(batch.count)
    samples += batch.count
    for index in layers.indices {
      let view = layers[index].view
      guard let leaf = leaves[view.weightName] else { continue }
      var gradient = try gradients[leaf]?.detached() ?? Tensor.zeros(leaf.shape, leaf.dtype)
      if view.isTransposed { gradient = try gradient.transposed(0, 1).contiguous() }
      if needs.contains(.gradient) {
        let part = try gradient * weight
        layers[index].gradient = try layers[index].gradient.map { try $0 + part } ?? part
      }
      if needs.contains(.gradientSquared) {
        let part = try gradient * gradient
        layers[index].squared = try layers[index].squared.map { try $0 + part } ?? part
      }
      if needs.contains(.gradientAbsolute) {
        let part = try gradient.abs()
        layers[index].absolute = try layers[index].absolute.map { try $0 + part } ?? part
      }
    }
  }

  // MARK: Values

  /// Adds the tapped values of one batch.
  mutating func addValues(_ taps: [String: Tensor]) throws {
    for index in layers.indices {
      let layer = layers[index]
      if needs.contains(.activation), let value = taps[layer.output] {
        let axis = layer.node.op.hasPrefix("Conv") ? 1 : value.rank - 1
        layers[index].sums.add(try value.sum(along: axis))
        layers[index].absolutes.add(try value.abs().sum(along: axis))
        layers[index].zeros.add(try value.eq(0).converted(to: .f32).sum(along: axis))
        layers[index].outputCount += value.count / max(1, value.shape[axis])
      }
      guard !needs.isDisjoint(with: [.input, .hessian]), let value = taps[layer.input] else { continue }
      let axis = layer.node.op.hasPrefix("Conv") ? 1 : value.rank - 1
      layers[index].squares.add(try (value * value).sum(along: axis))
      layers[index].inputCount += value.count / max(1, value.shape[axis])
      if needs.contains(.hessian) {
        let part = try Unfolding.outerProducts(of: value, into: layer.node, kernel: layer.view.weight.shape)
        layers[index].hessian = try layers[index].hessian.map { try $0 + part } ?? part
      }
    }
  }

  // MARK: Result

  func finished() throws -> [LayerView] {
    try layers.map { layer in
      var view = layer.view
      let scale = 1 / Double(max(1, samples))
      view.collected.gradient = try layer.gradient.map { try $0 * scale }
      view.collected.gradientSquared = try layer.squared.map { try $0 * scale }
      view.collected.gradientAbsolute = try layer.absolute.map { try $0 * scale }
      if needs.contains(.activation) {
        let scale = 1 / Double(max(1, layer.outputCount))
        view.collected.activation = ActivationStatistics(
          mean: try layer.sums.tensor(scale), meanAbsolute: try layer.absolutes.tensor(scale),
          zeros: try layer.zeros.tensor(scale))
      }
      if !needs.isDisjoint(with: [.input, .hessian]) {
        view.collected.input = InputStatistics(
          squareSum: try layer.squares.tensor(1), count: layer.inputCount, hessianSum: layer.hessian, layer: view.name)
      }
      return view
    }
  }
}

extension Tensor {
  /// Sums over all axes but one.
  fileprivate func sum(along axis: Int) throws -> [Double] {
    try sum(axes: (0..<rank).filter { $0 != axis }).scalars()
  }
}

extension [Double] {
  fileprivate mutating func add(_ other: [Double]) {
    self = isEmpty ? other : zip(self, other).map { $0 + $1 }
  }

  fileprivate func tensor(_ scale: Double) throws -> Tensor {
    try Tensor(map { Float($0 * scale) }, shape: Shape([count]))
  }
}

/// What one output position of a layer sees of its input, laid out as the weight's elements are.
enum Unfolding {
  /// Returns the sum over samples and positions of x xT: `[k, k]`, or `[groups, k, k]`.
  static func outerProducts(of value: Tensor, into node: Node, kernel: Shape) throws -> Tensor {
    guard node.op == "Conv" else {
      let width = value.shape[value.rank - 1]
      let rows = try value.reshaped(Shape([value.count / max(1, width), width]))
      return try rows.transposed(0, 1).matmul(rows)
    }
    guard value.rank == 4, kernel.rank == 4 else {
      throw PareError(
        .unsupported, "the hessian of a convolution", expected: "two spatial axes", got: "\(value.rank - 2)",
        layer: node.name, op: node.op)
    }
    let columns = try unfolded(value, node, kernel)
    let groups = try node.int("group", default: 1)
    let products = try (0..<groups).map { group in
      let size = columns.shape[0] / groups
      let rows = try columns.slice(axis: 0, from: group * size, to: (group + 1) * size)
      return try rows.matmul(rows.transposed(0, 1))
    }
    return products.count == 1 ? products[0] : try Tensor.stack(products, axis: 0)
  }

  /// `[N, C, H, W]` to `[C * kh * kw, N * oh * ow]`.
  private static func unfolded(_ value: Tensor, _ node: Node, _ kernel: Shape) throws -> Tensor {
    let strides = try node.ints("strides", default: [1, 1]), dilations = try node.ints("dilations", default: [1, 1])
    let sizes = [kernel[2], kernel[3]]
    let pads = try padding(value, node, sizes, strides, dilations)
    let padded = try value.padded([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])
    let spans = (0..<2).map { (sizes[$0] - 1) * dilations[$0] + 1 }
    let outputs = (0..<2).map { (padded.shape[2 + $0] - spans[$0]) / strides[$0] + 1 }
    var pieces: [Tensor] = []
    for i in 0..<sizes[0] {
      for j in 0..<sizes[1] {
        let top = i * dilations[0], left = j * dilations[1]
        let piece = try padded
          .slice(axis: 2, from: top, to: top + (outputs[0] - 1) * strides[0] + 1, step: strides[0])
          .slice(axis: 3, from: left, to: left + (outputs[1] - 1) * strides[1] + 1, step: strides[1])
        pieces.append(piece)
      }
    }
    // [taps, N, C, oh, ow] to [C, taps, N, oh, ow]: the order of a weight's elements.
    let stacked = try Tensor.stack(pieces, axis: 0).permuted([2, 0, 1, 3, 4]).contiguous()
    let rows = value.shape[1] * pieces.count
    return try stacked.reshaped(Shape([rows, stacked.count / max(1, rows)]))
  }

  private static func padding(
    _ value: Tensor, _ node: Node, _ kernel: [Int], _ strides: [Int], _ dilations: [Int]
  ) throws -> [Int] {
    let mode = try node.string("auto_pad", default: "NOTSET")
    guard mode.hasPrefix("SAME") else { return try node.ints("pads", default: [0, 0, 0, 0]) }
    var begin: [Int] = [], end: [Int] = []
    for axis in 0..<2 {
      let size = value.shape[2 + axis], output = (size + strides[axis] - 1) / strides[axis]
      let total = max(0, (output - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - size)
      begin.append(mode == "SAME_LOWER" ? total - total / 2 : total / 2)
      end.append(total - begin[axis])
    }
    return begin + end
  }
}
