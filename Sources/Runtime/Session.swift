import CKernels
import Graph
import Support
import Synchronization
import Tensor

/// A model compiled for inference on this machine's processor.
///
/// Batch normalization is folded into the convolution before it; bias, activation and residual addition run inside the
/// convolution or matrix product; layouts are oneDNN's choice; weights are brought into them once; all activations
/// share one planned arena. Quantized models (QuantizeLinear and DequantizeLinear around layers with integer weights)
/// run in 8-bit integers; their results are rounded half to even behind the addition of the zero point (ONNX rounds
/// before it: an exact half with an odd zero point goes the other way). Operators without a kernel here run as in the interpreter.
///
/// Other input shapes than those compiled for are compiled when first met, and kept. A session may be used from several
/// threads; its runs take turns. The same inputs give the same bits.
public final class Session: @unchecked Sendable {
  // Unchecked: `state` is touched under `lock` only; everything else is constant.
  private struct State {
    var plans: [(shapes: [Shape], plan: Plan)] = []
  }

  /// The type in which f32 layers compute.
  public enum Precision: String, Sendable, Hashable, CaseIterable {
    case f32
    /// Convolutions and products of 8-bit precision with sums in f32, where the processor has them.
    case bf16
  }

  /// The model as it was given.
  public let model: Model
  /// The number of threads a run uses; with 1, everything runs on the calling thread.
  public let threads: Int
  /// The batch that the session was compiled for first.
  public let batch: Int
  /// The type in which f32 layers compute.
  public let precision: Precision

  private let compiler: Compiler
  private let declared: [Shape]
  private let lock = Mutex(())
  private var state = State()
  /// Beyond this many shapes the plan that was used longest ago is dropped.
  private static let maximumPlans = 8

  /// Compiles `model`.
  ///
  /// - Parameters:
  ///   - threads: from 1; absent, `Compute.threads`.
  ///   - batch: what stands for a free first axis of the inputs, from 1. Other free axes count as 1.
  ///   - shapes: whole shapes of inputs by name, before `batch`.
  ///   - precision: bf16 takes half the memory and a fraction of the time, at 8 bits of precision.
  ///   - table: where the kernels of sparse and narrow weights are faster than the dense layer.
  /// - Throws: `argument` for an unknown input or a bad number, `unsupported` naming an operator that is not there,
  ///   `shape` where sizes do not fit the model.
  public convenience init(
    _ model: Model, threads: Int? = nil, batch: Int = 1, shapes: [String: [Int]] = [:], precision: Precision = .f32,
    table: BreakEvenTable = .builtIn
  ) throws {
    guard precision == .f32 || pare_has_bf16() != 0 else {
      throw PareError(
        .unsupported, "session", argument: "precision", expected: "f32: this processor does not multiply bf16", got: "bf16")
    }
    try self.init(
      model, batch: batch, shapes: shapes,
      options: SessionOptions(threads: threads ?? Compute.threads, precision: precision, table: table))
  }

  /// Compiles `model` with a choice among these kernels only.
  package convenience init(
    _ model: Model, threads: Int, batch: Int = 1, kernels: [any LayerKernel.Type], table: BreakEvenTable
  ) throws {
    try self.init(
      model, batch: batch, shapes: [:], options: SessionOptions(threads: threads, table: table, kernels: kernels))
  }

  private init(_ model: Model, batch: Int, shapes: [String: [Int]], options: SessionOptions) throws {
    let threads = options.threads
    precision = options.precision
    guard (1...256).contains(threads) else {
      throw PareError(.argument, "session: threads", argument: "threads", expected: "1...256", got: "\(threads)")
    }
    guard batch >= 1 else {
      throw PareError(.argument, "session: batch", argument: "batch", expected: "at least 1", got: "\(batch)")
    }
    for name in shapes.keys.sorted() where !model.inputs.contains(where: { $0.name == name }) {
      throw PareError(
        .argument, "the model has no input '\(name)'", argument: name,
        suggestion: Suggestion.didYouMean(name, among: model.inputs.map(\.name)))
    }
    self.model = model
    self.threads = threads
    self.batch = batch
    declared = try model.inputs.map { port in
      if let given = shapes[port.name] { return try Session.checked(given, port) }
      guard let dimensions = port.type.shape else {
        throw PareError(
          .argument, "input '\(port.name)' of the model has no shape", argument: "input",
          suggestion: "give its shape to the session")
      }
      return try Shape(dimensions.enumerated().map { axis, size in size.value ?? (axis == 0 ? batch : 1) })
    }
    compiler = Compiler(model, options)
    _ = try plan(for: declared)
  }

  private static func checked(_ sizes: [Int], _ port: Port) throws -> Shape {
    let shape = try Shape(sizes)
    guard let wanted = port.type.shape else { return shape }
    let fits = wanted.count == sizes.count && zip(wanted, sizes).allSatisfy { $0.value.map { [size = $1] in $0 == size } ?? true }
    guard fits else {
      throw PareError(
        .shape, "input '\(port.name)' of the model", argument: port.name,
        expected: "[\(wanted.map(\.description).joined(separator: ", "))]", got: "\(sizes)")
    }
    return shape
  }

