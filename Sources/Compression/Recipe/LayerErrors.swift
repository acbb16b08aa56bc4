import Glibc
import Graph
import OrderedCollections
import Support
import Tensor
import Training

/// How two forms of one model differ in one layer.
public struct ShrunkCheck: Sendable {
  /// The name of the layer, or of the model's output.
  public var layer: String
  /// The largest absolute difference of the layer's output (of the channels that both have).
  public var difference: Double
  /// That difference, relative to the largest absolute value of the masked model's output.
  public var relative: Double
}

/// Compares the outputs of two models layer by layer.
enum LayerErrors {
  /// Identical outputs have no noise at all; f32 itself resolves about 150 dB.
  static let exactDecibels = 200.0

  /// Signal to noise of each layer of `after` that also is in `before`, in dB; 200 means identical.
  ///
  /// A layer that became several (`fc.0`, `fc.1`) is compared by its last factor. Where a cut changed the shape, the
  /// masked form of the model is compared instead.
  static func decibels(before: Model, after: Model, masked: Model?, on inputs: [String: Tensor]) throws -> [String: Double] {
    let pairs = pairs(before, after)
    let reference = try run(before, pairs.map(\.before), inputs)
    let result = try run(after, pairs.map(\.after), inputs)
    var hidden: [String: Tensor]?
    var errors: [String: Double] = [:]
    for pair in pairs {
      guard let signal = reference[pair.before], var value = result[pair.after] else { continue }
      if signal.shape != value.shape {
        guard let masked, masked.nodes.contains(where: { $0.name == pair.before }) else { continue }
        if hidden == nil {
          let names = Set(masked.nodes.map(\.name))
          hidden = try run(masked, pairs.map(\.before).filter(names.contains), inputs)
        }
        guard let stand = hidden?[pair.before], stand.shape == signal.shape else { continue }
        value = stand
      }
      errors[pair.before] = try decibels(signal, value)
    }
    return errors
  }

  /// 10 log10 of the signal's power over the power of the difference.
  static func decibels(_ signal: Tensor, _ value: Tensor) throws -> Double {
    let exact = try signal.converted(to: .f64), difference = try exact - value.converted(to: .f64)
    let power = try (exact * exact).sum().item(), noise = try (difference * difference).sum().item()
    if noise == 0 { return exactDecibels }
    guard power > 0 else { return -exactDecibels }
    return Swift.min(exactDecibels, Swift.max(-exactDecibels, 10 * log10(power / noise)))
  }

  /// Layers that both models have, by the name in `before`.
  private static func pairs(_ before: Model, _ after: Model) -> [(before: String, after: String)] {
    var last: [String: String] = [:]
    for node in after.nodes { last[node.origin ?? node.name] = node.name }
    return before.nodes.compactMap { node in
      let own = node.inputs.contains { before.parameters[$0] != nil }
      guard own else { return nil }
      return last[node.name].map { (node.name, $0) }
    }
  }

  static func run(_ model: Model, _ taps: [String], _ inputs: [String: Tensor]) throws -> [String: Tensor] {
    try Tensor.withoutGradient { () throws -> [String: Tensor] in
      let execution = try Interpreter(model).run(inputs, taps: taps)
      return execution.taps.merging(execution.outputs) { tap, _ in tap }
    }
  }
}

