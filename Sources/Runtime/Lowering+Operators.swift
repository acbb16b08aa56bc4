import CKernels
import COneDNN
import Graph
import Support
import Tensor

extension Lowering {
  /// Lowers one node by itself.
  func lower(_ node: Node) throws {
    if try hasKernel(node), try lowerFast(node) { return }
    try lowerPlain(node)
  }

  /// Kernels take ONNX's own operators on sizes without zeros.
  private func hasKernel(_ node: Node) throws -> Bool {
    guard node.domain.isEmpty || node.domain == "ai.onnx" else { return false }
    for name in node.inputs + node.outputs where !name.isEmpty {
      guard let shape = types[name]?.fixedShape, !shape.contains(0) else { return false }
    }
    return true
  }

  /// Returns false for what has no kernel here; nothing has been done then.
  private func lowerFast(_ node: Node) throws -> Bool {
    do {
      switch node.op {
      case "Conv", "Gemm": return false
      case "Identity", "Dropout": return try lowerIdentity(node)
      case "Flatten", "Reshape", "Squeeze", "Unsqueeze": return try lowerView(node)
      case "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool": return try lowerPool(node)
      case "BatchNormalization": return try lowerBatchNormalization(node)
      case "Softmax", "LogSoftmax": return try lowerSoftmax(node)
      case "Concat": return try lowerConcat(node)
      case "Transpose": return try lowerTranspose(node)
      case "QuantizeLinear": return try lowerQuantize(node)
      case "DequantizeLinear": return try lowerDequantize(node)
      case "LayerNormalization": return try lowerLayerNormalization(node)
      case "Gather": return try lowerGather(node)
      case "MatMul": return try lowerMatmul(node)
      default:
        if let algorithm = Lowering.binaries[node.op] { return try lowerBinary(node, algorithm) }
        if let activation = try Activation(node, constant: constant) { return try lowerActivation(node, activation) }
        return false
      }
    } catch let error as PareError where error.code == .unsupported {
      return false
    }
  }

  private static let binaries: [String: dnnl_alg_kind_t] = [
    "Add": dnnl_binary_add, "Sub": dnnl_binary_sub, "Mul": dnnl_binary_mul, "Div": dnnl_binary_div,
    "Max": dnnl_binary_max, "Min": dnnl_binary_min,
  ]

  /// The types of the node's first input and output agree, and oneDNN computes with them.
  private func isFloat(_ names: [String]) -> Bool { names.allSatisfy { types[$0]?.dtype == .f32 } }

  /// Whether a node reads one of these values, or the model hands it out.
  func isRead(_ names: ArraySlice<String>) -> Bool {
    names.contains { name in consumers[name] != nil || model.outputs.contains { $0.name == name } }
  }

  // MARK: Views

  private func lowerIdentity(_ node: Node) throws -> Bool {
    guard !isRead(node.outputs.dropFirst()) else { return false }
    values[node.outputs[0]] = try value(node.inputs[0])
    alias(node.outputs[0], of: node.inputs[0])
    return true
  }

  private func lowerView(_ node: Node) throws -> Bool {
    let source = try value(node.inputs[0])
    let result = try makeValue(node.outputs[0])
    result.origin = source
    source.isShared = true
    result.isShared = true
    values[node.outputs[0]] = result
    return true
  }

  // MARK: Windows