  /// Computes the model's outputs.
  ///
  /// - Parameter inputs: by name, every input of the model. Another floating dtype than the input's is converted.
  /// - Throws: `argument`, `shape` or `dtype` naming an input that is missing or does not fit.
  public func run(_ inputs: [String: Tensor]) throws -> [String: Tensor] {
    if inputs.count != model.inputs.count { try refuse(inputs) }
    let values = try model.inputs.map { port in
      guard let value = inputs[port.name] else {
        throw PareError(.argument, "input '\(port.name)' of the model is missing", argument: port.name)
      }
      return try prepared(value, port)
    }
    let results = try run(values)
    var outputs: [String: Tensor] = [:]
    for (port, result) in zip(model.outputs, results) { outputs[port.name] = result }
    return outputs
  }

  /// Computes the output of a model of one input and one output.
  ///
  /// - Throws: `argument` for a model of several; what `run` throws.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard model.inputs.count == 1, model.outputs.count == 1 else {
      throw PareError(
        .argument, "the model has \(model.inputs.count) inputs and \(model.outputs.count) outputs; call it by name")
    }
    return try run([prepared(x, model.inputs[0])])[0]
  }

  private func run(_ values: [Tensor]) throws -> [Tensor] {
    try lock.withLock { _ in try planLocked(for: values.map(\.shape)).run(values) }
  }

  private func plan(for shapes: [Shape]) throws -> Plan { try lock.withLock { _ in try planLocked(for: shapes) } }

  private func planLocked(for shapes: [Shape]) throws -> Plan {
    // The last used stands first: the usual case is one comparison.
    if let first = state.plans.first, first.shapes == shapes { return first.plan }
    if let index = state.plans.firstIndex(where: { $0.shapes == shapes }) {
      let found = state.plans.remove(at: index)
      state.plans.insert(found, at: 0)
      return found.plan
    }
    let plan = try compiler.compile(shapes)
    state.plans.insert((shapes, plan), at: 0)
    if state.plans.count > Session.maximumPlans { state.plans.removeLast() }
    return plan
  }

  private func refuse(_ inputs: [String: Tensor]) throws {
    for name in inputs.keys.sorted() where !model.inputs.contains(where: { $0.name == name }) {
      throw PareError(
        .argument, "the model has no input '\(name)'", argument: name,
        expected: model.inputs.map(\.name).joined(separator: ", "),
        suggestion: Suggestion.didYouMean(name, among: model.inputs.map(\.name)))
    }
  }

  private func prepared(_ value: Tensor, _ port: Port) throws -> Tensor {
    var value = value.isTracked ? value.detached() : value
    if value.dtype != port.type.dtype {
      guard value.dtype.isFloating, port.type.dtype.isFloating else {
        throw PareError(
          .dtype, "input '\(port.name)' of the model", argument: port.name, expected: port.type.dtype.name,
          got: value.dtype.name)
      }
      value = try value.converted(to: port.type.dtype)
    }
    if let wanted = port.type.shape {
      guard wanted.count == value.rank else { throw misfit(value, wanted, port) }
      for (axis, size) in wanted.enumerated() {
        if let size = size.value, size != value.shape[axis] { throw misfit(value, wanted, port) }
      }
    }
    return value.isContiguous ? value : try value.contiguous()
  }

  private func misfit(_ value: Tensor, _ wanted: [Dimension], _ port: Port) -> PareError {
    PareError(
      .shape, "input '\(port.name)' of the model", argument: port.name,
      expected: "[\(wanted.map(\.description).joined(separator: ", "))]", got: "\(value.shape.dimensions)")
  }
}

/// Measuring.
extension Session {
  /// Bytes of the one block that holds all activations, for the shapes used last.
  public var arenaBytes: Int { lock.withLock { _ in state.plans.first?.plan.arenaBytes ?? 0 } }

  /// Where each buffer of the plan used last lies in the arena, and the first and last step that touch it.
  package var placements: [(bytes: Range<Int>, first: Int, last: Int)] {
    lock.withLock { _ in
      (state.plans.first?.plan.buffers ?? []).map { ($0.offset..<($0.offset + $0.bytes), $0.first, $0.last) }
    }
  }

  /// Inputs of the declared shapes where none are given: floats from N(0, 1), booleans true, integers that the tables which
  /// they index have, 0 or 1 where they index none.
  public func syntheticInputs(seed: UInt64 = 0) throws -> [String: Tensor] {
    try model.syntheticInputs(
      Dictionary(zip(model.inputs.map(\.name), declared), uniquingKeysWith: { first, _ in first }), seed: seed)
  }

  /// Times runs of the whole model on synthetic inputs, copying inputs in and outputs out included.
  ///
  /// - Parameter warmup: runs before the first is timed; absent, a tenth of `runs` and at least 3.
  /// - Throws: `argument` for fewer than one run.
  public func benchmark(runs: Int = 50, warmup: Int? = nil) throws -> Latency {
    try Bench.interleaved([self], runs: runs, warmup: warmup)[0]
  }

  /// Times each step by itself and names what computes it.
  ///
  /// - Parameter inputs: absent, synthetic ones.
  public func profile(_ inputs: [String: Tensor]? = nil, runs: Int = 20) throws -> [NodeProfile] {
    let given = try inputs ?? syntheticInputs()
    let values = try model.inputs.map { port in
      guard let value = given[port.name] else {
        throw PareError(.argument, "input '\(port.name)' of the model is missing", argument: port.name)
      }
      return try prepared(value, port)
    }
    return try lock.withLock { _ in try planLocked(for: values.map(\.shape)).profile(values, runs: runs) }
  }
}
