import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// A value of the graph while it is lowered: its content in one or more layouts.
final class Value {
  struct Form {
    var layout: MemoryDescriptor
    var place: Place
  }

  let shape: [Int]
  let dtype: DType
  var forms: [Form] = []
  /// The value whose elements, in row-major order, are this one's: no form of its own until one is asked for.
  var origin: Value?
  /// The integers of which this value is the dequantized form: floats are made when somebody asks for them.
  var integers: (source: Value, grid: Grid)?
  /// The value whose signs these are (1 from 0 on, else -1): they are made when somebody asks for them.
  var signsOf: Value?
  /// Whether other values may see its buffers, so that nothing may be computed in place.
  var isShared = false

  init(_ shape: [Int], _ dtype: DType) {
    self.shape = shape
    self.dtype = dtype
  }

  /// oneDNN knows no rank 0.
  var sizes: [Int] { shape.isEmpty ? [1] : shape }
  var count: Int { shape.reduce(1, *) }
}

extension DType {
  /// oneDNN's name; nil for types it does not compute with.
  var oneDNN: dnnl_data_type_t? {
    switch self {
    case .f32: dnnl_f32
    case .u8: dnnl_u8
    case .i8: dnnl_s8
    case .i32: dnnl_s32
    default: nil
    }
  }
}

/// Turns a graph of fixed shapes into steps on an arena.
///
/// Operators with a kernel are methods in the extensions; chains of a layer and what can run inside it come from
/// `Chain`; whatever has no kernel runs through its operator's `forward`.
final class Lowering {
  let model: Model
  let types: [String: ValueType]
  let store: WeightStore
  let options: SessionOptions
  let consumers: [String: [Int]]
  let producers: [String: Int]
  private(set) var steps: [PlannedStep] = []
  private(set) var buffers: [ArenaBuffer] = []
  private(set) var inputs: [PlanPort] = []
  private(set) var outputs: [PlanPort] = []
  var values: [String: Value] = [:]
  /// The layout in which f32 images travel.
  private(set) var images = ImageLayout.channelsLast
  /// Values known at compile time.
  var constants: [String: Tensor] = [:]
  /// Consumers that are not lowered yet, by value; being an output of the model counts as one.
  private var pending: [String: Int] = [:]
  /// The integers of a file that were read last.
  var lastIntegers: (name: String, value: IntegerRepresentation)?
  /// Values that are read through another name.
  private var aliases: [String: String] = [:]

  init(_ model: Model, weights: WeightStore, options: SessionOptions) throws {
    self.model = model
    self.options = options
    store = weights
    types = try model.shapes()
    // What is known beforehand reads nothing.
    let constants = try Specialization.constants(of: model, types)
    self.constants = constants
    consumers = model.consumers.compactMapValues { places in
      let computed = places.filter { place in model.nodes[place].outputs.contains { !$0.isEmpty && constants[$0] == nil } }
      return computed.isEmpty ? nil : computed
    }
    producers = model.producers
    for (name, list) in consumers { pending[name] = list.count }
    for port in model.outputs { pending[port.name, default: 0] += 1 }
  }

  func run() throws {
    for port in model.inputs {
      let value = try makeValue(port.name)
      let buffer = newBuffer(value.count * value.dtype.size)
      // Written before the first step.
      buffer.touch(-1)
      inputs.append(PlanPort(name: port.name, shape: try Shape(value.shape), dtype: value.dtype, buffer: buffer))
      value.forms = [try rowMajorForm(value, .arena(buffer))]
      value.isShared = true
      values[port.name] = value
    }
    images = chooseImageLayout()
    let chains = try Chain.all(in: self)
    let attentions = attentions(), sums = integerAdds(), signs = signs()
    for (index, node) in model.nodes.enumerated() {
      try Interrupt.check()
      if node.outputs.allSatisfy({ $0.isEmpty || constants[$0] != nil }) { continue }
      if attentions.members.contains(index) || sums.members.contains(index) || signs.members.contains(index) { continue }
      do {
        if let attention = attentions.ends[index] {
          try lower(attention)
          for member in attention.members + [index] { consumed(model.nodes[member]) }
          continue
        }
        if let sum = sums.ends[index] {
          try lower(sum, at: index)
          for member in sum.members + [index] { consumed(model.nodes[member]) }
          continue
        }
        if let compared = signs.ends[index] {
          try lowerSigns(node, of: model.nodes[compared].inputs[0])
          for member in [compared, index] { consumed(model.nodes[member]) }
          continue
        }
        switch chains.role(of: index) {
        case .member: continue
        case .end(let chain):
          try lower(chain)
          for node in chain.nodes { consumed(node) }
        case .pair(let pair):
          try lower(pair)
          for node in pair.first.head.nodes + pair.second.head.nodes + pair.second.rest { consumed(node) }
        case .single:
          try lower(node)
          consumed(node)
        }
      } catch let error as PareError {
        throw error.located(layer: node.name, op: node.op)
      }
    }
    lastIntegers = nil
    for port in model.outputs { try finish(port) }
  }

