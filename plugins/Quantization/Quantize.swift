import PareKit

/// Stores weights as integers and lets activations be integers between quantized layers.
///
/// Weights: signed, symmetric, one scale per output channel; they keep what earlier steps hold at 0. Activations:
/// unsigned, one scale and zero point per tensor, static, from ranges observed on training data; the graph gets pairs of
/// QuantizeLinear and DequantizeLinear. Batch-norms are folded into the layers before them first. Inputs and outputs of
/// the model stay floats. In groups, the weights of linear layers have a scale for each group of neighbouring inputs, and
/// convolutions one per output channel.
public struct Quantize: CompressionMethod {
  public static let entry = Entry(
    name: "quantize", summary: "Weights and activations as integers of 2 to 8 bits",
    reference: "Jacob et al. 2018; Krishnamoorthi 2018; Nagel et al. 2021",
    parameters: [
      .integer("bits", in: 2...8, optional: true, doc: "Bits of weights and activations; 8 when nothing is said"),
      .table("weights", optional: true, doc: "{bits=, granularity=\"channel\"|\"tensor\"|\"group\", group=32}; without activations: weights only"),
      ParameterSpec(
        name: "activations", type: .table, choices: ["false"], doc: "{bits=}, or false for weights only", isOptional: true),
      .entry("quantizer", kind: .quantizer, default: "uniform", doc: "The grid of the weights"),
      .entry("algorithm", kind: .algorithm, default: "nearest", doc: "How rounded weights are found"),
      .entry("observer", kind: .observer, default: "minmax", doc: "The range of activations"),
      .integer("calibration", default: 256, in: 1..., doc: "Training samples that the ranges are observed on"),
      .list("keep", default: [], doc: "Layers that stay as they are"),
      .table("layers", optional: true, doc: "Bits of single layers' weights: {[\"fc\"]={bits=4}}"),
    ])

  let weightBits: Int
  let isPerChannel: Bool
  /// Inputs of a linear layer that share a scale; nil: all.
  let group: Int?
  /// Nil: weights only.
  let activationBits: Int?
  private let quantizer: any Quantizer
  private let algorithm: any QuantizationAlgorithm
  private let observer: any RangeObserver
  private let samples: Int
  private let keep: Set<String>
  private let own: [String: Int]

  /// Settles which bits hold: those of `weights` and `activations`, else `bits`, else 8. With `activations=false`, or
  /// with `weights` and neither `bits` nor `activations`, activations stay floats.
  ///
  /// - Throws: `argument` for unknown fields or bits outside 2...8, and for `group` beside another granularity.
  public init(_ arguments: Arguments) throws {
    let bits = try arguments.optionalInteger("bits")
    let weights = try Fields(arguments, "weights", allowed: ["bits", "granularity", "group"])
    let activations = try Fields(arguments, "activations", allowed: ["bits"])
    weightBits = try weights?.bits() ?? bits ?? 8
    let granularity = try weights?.word("granularity", among: ["channel", "tensor", "group"])
    isPerChannel = granularity != "tensor"
    let size = try weights?.number("group")
    guard size == nil || granularity == nil || granularity == "group" else {
      throw PareError(
        .argument, "quantize: weights", argument: "group", expected: "granularity=\"group\"", got: granularity ?? "nothing")
    }
    group = granularity == "group" || size != nil ? size ?? 32 : nil
    if let activations {
      activationBits = try activations.bits() ?? bits ?? 8
    } else if arguments.isGiven("activations") || (weights != nil && bits == nil) {
      activationBits = nil
    } else {
      activationBits = bits ?? 8
    }
    quantizer = try arguments.entry("quantizer")
    algorithm = try arguments.entry("algorithm")
    observer = try arguments.entry("observer")
    samples = try arguments.integer("calibration")
    keep = Set(try arguments.strings("keep"))
    own = try arguments.optionalTable("layers").map(Self.layerBits) ?? [:]
  }

  private static func layerBits(_ table: ValueTable) throws -> [String: Int] {
    guard table.items.isEmpty else {
      throw PareError(.argument, "quantize: layers", argument: "layers", expected: "bits by layer name", got: "a list")
    }
    var result: [String: Int] = [:]
    for (name, value) in table.fields {
      guard let table = value.asTable else {
        throw PareError(
          .argument, "quantize: layer '\(name)'", argument: "layers", expected: "{bits=}", got: value.brief, layer: name)
      }
      result[name] = try Fields(table, "layers", allowed: ["bits"]).bits()
    }
    return result
  }