  /// A node's window over the last two axes; padding as `auto_pad` says where it does.
  func window(_ node: Node, input: [Int], kernel: [Int], output: [Int]) throws -> WindowGeometry {
    let axes = input.count
    let strides = try node.ints("strides", default: [Int](repeating: 1, count: axes))
    let dilations = try node.ints("dilations", default: [Int](repeating: 1, count: axes))
    var padding = try node.ints("pads", default: [Int](repeating: 0, count: 2 * axes))
    let mode = try node.string("auto_pad", default: "NOTSET")
    if mode != "NOTSET" {
      for axis in 0..<axes {
        let reach = (output[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        let total = mode == "VALID" ? 0 : max(0, reach - input[axis])
        padding[axis] = mode == "SAME_LOWER" ? (total + 1) / 2 : total / 2
        padding[axes + axis] = total - padding[axis]
      }
    }
    guard axes == 2, [strides.count, dilations.count, kernel.count, output.count].allSatisfy({ $0 == 2 }), padding.count == 4
    else { throw PareError(.unsupported, "'\(node.name)' has no 2-D window") }
    return WindowGeometry(
      input: input, kernel: kernel, strides: strides, padding: padding, dilations: dilations, output: output)
  }

  private func lowerPool(_ node: Node) throws -> Bool {
    guard node.outputs.count == 1, let input = types[node.inputs[0]]?.fixedShape, input.count == 4,
      let output = types[node.outputs[0]]?.fixedShape
    else { return false }
    let source = try value(node.inputs[0])
    let isMax = node.op.hasSuffix("MaxPool")
    guard source.dtype == .f32 || (isMax && (source.dtype == .u8 || source.dtype == .i8)), let type = source.dtype.oneDNN
    else { return false }
    let spatial = Array(input[2...])
    let isGlobal = node.op.hasPrefix("Global")
    let window =
      isGlobal
      ? WindowGeometry(input: spatial, kernel: spatial, strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], output: [1, 1])
      : try window(
        node, input: spatial, kernel: node.ints("kernel_shape", default: []), output: Array(output[2...]))
    let includesPadding = try node.flag("count_include_pad")
    // Where rounding up lets a window hang over, what counts as padding differs between the two definitions.
    if !isMax, includesPadding, try node.flag("ceil_mode") { return false }
    let algorithm =
      isMax ? dnnl_pooling_max : includesPadding ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding
    // What a layer left in bf16 is pooled in bf16.
    let form: Value.Form
    if let narrow = source.forms.first, narrow.layout.type == dnnl_bf16 { form = narrow } else { form = try natural(source, for: node.name) }
    if isMax, try lowerPlanarPool(node, window, form) { return true }
    let descriptor = try PrimitiveDescriptor.poolingForward(
      algorithm, window, training: false, source: form.layout,
      destination: form.layout.type == dnnl_bf16 ? .channelsLast(output, dnnl_bf16) : .any(output, type))
    let result = try makeValue(node.outputs[0])
    result.forms = [Value.Form(layout: descriptor.destination, place: .arena(newBuffer(descriptor.destination.bytes)))]
    try emit(
      node.name, node.op, descriptor,
      [(DNNL_ARG_SRC, form.layout, form.place), (DNNL_ARG_DST, result.forms[0].layout, result.forms[0].place)])
    values[node.outputs[0]] = result
    return true
  }

  // MARK: Normalization, softmax

  private func lowerBatchNormalization(_ node: Node) throws -> Bool {
    guard node.outputs.count == 1, isFloat(Array(node.inputs.prefix(1))), (types[node.inputs[0]]?.fixedShape?.count ?? 0) >= 2,
      try !node.flag("training_mode"), node.inputs.count == 5, node.inputs.dropFirst().allSatisfy(isConstant)
    else { return false }
    let source = try value(node.inputs[0])
    let form = try natural(source, for: node.name)
    let descriptor = try PrimitiveDescriptor.batchNormalizationForward(
      source: form.layout, epsilon: Float(node.float("epsilon", default: 1e-5)), training: false)
    let vectors = try node.inputs.dropFirst().map { try natural(value($0), for: node.name) }
    guard vectors.allSatisfy({ $0.layout.type == dnnl_f32 }) else { return false }
    let result = try makeValue(node.outputs[0])
    result.forms = [Value.Form(layout: form.layout, place: .arena(newBuffer(form.layout.bytes)))]
    try emit(
      node.name, node.op, descriptor,
      [
        (DNNL_ARG_SRC, form.layout, form.place), (DNNL_ARG_SCALE, vectors[0].layout, vectors[0].place),
        (DNNL_ARG_SHIFT, vectors[1].layout, vectors[1].place), (DNNL_ARG_MEAN, vectors[2].layout, vectors[2].place),
        (DNNL_ARG_VARIANCE, vectors[3].layout, vectors[3].place),
        (DNNL_ARG_DST, form.layout, result.forms[0].place),
      ])
    values[node.outputs[0]] = result
    return true
  }

  private func lowerSoftmax(_ node: Node) throws -> Bool {
    guard isFloat([node.inputs[0]]), let shape = types[node.inputs[0]]?.fixedShape, !shape.isEmpty else { return false }
    // Before opset 13 the axes behind `axis` are one.
    let axis = try node.int("axis", default: model.opset >= 13 ? -1 : 1)
    let position = axis < 0 ? axis + shape.count : axis
    guard shape.indices.contains(position), model.opset >= 13 || position == shape.count - 1 else { return false }
    let form = try rowMajor(value(node.inputs[0]), for: node.name)
    let descriptor = try PrimitiveDescriptor.softmax(form.layout, axis: position, log: node.op == "LogSoftmax")
    guard !descriptor.implementation.hasPrefix("ref") else { return false }
    try emitUnary(node, descriptor, form)
    return true
  }

  // MARK: Element by element

  private func lowerActivation(_ node: Node, _ activation: Activation) throws -> Bool {
    guard isFloat([node.inputs[0]]) else { return false }
    let form = try natural(value(node.inputs[0]), for: node.name)
    let descriptor = try PrimitiveDescriptor.eltwise(
      activation.algorithm, alpha: activation.alpha, beta: activation.beta, form.layout)
    try emitUnary(node, descriptor, form)
    return true
  }

  private func emitUnary(_ node: Node, _ descriptor: PrimitiveDescriptor, _ form: Value.Form) throws {
    let result = try makeValue(node.outputs[0])
    result.forms = [Value.Form(layout: form.layout, place: .arena(newBuffer(form.layout.bytes)))]
    try emit(
      node.name, node.op, descriptor,
      [(DNNL_ARG_SRC, form.layout, form.place), (DNNL_ARG_DST, form.layout, result.forms[0].place)])
    values[node.outputs[0]] = result
  }

  private func lowerBinary(_ node: Node, _ algorithm: dnnl_alg_kind_t) throws -> Bool {
    guard node.inputs.count == 2, isFloat(node.inputs), let output = types[node.outputs[0]]?.fixedShape, !output.isEmpty
    else { return false }
    var (left, right) = (node.inputs[0], node.inputs[1])
    let commutes = node.op != "Sub" && node.op != "Div"
    if types[left]?.fixedShape != output {
      guard commutes else { return false }
      swap(&left, &right)
    }
    guard types[left]?.fixedShape == output, let shape = types[right]?.fixedShape else { return false }
    if node.op == "Mul", try lowerGate(node, image: left, gate: right) { return true }
    let a: Value.Form
    let b: Value.Form
    if shape == output {
      a = try natural(value(left), for: node.name)
      b = try form(value(right), a.layout, for: node.name)
    } else {
      let form = try rowMajor(value(right), for: node.name)
      let padded = [Int](repeating: 1, count: output.count - shape.count) + shape
      a = try natural(value(left), for: node.name)
      b = Value.Form(layout: try MemoryDescriptor(padded, dnnl_f32), place: form.place)
    }
    let descriptor = try PrimitiveDescriptor.binary(algorithm, a.layout, b.layout, a.layout)
    // The library's reference is many times slower than the interpreter's operator.
    guard !descriptor.implementation.hasPrefix("ref") else { return false }
    let result = try makeValue(node.outputs[0])
    result.forms = [Value.Form(layout: a.layout, place: .arena(newBuffer(a.layout.bytes)))]
    try emit(
      node.name, node.op, descriptor,
      [
        (DNNL_ARG_SRC_0, a.layout, a.place), (DNNL_ARG_SRC_1, b.layout, b.place),
        (DNNL_ARG_DST, a.layout, result.forms[0].place),
      ])
    values[node.outputs[0]] = result
    return true
  }

  /// An image times a number for each of its channels, `[N, C, 1, 1]`: squeeze and excitation (Hu et al. 2018).
  private func lowerGate(_ node: Node, image: String, gate: String) throws -> Bool {
    guard let shape = types[image]?.fixedShape, shape.count == 4, types[gate]?.fixedShape == [shape[0], shape[1], 1, 1] else { return false }
    let form = try natural(value(image), for: node.name)
    let rows = shape[2] * shape[3], groups: Int, width: Int
    if form.layout.isSamePlacement(as: try .channelsLast(shape, dnnl_f32)) {
      (groups, width) = (shape[0], shape[1])
    } else if shape[1] % 16 == 0, form.layout == (try .channelBlocks(shape, dnnl_f32)) {
      (groups, width) = (shape[0] * shape[1] / 16, 16)
    } else { return false }
    let scales = try rowMajor(value(gate), for: node.name)
    let result = try makeValue(node.outputs[0])
    let place = Place.arena(newBuffer(form.layout.bytes))
    result.forms = [Value.Form(layout: form.layout, place: place)]
    let threads = threads(for: result.count)
    emit(node.name, node.op, "rows", touching: [form.place, scales.place, place]) { base, _ in
      pare_scale_rows(form.place.floats(base), scales.place.floats(base), place.floats(base), groups, rows, width, threads)
    }
    values[node.outputs[0]] = result
    return true
  }

  // MARK: Joining, turning, multiplying

  private func lowerConcat(_ node: Node) throws -> Bool {
    let sources = try node.inputs.map { try value($0) }
    guard let dtype = sources.first?.dtype, let type = dtype.oneDNN, sources.allSatisfy({ $0.dtype == dtype }),
      let output = types[node.outputs[0]]?.fixedShape
    else { return false }
    let axis = try node.int("axis", default: 1)
    let forms = try sources.map { try natural($0, for: node.name) }
    let descriptor = try PrimitiveDescriptor.concat(
      forms.map(\.layout), axis: axis < 0 ? axis + output.count : axis, .any(output, type))
    let result = try makeValue(node.outputs[0])
    let layout = descriptor.destination
    result.forms = [Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))]
    var arguments = forms.enumerated().map { index, form in
      (argument: Int32(DNNL_ARG_MULTIPLE_SRC) + Int32(index), layout: form.layout, place: form.place)
    }
    arguments.append((DNNL_ARG_DST, layout, result.forms[0].place))
    try emit(node.name, node.op, descriptor, arguments)
    values[node.outputs[0]] = result
    return true
  }

  private func lowerTranspose(_ node: Node) throws -> Bool {
    let source = try value(node.inputs[0])
    guard let type = source.dtype.oneDNN, !source.shape.isEmpty else { return false }
    let order = try node.ints("perm", default: Array(source.shape.indices.reversed()))
    guard order.sorted() == Array(source.shape.indices) else { return false }
    let form = try rowMajor(source, for: node.name)
    let strides = MemoryDescriptor.rowMajor(source.shape)
    let turned = try MemoryDescriptor(order.map { source.shape[$0] }, type, strides: order.map { strides[$0] })
    let result = try makeValue(node.outputs[0])
    let layout = try MemoryDescriptor(result.shape, type)
    result.forms = [Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))]
    try emit(
      node.name, node.op, .reorder(from: turned, to: layout),
      [(DNNL_ARG_FROM, turned, form.place), (DNNL_ARG_TO, layout, result.forms[0].place)])
    values[node.outputs[0]] = result
    return true
  }

  /// A product of two computed values, batch axes broadcast.
  private func lowerMatmul(_ node: Node) throws -> Bool {
    // Vectors have no kernel; the result has fewer axes than the operand beside one.
    guard isFloat(node.inputs), node.inputs.allSatisfy({ types[$0]?.shape?.count ?? 0 >= 2 }),
      let output = types[node.outputs[0]]?.fixedShape
    else { return false }
    let forms = try node.inputs.map { name -> Value.Form in
      let value = try value(name)
      let form = try rowMajor(value, for: node.name)
      let sizes = [Int](repeating: 1, count: output.count - value.shape.count) + value.shape
      return Value.Form(layout: try MemoryDescriptor(sizes, dnnl_f32), place: form.place)
    }
    let layout = try MemoryDescriptor(output, dnnl_f32)
    let descriptor = try PrimitiveDescriptor.matmul(forms[0].layout, forms[1].layout, bias: .none, layout)
    let result = try makeValue(node.outputs[0])
    result.forms = [Value.Form(layout: layout, place: .arena(newBuffer(layout.bytes)))]
    let inner = forms[0].layout.dimensions.last ?? 1
    try emit(
      node.name, node.op, descriptor,
      [
        (DNNL_ARG_SRC, forms[0].layout, forms[0].place), (DNNL_ARG_WEIGHTS, forms[1].layout, forms[1].place),
        (DNNL_ARG_DST, layout, result.forms[0].place),
      ], operations: result.count * inner)
    values[node.outputs[0]] = result
    return true
  }

  // MARK: Everything else

  /// Runs the node as the interpreter does, on row-major tensors that look into the arena.
  func lowerPlain(_ node: Node) throws {
    let op = try OperatorRegistry.find(for: node, opset: model.opset)
    let opset = model.opset
    enum Source {
      case absent
      case constant(Tensor)
      case arena(ArenaBuffer, Shape, DType)
    }
    var places: [Place] = []
    let sources = try node.inputs.map { name -> Source in
      if name.isEmpty { return .absent }
      if isConstant(name), let tensor = try constant(name) { return .constant(tensor) }
      let value = try value(name)
      let form = try rowMajor(value, for: node.name)
      let shape = try Shape(value.shape)
      places.append(form.place)
      switch form.place {
      case .arena(let buffer): return .arena(buffer, shape, value.dtype)
      case .constant(let storage):
        return .constant(Tensor(storage: storage, shape: shape, layout: shape.rowMajor, dtype: value.dtype))
      }
    }
    var targets: [(buffer: ArenaBuffer, shape: Shape, dtype: DType)?] = []
    for name in node.outputs {
      guard !name.isEmpty else {
        targets.append(nil)
        continue
      }
      let result = try makeValue(name)
      let buffer = newBuffer(result.count * result.dtype.size)
      result.forms = [try rowMajorForm(result, .arena(buffer))]
      values[name] = result
      targets.append((buffer, try Shape(result.shape), result.dtype))
      places.append(.arena(buffer))
    }
    emit(node.name, node.op, "interpreter", touching: places) { [targets] _, arena in
      let arguments = sources.map { source -> Tensor? in
        switch source {
        case .absent: nil
        case .constant(let tensor): tensor
        case .arena(let buffer, let shape, let dtype):
          Tensor(
            storage: arena, shape: shape, layout: shape.rowMajor, offset: buffer.offset / dtype.size, dtype: dtype)
        }
      }
      var context = ExecutionContext(opset: opset)
      let results = try Tensor.withoutGradient { try op.forward(node, arguments, &context) }
      for (target, result) in zip(targets, results) {
        guard let target else { continue }
        guard result.shape == target.shape, result.dtype == target.dtype else {
          throw node.failure(
            .internal, "result", expected: "\(target.dtype)\(target.shape)", got: "\(result.dtype)\(result.shape)")
        }
        let dense = try result.contiguous()
        (arena.base + target.buffer.offset).copyMemory(from: dense.address, byteCount: dense.byteCount)
      }
    }
  }
}
