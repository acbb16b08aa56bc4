import COneDNN
import Support
import Tensor

/// Where a step finds or leaves data.
enum Place {
  case arena(ArenaBuffer)
  /// Weights and other constants, kept alive by the plan.
  case constant(Storage)
}

/// One unit of work before addresses are known.
struct PlannedStep {
  enum Work {
    /// Executed `parts` times: what lies in the arena, scratch memory apart, is that many pieces of its layout in a row.
    case primitive(Primitive, [(argument: Int32, layout: MemoryDescriptor, place: Place)], parts: Int)
    /// Plain code: gets the arena's base address.
    case code((UnsafeMutableRawPointer, Storage) throws -> Void)
  }
  var name: String
  var op: String
  var implementation: String
  /// Multiply-accumulates.
  var operations: Int
  /// Bytes that it must read and write at least: its operands and its result, once each.
  var bytes = 0
  var work: Work
}

/// How an input or output lies in the arena: dense row-major.
struct PlanPort {
  var name: String
  var shape: Shape
  var dtype: DType
  var buffer: ArenaBuffer

  var bytes: Int { shape.count * dtype.size }
}

/// A model for fixed shapes: steps in order with everything bound. A run allocates nothing but the outputs and looks
/// nothing up. All steps are run for one part of the batch after another, where `BatchParts` wants several.
final class Plan {
  private struct Step {
    var primitive: dnnl_primitive_t?
    var arguments: UnsafeMutablePointer<dnnl_exec_arg_t>?
    var count: Int32
    /// How many times the primitive is executed, each with `count` arguments of its own.
    var parts = 1
    var code: ((UnsafeMutableRawPointer, Storage) throws -> Void)?
  }

  /// Of one part.
  let inputs: [PlanPort]
  let outputs: [PlanPort]
  private let parts: Int
  let arenaBytes: Int
  /// Every piece of the arena, for those who check the plan.
  let buffers: [ArenaBuffer]
  private let arena: Storage
  private let threads: Int
  private var steps: [Step] = []
  private let planned: [PlannedStep]
  private let stream: dnnl_stream_t
  // What the C handles in `steps` point to.
  private var memories: [Memory] = []

  init(_ planned: [PlannedStep], buffers: [ArenaBuffer], inputs: [PlanPort], outputs: [PlanPort], parts: Int, threads: Int) throws {
    self.inputs = inputs
    self.outputs = outputs
    self.parts = parts
    self.planned = planned
    self.threads = threads
    self.buffers = buffers
    arenaBytes = MemoryPlan.place(buffers)
    arena = try Storage(byteCount: arenaBytes)
    stream = try OneDNN.engine().stream
    for step in planned {
      try Interrupt.check()
      switch step.work {
      case .code(let code): steps.append(Step(primitive: nil, arguments: nil, count: 0, code: code))
      case .primitive(let primitive, let arguments, let parts):
        let list = UnsafeMutablePointer<dnnl_exec_arg_t>.allocate(capacity: arguments.count * parts)
        steps.append(
          Step(primitive: primitive.handle, arguments: list, count: Int32(arguments.count), parts: parts, code: nil))
        for part in 0..<parts {
          for (index, argument) in arguments.enumerated() {
            let address: UnsafeMutableRawPointer =
              switch argument.place {
              case .arena(let buffer):
                arena.base + buffer.offset + (argument.argument == DNNL_ARG_SCRATCHPAD ? 0 : part * argument.layout.bytes)
              case .constant(let storage): storage.base
              }
            let memory = try Memory(argument.layout, address)
            memories.append(memory)
            (list + part * arguments.count + index).initialize(
              to: dnnl_exec_arg_t(arg: argument.argument, memory: memory.handle))
          }
        }
      }
    }
  }

  deinit { for step in steps { step.arguments?.deallocate() } }

  /// Computes the outputs, in the order of `outputs`.
  ///
  /// - Parameter values: in the order of `inputs`, of their shapes and dtypes.
  func run(_ values: [Tensor]) throws -> [Tensor] {
    let results = try outputs.map { port in
      try Tensor.empty(parts == 1 ? port.shape : Shape([port.shape[0] * parts] + port.shape.dimensions.dropFirst()), port.dtype)
    }
    try Compute.withThreads(threads) {
      for part in 0..<parts {
        bind(values, part)
        for step in steps {
          try Interrupt.check()
          try execute(step)
        }
        for (port, result) in zip(outputs, results) {
          (result.address + part * port.bytes).copyMemory(from: arena.base + port.buffer.offset, byteCount: port.bytes)
        }
      }
    }
    return results
  }

  private func bind(_ values: [Tensor], _ part: Int) {
    for (port, value) in zip(inputs, values) {
      (arena.base + port.buffer.offset).copyMemory(from: value.address + part * port.bytes, byteCount: port.bytes)
    }
    // The primitives were made for this team size; a team of one never wakes OpenMP's workers.
    Compute.prepareLibraries()
  }

  @inline(__always)
  private func execute(_ step: Step) throws {
    if let primitive = step.primitive, let arguments = step.arguments {
      for part in 0..<step.parts {
        try OneDNN.check(
          dnnl_primitive_execute(primitive, stream, step.count, arguments + part * Int(step.count)), "dnnl_primitive_execute")
      }
    } else if let code = step.code {
      try code(arena.base, arena)
    }
  }

  /// Times every step by itself.
  func profile(_ values: [Tensor], runs: Int) throws -> [NodeProfile] {
    var times = steps.map { _ in [Double]() }
    try Compute.withThreads(threads) {
      for _ in 0..<max(1, runs) {
        var spent = steps.map { _ in 0.0 }
        for part in 0..<parts {
          bind(values, part)
          for (index, step) in steps.enumerated() {
            let start = Clock.milliseconds()
            try execute(step)
            spent[index] += Clock.milliseconds() - start
          }
        }
        for (index, time) in spent.enumerated() { times[index].append(time) }
      }
    }
    let machine = Machine.measured(threads: threads)
    return zip(planned, times).map { step, times in
      let ms = Latency(times: times).medianMs
      let gflops = ms > 0 ? Double(2 * step.operations * parts) / (ms * 1e6) : 0
      let bandwidth = ms > 0 ? Double(step.bytes * parts) / (ms * 1e6) : 0
      return NodeProfile(
        name: step.name, op: step.op, implementation: step.implementation, ms: ms, gflops: gflops, gigabytes: bandwidth,
        share: max(gflops / machine.gflops, bandwidth / machine.gigabytes))
    }
  }
}