  /// What the algorithm needs.
  public var needs: Statistics { algorithm.needs }

  /// Folds batch-norms, makes the weights integers, and observes activations on `calibration` training samples.
  ///
  /// - Throws: `not_found` for a layer named in an argument that the model lacks; `nothing_changed` when no weight could become
  ///   integer; `unsupported` for a quantizer whose grid is not linear, or groups with another algorithm than `nearest`;
  ///   `argument` without data where activations are observed.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    try requireLayers(Array(keep) + own.keys, in: model)
    let folded = try algorithm.prepared(model.foldingBatchNorm(), context)
    let views = try context.statistics(of: folded, needs: algorithm.needs, samples: samples)
    var result = folded
    var layers: Set<String> = []
    for (index, view) in views.enumerated() {
      try Interrupt.check()
      if names(of: view, in: folded).contains(where: keep.contains) {
        context.skip(view.name, "kept as asked")
        continue
      }
      try quantizeWeight(of: view, in: &result, context)
      layers.insert(view.name)
      context.progress(index + 1, views.count)
    }
    for node in folded.nodes where ["Conv", "ConvTranspose", "Gemm", "MatMul"].contains(node.op) {
      if !views.contains(where: { $0.name == node.name }) { context.skip(node.name, "it has no weight among the parameters") }
    }
    guard !layers.isEmpty else {
      throw PareError(.nothingChanged, "quantize found no layer whose weight could become integer")
    }
    if let activationBits {
      let plan = ActivationPlan(result, layers: layers)
      let ranges = try observed(plan.sources, of: folded, context)
      result = try plan.inserted(in: result, ranges: ranges, bits: activationBits)
      try result.verified()
    }
    return try algorithm.corrected(result, from: folded, context)
  }

  /// What a layer can be called: its name, or that of the layer it is a factor of.
  private func names(of view: LayerView, in model: Model) -> [String] {
    [view.name] + (model.nodes.first { $0.name == view.name }?.origin.map { [$0] } ?? [])
  }

  private func requireLayers(_ names: [String], in model: Model) throws {
    for name in names.sorted() where !model.nodes.contains(where: { $0.origin == name }) {
      _ = try model.node(named: name)
    }
  }

  /// Replaces the weight of a layer by integers; what is held at 0 stays there.
  private func quantizeWeight(of view: LayerView, in model: inout Model, _ context: Context) throws {
    let bits = names(of: view, in: model).lazy.compactMap { own[$0] }.first ?? weightBits
    let old = try model.parameter(named: view.weightName).value
    if let integers = old as? IntegerRepresentation, integers.bits == bits { return }
    if let group, view.weight.rank == 2 {
      model.parameters[view.weightName]?.value = try grouped(view, old, bits: bits, each: group)
      return
    }
    let quantized = try algorithm.quantize(view, bits: bits, axis: isPerChannel ? 0 : nil, with: quantizer, context)
    let scale = try plain(quantized.scale), zero = try quantized.zero.map { try plain($0) }
    // A quantizer may answer with one scale for the whole tensor.
    let axis = isPerChannel && scale.rank > 0 ? (view.isTransposed ? 1 : 0) : nil
    var integers: any Representation = try IntegerRepresentation(
      values: view.stored(quantized.values), scales: scale, zeroPoints: zero.map { try $0.reshaped(scale.shape) }, axis: axis,
      bits: bits, isNarrow: zero == nil)
    try requireLinear(quantized, stored: view.stored(integers.dense()), view)
    if let mask = try old.mask() { integers = try integers.masked(mask) }
    model.parameters[view.weightName]?.value = integers
  }

  /// A matrix with a scale for each output and group of inputs: each group is a row of its own for the quantizer, the last
  /// one filled up with zeros.
  private func grouped(_ view: LayerView, _ old: any Representation, bits: Int, each: Int) throws -> any Representation {
    guard algorithm is Nearest else {
      throw PareError(
        .unsupported, "quantize in groups", argument: "algorithm", expected: "nearest", layer: view.name)
    }
    let outputs = view.weight.shape[0], inner = view.weight.shape[1]
    let size = min(each, max(inner, 1)), groups = (inner + size - 1) / size
    let rows = try view.weight.padded([0, 0, 0, groups * size - inner]).reshaped([outputs * groups, size])
    let quantized = try quantizer.quantize(rows, bits: bits, axis: 0)
    func grid(_ values: Tensor) throws -> Tensor { try view.stored(values.reshaped([outputs, groups])) }
    let values = try quantized.values.reshaped([outputs, groups * size]).narrowed(axis: 1, start: 0, length: inner).contiguous()
    let integers = try IntegerRepresentation(
      values: view.stored(values), scales: grid(quantized.scale), zeroPoints: quantized.zero.map(grid), axis: view.outputAxis,
      group: size, bits: bits, isNarrow: quantized.zero == nil)
    return try old.mask().map { try integers.masked($0) } ?? integers
  }

  /// One number, or one for each channel, whatever axes of size 1 a quantizer leaves beside.
  private func plain(_ tensor: Tensor) throws -> Tensor {
    if tensor.count == 1, tensor.rank > 1 || !isPerChannel { return try tensor.reshaped([]) }
    return tensor.rank > 1 ? try tensor.reshaped([tensor.count]) : tensor
  }

  /// Integers are stored as `(q - zero) * scale`; a grid that means something else by them has no representation here.
  private func requireLinear(_ quantized: Quantized, stored: Tensor, _ view: LayerView) throws {
    let meant = try quantizer.dequantize(quantized, axis: isPerChannel ? 0 : nil).converted(to: stored.dtype)
    let largest = try stored.abs().max().item()
    guard meant.shape == stored.shape, try (meant - stored).abs().max().item() <= 1e-5 * max(largest, 1e-30) else {
      throw PareError(
        .unsupported, "a quantizer whose values are not (q - zero) * scale", argument: "quantizer", expected: "a linear grid",
        layer: view.name)
    }
  }

  /// The ranges of values over the calibration samples of the training part.
  private func observed(
    _ values: [String], of model: Model, _ context: Context
  ) throws -> [String: (low: Double, high: Double)] {
    var observations = try values.map { _ in try observer.start() }
    try context.stream(model, samples: samples, taps: values) { execution, _ in
      for (index, value) in values.enumerated() {
        if let tensor = execution.taps[value] { try observations[index].update(tensor) }
      }
    }
    var ranges: [String: (low: Double, high: Double)] = [:]
    for (value, observation) in zip(values, observations) { ranges[value] = try observation.range() }
    return ranges
  }
}

