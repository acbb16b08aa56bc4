import COneDNN
import Graph
import Support
import Tensor

/// What is the same for all input shapes: the rewritten graph, constants, weights in oneDNN's layouts.
final class Compiler {
  let model: Model
  let options: SessionOptions
  let weights = WeightStore()

  init(_ model: Model, _ options: SessionOptions) {
    self.model = Fusion.rewritten(IntegerGraph.rewritten(model))
    self.options = options
  }

  /// Multiply-accumulates below which one thread is faster than two.
  private static let smallest = 2_000_000

  /// Makes the plan for inputs of these shapes, in the order of the model's inputs.
  func compile(_ shapes: [Shape]) throws -> Plan {
    var (fixed, parts) = (try fixed(shapes), 1)
    if hasFreeBatch {
      parts = BatchParts.count(of: fixed, try fixed.shapes())
      if parts > 1 { fixed = try self.fixed(shapes.map { try Shape([$0[0] / parts] + $0.dimensions.dropFirst()) }) }
    }
    let lowering = try lowered(fixed, options)
    let work = lowering.steps.reduce(0) { $0 + $1.operations }
    guard options.threads > 1, work < Compiler.smallest else { return try plan(lowering, parts: parts, threads: options.threads) }
    // Waking a second thread for each step takes longer than the smallest networks.
    var alone = options
    alone.threads = 1
    return try plan(lowered(fixed, alone), parts: parts, threads: 1)
  }

  private func fixed(_ shapes: [Shape]) throws -> Model {
    var fixed = model
    for (index, shape) in shapes.enumerated() { fixed.inputs[index].type.shape = shape.map { .fixed($0) } }
    return try Specialization.specialized(fixed)
  }

  /// Whether the first axis of every input is free.
  private var hasFreeBatch: Bool {
    model.inputs.allSatisfy { port in port.type.shape?.first.map { $0.value == nil } ?? false }
  }

  /// oneDNN plans for the team of the moment.
  private func lowered(_ model: Model, _ options: SessionOptions) throws -> Lowering {
    try Compute.withThreads(options.threads) {
      Compute.prepareLibraries()
      let lowering = try Lowering(model, weights: weights, options: options)
      try lowering.run()
      return lowering
    }
  }

  private func plan(_ lowering: Lowering, parts: Int, threads: Int) throws -> Plan {
    try Plan(
      lowering.steps, buffers: lowering.buffers, inputs: lowering.inputs, outputs: lowering.outputs, parts: parts,
      threads: threads)
  }
}

/// What a compilation depends on beside model and shapes.
struct SessionOptions: Sendable {
  var threads: Int
  var precision = Session.Precision.f32
  var table: BreakEvenTable = .builtIn
  var kernels: [any LayerKernel.Type] = LayerKernels.all
}

/// Weights in the layouts that primitives want, made once and shared by the plans of a session.
final class WeightStore {
  private var entries: [String: [(layout: MemoryDescriptor, storage: Storage)]] = [:]
  private var packed: [String: [Storage]] = [:]

  /// Returns what a kernel packed under `key`, made at first.
  func packed(_ key: String, _ make: () throws -> [Storage]) rethrows -> [Storage] {
    if let found = packed[key] { return found }
    let made = try make()
    packed[key] = made
    return made
  }

  /// Returns the constant called `key` in `layout`, reordered from `plain` (dense, laid out as `plainLayout`) at first.
  func storage(
    _ key: String, in layout: MemoryDescriptor, from plainLayout: MemoryDescriptor, _ plain: () throws -> Tensor
  ) throws -> Storage {
    if let found = entries[key]?.first(where: { $0.layout == layout }) { return found.storage }
    let storage = try made(layout, plainLayout, plain().contiguous())
    entries[key, default: []].append((layout, storage))
    // Plain forms that were made on the way: kept for the next tensor of their size they would add up, layer by layer.
    if layout.bytes >= WeightStore.large { Compute.releaseCachedMemory() }
    return storage
  }

  private static let large = 1 << 20

  private func made(_ layout: MemoryDescriptor, _ plainLayout: MemoryDescriptor, _ tensor: Tensor) throws -> Storage {
    if layout == plainLayout { return try tensor.ownStorage() }
    let storage = try Storage(byteCount: max(layout.bytes, 1))
    let reorder = try Primitive(.reorder(from: plainLayout, to: layout))
    let scratchpad = reorder.descriptor.scratchpad
    let scratch = try Storage(byteCount: max(scratchpad.bytes, 1))
    try reorder.execute([
      (DNNL_ARG_FROM, Memory(plainLayout, tensor.address)), (DNNL_ARG_TO, Memory(layout, storage.base)),
      (DNNL_ARG_SCRATCHPAD, Memory(scratchpad, scratch.base)),
    ])
    withExtendedLifetime((tensor, scratch)) {}
    return storage
  }
}

extension Tensor {
  /// The tensor's memory, from its first element on: shared where it begins there. Nobody writes to memory that is shared.
  func ownStorage() throws -> Storage {
    let dense = try contiguous()
    if dense.offset == 0 { return dense.storage }
    let storage = try Storage(byteCount: Swift.max(1, dense.byteCount))
    withExtendedLifetime(dense) { storage.base.copyMemory(from: dense.address, byteCount: dense.byteCount) }
    return storage
  }
}