  private func finish(_ port: Port) throws {
    let value = try value(port.name)
    let form = try rowMajor(value, for: port.name)
    guard case .arena(let buffer) = form.place else {
      // A constant output: copied into the arena, where outputs are read.
      let buffer = newBuffer(value.count * value.dtype.size)
      try emitCopy(port.name, from: form.place, to: buffer, bytes: value.count * value.dtype.size)
      buffer.touch(.max)
      outputs.append(PlanPort(name: port.name, shape: try Shape(value.shape), dtype: value.dtype, buffer: buffer))
      return
    }
    buffer.touch(.max)
    outputs.append(PlanPort(name: port.name, shape: try Shape(value.shape), dtype: value.dtype, buffer: buffer))
  }
}

/// Values.
extension Lowering {
  /// The tensor of a value that is known at compile time.
  func constant(_ name: String) throws -> Tensor? {
    if let known = constants[name] { return known }
    guard let parameter = model.parameters[name] else { return nil }
    let tensor = try parameter.value.dense()
    // What lies in a file is held by those who use it alone.
    if !(parameter.value is UnreadRepresentation) { constants[name] = tensor }
    return tensor
  }

  func isConstant(_ name: String) -> Bool { constants[name] != nil || model.parameters[name] != nil }

  /// The value called `name`; constants get a form when first asked for.
  func value(_ name: String) throws -> Value {
    if let value = values[name] { return value }
    guard let tensor = try constant(name)?.contiguous() else {
      throw PareError(.internal, "value '\(name)' is not computed yet")
    }
    let value = Value(tensor.shape.dimensions, tensor.dtype)
    value.forms = [try rowMajorForm(value, .constant(tensor.ownStorage()))]
    value.isShared = true
    values[name] = value
    return value
  }

  /// A value of the type that inference found; it has no content yet.
  func makeValue(_ name: String) throws -> Value {
    guard let type = types[name], let shape = type.fixedShape else {
      throw PareError(
        .unsupported, "the size of '\(name)' depends on data: the session needs fixed shapes",
        suggestion: "use the interpreter")
    }
    return Value(shape, type.dtype)
  }

  func rowMajorForm(_ value: Value, _ place: Place) throws -> Value.Form {
    // Types that oneDNN does not know are carried as bytes of the right number.
    guard let type = value.dtype.oneDNN else {
      return Value.Form(layout: try MemoryDescriptor([max(1, value.count * value.dtype.size)], dnnl_u8), place: place)
    }
    return Value.Form(layout: try MemoryDescriptor(value.sizes.map { max($0, 1) }, type), place: place)
  }

  /// The form in which the value came about, or was first asked for.
  func natural(_ value: Value, for name: String) throws -> Value.Form {
    try materialize(value, for: name)
    if let form = value.forms.first(where: { $0.layout.type != dnnl_bf16 }) { return form }
    if let narrow = value.forms.first { return try widened(value, narrow, for: name) }
    return try rowMajor(value, for: name)
  }