/// The named fields of a table parameter, each checked.
private struct Fields {
  private let table: ValueTable
  private let argument: String

  init?(_ arguments: Arguments, _ name: String, allowed: [String]) throws {
    guard let table = try arguments.optionalTable(name) else { return nil }
    try self.init(table, name, allowed: allowed)
  }

  init(_ table: ValueTable, _ argument: String, allowed: [String]) throws {
    for (name, _) in table.fields where !allowed.contains(name) {
      throw PareError(
        .argument, "unknown field '\(name)' in \(argument) of quantize", argument: argument,
        expected: allowed.joined(separator: ", "), suggestion: Suggestion.didYouMean(name, among: allowed))
    }
    guard table.items.isEmpty else {
      throw PareError(.argument, "quantize: \(argument)", argument: argument, expected: "named fields", got: "a list")
    }
    self.table = table
    self.argument = argument
  }

  func bits() throws -> Int? {
    guard let value = table["bits"] else { return nil }
    guard let bits = value.asInteger, (2...8).contains(bits) else {
      throw PareError(.argument, "quantize: \(argument)", argument: "bits", expected: "2...8", got: value.brief)
    }
    return bits
  }

  /// A number from 1.
  func number(_ name: String) throws -> Int? {
    guard let value = table[name] else { return nil }
    guard let number = value.asInteger, number >= 1 else {
      throw PareError(.argument, "quantize: \(argument)", argument: name, expected: "an integer from 1", got: value.brief)
    }
    return number
  }

  func word(_ name: String, among words: [String]) throws -> String? {
    guard let value = table[name] else { return nil }
    guard let word = value.asString, words.contains(word) else {
      throw PareError(
        .argument, "quantize: \(argument)", argument: name, expected: words.joined(separator: " or "), got: value.brief)
    }
    return word
  }
}