extension Context {
  /// Runs the masked and the shrunk form of a pruned model on calibration samples (random inputs without data), keeps
  /// the largest difference of each layer for the report, and refuses a cut that computes something else.
  ///
  /// - Parameters:
  ///   - kept: for layers whose output channels were cut: which of them are left, ascending; their axis is the one whose
  ///     size changed. Layers whose shape changed otherwise are compared through the layers that read them.
  ///   - tolerance: of the difference relative to the layer's largest value.
  /// - Throws: `internal`, naming the layer, when the two differ by more.
  public func checkShrunk(
    masked: Model, shrunk: Model, kept: [String: [Int]] = [:], tolerance: Double = 1e-3
  ) throws {
    record.masked = masked
    let inputs = try errorInputs(for: masked, samples: 32)
    let present = Set(shrunk.nodes.map(\.name))
    let taps = masked.nodes.filter { present.contains($0.name) }.map(\.name)
    let expected = try LayerErrors.run(masked, taps, inputs), got = try LayerErrors.run(shrunk, taps, inputs)
    let ports = zip(masked.outputs, shrunk.outputs).map { ($0.name, $1.name) }
    for (name, other) in taps.map({ ($0, $0) }) + ports {
      guard var full = expected[name], let cut = got[other] else { continue }
      if let channels = kept[name], full.rank == cut.rank {
        let changed = (0..<full.rank).filter { full.shape[$0] != cut.shape[$0] }
        if changed.count == 1, cut.shape[changed[0]] == channels.count, (channels.last ?? 0) < full.shape[changed[0]] {
          full = try full.gather(axis: changed[0], indices: Tensor(channels.map(Int64.init), shape: Shape([channels.count])))
        }
      }
      guard full.shape == cut.shape, full.count > 0, full.dtype.isFloating else { continue }
      // Infinities are masks of attention; equal ones do not differ.
      let none = try Tensor.zeros([], full.dtype)
      let difference = try Tensor.where(full.eq(cut), none, (full - cut).abs()).max().item()
      let scale = try Tensor.where(full.isFinite(), full.abs(), none).max().item()
      let check = ShrunkCheck(layer: name, difference: difference, relative: difference / Swift.max(scale, 1e-6))
      if !record.shrunk.contains(where: { $0.layer == name }) { record.shrunk.append(check) }
      guard check.relative <= tolerance else {
        throw PareError(
          .internal, "the masked and the shrunk model differ in '\(name)'", expected: "at most \(tolerance) relative",
          got: "\(check.relative)", layer: name)
      }
    }
  }

  /// What two forms of a model are run on: a few calibration samples; without data, or for several inputs, synthetic ones.
  ///
  /// Free sizes get numbers that the model runs with; a fixed batch stays.
  func errorInputs(for model: Model, samples: Int) throws -> [String: Tensor] {
    if hasData, model.inputs.count == 1 {
      let x = try calibrationBatches(samples, size: samples)[0].x
      guard let fixed = model.inputs[0].type.shape?.first?.value, fixed < x.shape[0] else { return [model.inputs[0].name: x] }
      return [model.inputs[0].name: try x.slice(axis: 0, from: 0, to: fixed)]
    }
    guard model.inputs.allSatisfy({ $0.type.shape != nil }) else {
      throw PareError(.argument, "the model's input sizes are not known", argument: "input", suggestion: "pass data=")
    }
    let sizes = model.inputs.allSatisfy({ $0.hasFixedSizes }) ? [64] : [64, 224, 32]
    var failure: (any Error)?
    for size in sizes {
      do {
        let inputs = try model.syntheticInputs(syntheticShapes(of: model, batch: Swift.min(samples, 8), image: size), seed: seed)
        // A sole size needs no trial.
        if sizes.count > 1 { _ = try LayerErrors.run(model, [], inputs) }
        return inputs
      } catch let error {
        if failure == nil { failure = error }
        try Interrupt.check()
      }
    }
    throw failure ?? PareError(.internal, "no inputs were tried")
  }

  /// - Parameter image: free sizes of inputs of four axes and more; others get 8.
  private func syntheticShapes(of model: Model, batch: Int, image: Int) throws -> [String: Shape] {
    var sizes: [String: Int] = [:]
    func size(_ dimension: Dimension, otherwise: Int) -> Int {
      if let value = dimension.value { return value }
      let known = sizes["\(dimension)"] ?? otherwise
      sizes["\(dimension)"] = known
      return known
    }
    var shapes: [String: Shape] = [:]
    for port in model.inputs {
      let dimensions = port.type.shape ?? []
      shapes[port.name] = try Shape(
        dimensions.enumerated().map { size($1, otherwise: $0 == 0 ? batch : dimensions.count >= 4 ? image : 8) })
    }
    return shapes
  }
}

extension Port {
  /// Whether all sizes but the batch are known.
  fileprivate var hasFixedSizes: Bool { type.shape?.dropFirst().allSatisfy { $0.value != nil } ?? false }
}