  /// The f32 form of a value that a layer left in bf16.
  private func widened(_ value: Value, _ narrow: Value.Form, for name: String) throws -> Value.Form {
    let layout = try MemoryDescriptor(value.sizes, dnnl_f32, strides: narrow.layout.strides)
    let form = Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))
    let count = value.count
    emit(name, "Reorder", "bf16 to f32", touching: [narrow.place, form.place]) { base, _ in
      pare_convert(
        PARE_F32, form.place.address(base), pare_operand(data: narrow.place.address(base), stride: 1, type: PARE_BF16), count)
    }
    value.forms.append(form)
    return form
  }

  /// The value in bf16, channels-last.
  func narrowed(_ value: Value, _ layout: MemoryDescriptor, for name: String) throws -> Value.Form {
    if let form = value.forms.first(where: { $0.layout.isSamePlacement(as: layout) }) { return form }
    let wide = try form(value, try MemoryDescriptor(layout.dimensions, dnnl_f32, strides: layout.strides), for: name)
    let form = Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))
    let count = value.count
    emit(name, "Reorder", "f32 to bf16", touching: [wide.place, form.place]) { base, _ in
      pare_convert(
        PARE_BF16, form.place.address(base), pare_operand(data: wide.place.address(base), stride: 1, type: PARE_F32), count)
    }
    value.forms.append(form)
    return form
  }

  /// The value in dense row-major order.
  func rowMajor(_ value: Value, for name: String) throws -> Value.Form {
    try materialize(value, for: name)
    if let narrow = value.forms.first, value.forms.allSatisfy({ $0.layout.type == dnnl_bf16 }) {
      _ = try widened(value, narrow, for: name)
    }
    if value.forms.isEmpty, let origin = value.origin {
      let form = try rowMajor(origin, for: name)
      value.forms.append(try rowMajorForm(value, form.place))
      origin.isShared = true
      value.isShared = true
    }
    guard let type = value.dtype.oneDNN else { return value.forms[0] }
    return try form(value, try MemoryDescriptor(value.sizes.map { max($0, 1) }, type), for: name)
  }

  /// The value in `layout`, reordered if it is not there in it yet.
  func form(_ value: Value, _ layout: MemoryDescriptor, for name: String) throws -> Value.Form {
    _ = try natural(value, for: name)
    for form in value.forms where form.layout.isSamePlacement(as: layout) {
      return Value.Form(layout: layout, place: form.place)
    }
    let form = try copied(value, to: layout, for: name)
    value.forms.append(form)
    return form
  }

  /// The value in `layout` in a buffer of its own, to be overwritten.
  func copied(_ value: Value, to layout: MemoryDescriptor, for name: String) throws -> Value.Form {
    let source = try natural(value, for: name)
    let target = Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))
    if try emitImageCopy(name, from: source, to: target) { return target }
    try emit(
      name, "Reorder", .reorder(from: source.layout, to: layout),
      [(DNNL_ARG_FROM, source.layout, source.place), (DNNL_ARG_TO, target.layout, target.place)])
    return target
  }

  /// Copies between the layouts of f32 images, where oneDNN's own copies are several times slower than memory; returns
  /// false for others.
  private func emitImageCopy(_ name: String, from source: Value.Form, to target: Value.Form) throws -> Bool {
    let sizes = target.layout.dimensions
    guard sizes.count == 4, source.layout.type == dnnl_f32, target.layout.type == dnnl_f32, source.layout.dimensions == sizes
    else { return false }
    let (images, channels, positions) = (sizes[0], sizes[1], sizes[2] * sizes[3])
    let last = try MemoryDescriptor.channelsLast(sizes, dnnl_f32), plain = try MemoryDescriptor(sizes, dnnl_f32)
    let threads = Int32(clamping: options.threads)
    func emit(_ copy: @escaping (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void) {
      self.emit(name, "Reorder", "image copy", touching: [source.place, target.place]) { base, _ in
        copy(
          UnsafePointer(source.place.address(base).assumingMemoryBound(to: Float.self)),
          target.place.address(base).assumingMemoryBound(to: Float.self))
      }
    }
    if channels % 16 == 0 {
      let blocks = try MemoryDescriptor.channelBlocks(sizes, dnnl_f32), spreads = target.layout == blocks
      if source.layout.isSamePlacement(as: last), spreads {
        emit { pare_block_channels($0, $1, images, positions, channels, threads) }
        return true
      }
      if source.layout == blocks, target.layout.isSamePlacement(as: last) {
        emit { pare_unblock_channels($0, $1, images, positions, channels, threads) }
        return true
      }
      if source.layout.isSamePlacement(as: plain) && spreads || source.layout == blocks && target.layout.isSamePlacement(as: plain) {
        emit { from, to in
          for offset in stride(from: 0, to: images * channels * positions, by: 16 * positions) {
            if spreads { pare_transpose(4, to + offset, 16, from + offset, positions, positions, 16) } else {
              pare_transpose(4, to + offset, positions, from + offset, 16, 16, positions)
            }
          }
        }
        return true
      }
    }
    let spreads = source.layout.isSamePlacement(as: plain) && target.layout.isSamePlacement(as: last)
    let gathers = source.layout.isSamePlacement(as: last) && target.layout.isSamePlacement(as: plain)
    guard spreads || gathers else { return false }
    let (rows, columns) = spreads ? (positions, channels) : (channels, positions)
    emit { from, to in
      for image in 0..<images {
        let offset = image * channels * positions
        pare_transpose(4, to + offset, columns, from + offset, rows, rows, columns)
      }
    }
    return true
  }

  /// Whether the buffer of a value may be overwritten by the node that is lowered now.
  func isLastUse(_ name: String, _ value: Value) -> Bool { !value.isShared && pending[name] == 1 }

  /// Notes that `node` has been lowered.
  func consumed(_ node: Node) {
    for name in Set(node.inputs) {
      pending[name, default: 1] -= 1
      if let source = aliases[name] { pending[source, default: 1] -= 1 }
    }
  }

  /// Notes that whoever reads `name` reads `source`.
  func alias(_ name: String, of source: String) {
    aliases[name] = source
    pending[source, default: 0] += pending[name] ?? 0
  }
}

