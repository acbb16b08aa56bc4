import Graph
import Support
import Tensor
import Training

extension Context {
  /// Positions of the calibration samples in the training part, ascending: drawn without replacement from the seed.
  public func calibrationIndices(_ samples: Int) throws -> [Int] {
    guard samples > 0 else {
      throw PareError(.argument, "calibration: samples", argument: "samples", expected: "at least 1", got: "\(samples)")
    }
    let count = try data.train.count
    guard count > 0 else { throw PareError(.argument, "the training part is empty", argument: "data") }
    var random = RandomSource(seed: seed, name: "calibration")
    return Array(Array(0..<count).shuffled(using: &random).prefix(samples)).sorted()
  }

  /// The calibration samples in batches.
  public func calibrationBatches(_ samples: Int, size: Int = 64) throws -> [Batch] {
    let indices = try calibrationIndices(samples)
    return try stride(from: 0, to: indices.count, by: max(1, size)).map { start in
      try data.train.batch(Array(indices[start..<min(indices.count, start + max(1, size))]))
    }
  }

  /// Streams calibration samples through `model`, batch by batch: nothing but what `body` keeps stays in memory.
  ///
  /// - Parameter taps: layers (their first output) or values that `body` sees in `Execution.taps`.
  public func stream(
    _ model: Model, samples: Int = 512, batch size: Int = 64, taps: [String] = [],
    _ body: (Execution, Batch) throws -> Void
  ) throws {
    let interpreter = try Interpreter(model)
    let input = try model.onlyInput
    let indices = try calibrationIndices(samples)
    let size = max(1, size)
    for start in stride(from: 0, to: indices.count, by: size) {
      try Interrupt.check()
      let batch = try data.train.batch(Array(indices[start..<min(indices.count, start + size)]))
      let execution = try Tensor.withoutGradient { () throws -> Execution in
        try interpreter.run([input: batch.x], taps: taps)
      }
      try body(execution, batch)
    }
  }

  /// Collects statistics of layers over calibration samples of the training part; the same samples for the same seed.
  ///
  /// - Parameters:
  ///   - needs: what to collect; `[]` reads no data at all.
  ///   - layers: names; nil: every convolution and linear layer whose weight is a parameter.
  ///   - samples: how many training samples.
  ///   - batch: how many are run at once. `.gradientSquared` and `.gradientAbsolute` run them one by one.
  /// - Returns: one view per layer, in graph order.
  /// - Throws: `not_found` for a layer that is not there, `unsupported` for one without a weight, and for the hessian of a
  ///   transposed convolution; where no layers are named, those are left out.
  public func statistics(
    of model: Model, needs: Statistics, layers: [String]? = nil, samples: Int = 512, batch: Int = 64
  ) throws -> [LayerView] {
    var views = try model.layerViews(layers, declared: needs)
    if needs.contains(.hessian) {
      views = try views.filter { view in
        guard view.op == "ConvTranspose" else { return true }
        guard layers == nil else {
          throw PareError(.unsupported, "the hessian of a transposed convolution", layer: view.name, op: view.op)
        }
        skip(view.name, "transposed convolutions have no hessian here")
        return false
      }
    }
    guard !needs.isEmpty, !views.isEmpty else { return views }
    var collector = StatisticsCollector(model, views, needs)
    if !needs.isDisjoint(with: [.gradient, .gradientSquared, .gradientAbsolute]) {
      let indices = try calibrationIndices(samples)
      let size = needs.isDisjoint(with: .perSample) ? max(1, batch) : 1
      let interpreter = try Interpreter(model)
      for start in stride(from: 0, to: indices.count, by: size) {
        try Interrupt.check()
        try collector.addGradients(
          data.train.batch(Array(indices[start..<min(indices.count, start + size)])), interpreter)
        if indices.count > 4 * size { progress(min(start + size, indices.count), indices.count) }
      }
    }
    if !needs.isDisjoint(with: [.activation, .input, .hessian]) {
      try stream(model, samples: samples, batch: batch, taps: collector.taps) { execution, _ in
        try collector.addValues(execution.taps)
      }
    }
    return try collector.finished()
  }
}

extension Model {
  /// The name of the one input that data goes into.
  var onlyInput: String {
    get throws {
      guard let input = inputs.first, inputs.count == 1 else {
        throw PareError(
          .unsupported, "compression with data sets takes models of one input", got: "\(inputs.count) inputs")
      }
      return input.name
    }
  }
}
