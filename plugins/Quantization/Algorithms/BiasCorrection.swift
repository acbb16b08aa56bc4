import PareKit

/// Rounding shifts the mean of a layer's outputs; its bias takes the shift back.
///
/// `iterative` runs the original and the quantized model on calibration samples, layer by layer in the order of the graph, and
/// adds the difference of the output channels' means to the bias: what earlier layers shift, and activations as integers, are
/// in it. `fast` takes `(W - Q) E[x]` with the means of the original model's inputs, once for all layers.
public struct BiasCorrection: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "bias_correction", summary: "Biases take back what rounding does to the mean of a layer's outputs",
    reference: "Nagel et al. 2019, \"Data-Free Quantization Through Weight Equalization and Bias Correction\", section 4.2; Banner et al. 2019",
    parameters: [
      .choice("mode", among: ["iterative", "fast"], default: "iterative", doc: "Layer by layer on the quantized model, or all at once from the inputs' means"),
      .entry("rounding", kind: .algorithm, default: "nearest", doc: "How the weights are rounded"),
      .integer("samples", default: 256, in: 1..., doc: "Training samples"),
    ])
  private let isFast: Bool
  private let rounding: any QuantizationAlgorithm
  private let samples: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    isFast = try arguments.string("mode") == "fast"
    rounding = try arguments.entry("rounding")
    samples = try arguments.integer("samples")
  }

  /// Those of the rounding.
  public var needs: Statistics { rounding.needs }

  /// As the rounding does.
  public func prepared(_ model: Model, _ context: Context) throws -> Model { try rounding.prepared(model, context) }

  /// As the rounding does.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized { try rounding.quantize(layer, bits: bits, axis: axis, with: quantizer, context) }

  /// The quantized model with other biases; layers without one are listed.
  ///
  /// - Throws: `argument` without data.
  public func corrected(_ quantized: Model, from original: Model, _ context: Context) throws -> Model {
    var result = try rounding.corrected(quantized, from: original, context)
    let before = Dictionary(try context.statistics(of: original, needs: []).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let layers = try context.statistics(of: result, needs: []).filter { view in
      guard let old = before[view.name], try !old.weight.isEqual(to: view.weight) else { return false }
      if view.biasName == nil { context.skip(view.name, "its mean is not corrected: it has no bias") }
      return view.biasName != nil
    }
    let inputs = isFast ? try means(original, layers.compactMap { before[$0.name]?.node.inputs.first }, layers, context) : []
    for (index, layer) in layers.enumerated() {
      try Interrupt.check()
      let shift: Tensor
      if isFast {
        guard let old = before[layer.name] else { continue }
        shift = try Self.shift(old, layer, inputs[index])
      } else {
        shift = try means(original, [layer.name], [layer], context)[0] - means(result, [layer.name], [layer], context)[0]
      }
      guard let name = layer.biasName else { continue }
      let value = try result.parameter(named: name).value, bias = try value.dense()
      result.parameters[name]?.value = try value.updated(from: bias + shift.converted(to: bias.dtype).reshaped(bias.shape))
      context.progress(index + 1, layers.count)
    }
    return result
  }

  /// Means of the channels of values over samples and positions.
  private func means(_ model: Model, _ values: [String], _ layers: [LayerView], _ context: Context) throws -> [Tensor] {
    var sums = [Tensor?](repeating: nil, count: values.count), counts = [Int](repeating: 0, count: values.count)
    try context.stream(model, samples: samples, taps: Set(values).sorted()) { execution, _ in
      for (index, name) in values.enumerated() {
        guard let value = execution.taps[name] else { continue }
        let axis = layers[index].op.hasPrefix("Conv") ? 1 : value.rank - 1
        let sum = try value.converted(to: .f64).sum(axes: (0..<value.rank).filter { $0 != axis })
        sums[index] = try sums[index].map { try $0 + sum } ?? sum
        counts[index] += value.count / max(1, value.shape[axis])
      }
    }
    return try zip(sums, counts).map { sum, count in
      guard let sum, count > 0 else { throw PareError(.argument, "bias_correction: no sample was seen", argument: "samples") }
      return try sum / Double(count)
    }
  }

  /// `(W - Q) E[x]`, positions of the kernel summed.
  private static func shift(_ old: LayerView, _ new: LayerView, _ means: Tensor) throws -> Tensor {
    let shape = old.weight.shape, rows = shape[0], columns = shape[1]
    let lost = try (old.weight - new.weight).converted(to: .f64).reshaped([old.groups, rows / old.groups, columns, old.weight.count / max(1, rows * columns)])
    return try (lost.sum(axes: [3]) * means.reshaped([old.groups, 1, columns])).sum(axes: [2]).reshaped([rows])
  }
}