/// Steps.
extension Lowering {
  func newBuffer(_ bytes: Int) -> ArenaBuffer {
    let buffer = ArenaBuffer(bytes: max(1, bytes), at: steps.count)
    buffers.append(buffer)
    return buffer
  }

  /// Appends a primitive; its scratch memory comes from the arena. With `parts` it is executed that many times, for one
  /// piece after another of what lies in the arena.
  func emit(
    _ name: String, _ op: String, _ descriptor: PrimitiveDescriptor,
    _ arguments: [(argument: Int32, layout: MemoryDescriptor, place: Place)], operations: Int = 0, note: String = "",
    parts: Int = 1
  ) throws {
    var arguments = arguments
    let scratchpad = descriptor.scratchpad
    if scratchpad.bytes > 0 { arguments.append((DNNL_ARG_SCRATCHPAD, scratchpad, .arena(newBuffer(scratchpad.bytes)))) }
    append(
      PlannedStep(
        name: name, op: op, implementation: descriptor.implementation + note, operations: operations,
        bytes: arguments.reduce(0) { total, argument in
          guard argument.argument != DNNL_ARG_SCRATCHPAD else { return total }
          if case .arena = argument.place { return total + parts * argument.layout.bytes }
          return total + argument.layout.bytes
        }, work: .primitive(try Primitive(descriptor), arguments, parts: parts)),
      touching: arguments.map(\.place))
  }

  /// Appends plain code that touches these places.
  func emit(
    _ name: String, _ op: String, _ implementation: String, touching places: [Place], operations: Int = 0,
    weightBytes: Int = 0, _ code: @escaping (UnsafeMutableRawPointer, Storage) throws -> Void
  ) {
    append(
      PlannedStep(
        name: name, op: op, implementation: implementation, operations: operations,
        bytes: places.reduce(weightBytes) { total, place in
          if case .arena(let buffer) = place { total + buffer.bytes } else { total }
        }, work: .code(code)),
      touching: places)
  }

  func emitCopy(_ name: String, from source: Place, to target: ArenaBuffer, bytes: Int) throws {
    emit(name, "Copy", "copy", touching: [source, .arena(target)]) { base, _ in
      (base + target.offset).copyMemory(from: source.address(base), byteCount: bytes)
    }
  }

  private func append(_ step: PlannedStep, touching places: [Place]) {
    for place in places { if case .arena(let buffer) = place { buffer.touch(steps.count) } }
    steps.append(step)
  }
}

extension Place {
  func address(_ base: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    switch self {
    case .arena(let buffer): base + buffer.offset
    case .constant(let storage): storage.base
    }
  }

  func floats(_ base: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> { address(base).assumingMemoryBound(to: Float.self) }
}
