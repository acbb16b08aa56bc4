import COneDNN
import Graph
import Support
import Tensor

/// Layers whose weights have a representation with a kernel of its own.
extension Lowering {
  /// Lowers a layer by the fastest kernel for its representation, with as much of the chain inside it as a `LayerTask`
  /// can say; returns false where the dense layer is faster, or nobody can do it.
  func lowerByKernel(_ chain: Chain) throws -> Bool {
    guard let chosen = try kernel(for: chain) else { return false }
    let head = Chain(nodes: Array(chain.nodes.prefix(chosen.length + 1)), links: Array(chain.links.prefix(chosen.length)))
    try emit(chosen.kernel, chosen.task, head, residual: chosen.residual)
    for node in chain.nodes.dropFirst(chosen.length + 1) { try lower(node) }
    return true
  }

  /// The kernel that is faster than the dense layer, what it is asked, the value that it adds, and how many links that says.
  func kernel(for chain: Chain) throws -> (kernel: any LayerKernel, task: LayerTask, residual: String?, length: Int)? {
    guard let (asked, residual, length) = try task(for: chain) else { return nil }
    var task = asked
    if values[chain.layer.inputs[0]]?.signsOf != nil { task.takesSigns = true }
    var best = LayerKernels.best(for: task, options.table, among: options.kernels)
    if best == nil, task.takesSigns {
      task.takesSigns = false
      best = LayerKernels.best(for: task, options.table, among: options.kernels)
    }
    return best.map { ($0, task, residual, length) }
  }

  /// What a chain asks of a kernel, the value that it adds, and how many of its links that says.
  private func task(for chain: Chain) throws -> (task: LayerTask, residual: String?, length: Int)? {
    let node = chain.layer
    guard !options.kernels.isEmpty, let form = try form(of: node), let weights = try representation(of: node) else { return nil }
    let quantized = quantizedLayer(node)
    var task = LayerTask(
      name: node.name, form: form, weights: weights, outputsLast: outputAxis(of: node) == 1, factor: nil,
      bias: try bias(of: node, outputs: 0), hasResidual: false, limits: -Float.infinity...Float.infinity,
      sourceGrid: quantized?.grid, threads: options.threads)
    task.bias = try bias(of: node, outputs: task.outputs)
    if node.op == "Gemm" {
      let alpha = Float(try node.float("alpha", default: 1))
      if alpha != 1 { task.factor = [Float](repeating: alpha, count: task.outputs) }
    }
    var residual: String?
    var length = 0
    var isLimited = false
    walk: for link in chain.links {
      switch link {
      case .normalize(let affine):
        guard task.factor == nil else { break walk }
        task.factor = affine.factor
        task.bias = affine.factor.indices.map { (task.bias?[$0] ?? 0) * affine.factor[$0] + affine.shift[$0] }
      case .bias(let name): task.bias = try constant(name)?.values(as: Float.self)
      case .add(let name):
        guard !isLimited, !task.hasResidual else { break walk }
        task.hasResidual = true
        residual = name
      case .activation(let activation):
        guard !isLimited, let limits = activation.limits else { break walk }
        isLimited = true
        task.limits = limits
      case .quantize(let grid): task.destinationGrid = grid
      }
      length += 1
    }
    if task.destinationGrid != nil, let name = residual, let (source, grid) = quantizedSource(name) {
      task.residualGrid = grid
      residual = source
    }
    return (task, residual, length)
  }

  private func form(of node: Node) throws -> LayerTask.Form? {
    guard let input = types[node.inputs[0]]?.fixedShape, let output = types[node.outputs[0]]?.fixedShape,
      let weights = types[node.inputs[1]]?.fixedShape, !input.contains(0), !output.contains(0)
    else { return nil }
    if node.op == "Conv" { return .convolution(try geometry(of: node, input: input, output: output, kernel: weights)) }
    guard weights.count == 2 else { return nil }
    let outputs = weights[outputAxis(of: node)], inner = weights[1 - outputAxis(of: node)]
    return .linear(rows: input.reduce(1, *) / inner, inner: inner, outputs: outputs)
  }

  /// The weights as they are stored; integers that the graph dequantizes count as stored.
  func representation(of node: Node) throws -> (any Representation)? {
    let name = node.inputs[1]
    if let stored = integers(name) ?? model.parameters[name]?.value { return stored }
    if let integers = integerWeights(name, outputAxis: outputAxis(of: node)) {
      return try IntegerRepresentation(
        values: integers.values, scales: Tensor(integers.scales, shape: Shape([integers.scales.count])),
        axis: outputAxis(of: node), bits: 8)
    }
    return try constant(name).map { DenseRepresentation($0) }
  }

  func bias(of node: Node, outputs: Int) throws -> [Float]? {
    guard node.op != "MatMul", let name = node.input(2), let values = try constant(name)?.values(as: Float.self) else {
      return nil
    }
    guard node.op == "Gemm" else { return values }
    let beta = Float(try node.float("beta", default: 1))
    return (0..<outputs).map { values[values.count == 1 ? 0 : $0] * beta }
  }

  private func emit(_ kernel: any LayerKernel, _ task: LayerTask, _ chain: Chain, residual: String?) throws {
    let node = chain.layer
    var input = try value(quantizedLayer(node)?.source ?? node.inputs[0])
    if task.takesSigns, let source = input.signsOf { input = source }
    let sizes: (source: [Int], destination: [Int])
    let layouts: (source: MemoryDescriptor, destination: MemoryDescriptor)
    let type = task.destinationGrid.map { $0.dtype == .u8 ? dnnl_u8 : dnnl_s8 } ?? dnnl_f32
    guard let sourceType = input.dtype.oneDNN else { throw PareError(.internal, "no such source type") }
    switch task.form {
    case .convolution(let geometry):
      sizes = (geometry.source, geometry.destination)
      layouts = (
        try layout(sizes.source, sourceType, kernel.source), try layout(sizes.destination, type, kernel.destination)
      )
    case .linear:
      let result = try makeValue(chain.output)
      sizes = (input.sizes, result.sizes)
      layouts = (try MemoryDescriptor(sizes.source, sourceType), try MemoryDescriptor(sizes.destination, type))
    }
    let source = try form(input, layouts.source, for: node.name).place
    var reused: Place?
    let added = try residual.map { name -> Place in
      let value = try value(name)
      if kernel.addsInPlace, isLastUse(name, value), let form = try formInPlace(value, layouts.destination, for: node.name) {
        reused = form.place
        return form.place
      }
      guard let type = value.dtype.oneDNN else { throw PareError(.internal, "no such residual type") }
      let wanted: MemoryDescriptor
      if case .convolution = task.form { wanted = try layout(sizes.destination, type, kernel.destination) } else {
        wanted = try MemoryDescriptor(value.sizes, type)
      }
      return try form(value, wanted, for: node.name).place
    }
    let key = "\(node.inputs[1])@\(node.name)@\(kernelName(kernel))@\(kernel.packing)"
    let weights = try store.packed(key) { try kernel.prepare(task) }
    let result = try makeValue(chain.output)
    let destination = reused ?? .arena(newBuffer(layouts.destination.bytes))
    let scratch = Place.arena(newBuffer(kernel.scratchBytes))
    result.forms = [Value.Form(layout: layouts.destination, place: destination)]
    let threads = Int32(clamping: options.threads)
    emit(
      node.name, chain.label, kernelName(kernel), touching: [source, destination, scratch] + [added].compactMap { $0 },
      operations: task.operations, weightBytes: weights.reduce(0) { $0 + $1.byteCount }
    ) { base, _ in
      try kernel.run(
        LayerBuffers(
          source: UnsafeRawPointer(source.address(base)), destination: destination.address(base),
          residual: added.map { UnsafeRawPointer($0.address(base)) }, scratch: scratch.address(base), weights: weights,
          threads: threads))
    }
    values[chain.output] = result
  }

  private func kernelName(_ kernel: any LayerKernel) -> String { Swift.type(of: kernel).name }

  private func layout(_ sizes: [Int], _ type: dnnl_data_type_t, _ layout: ImageLayout) throws -> MemoryDescriptor {
    switch layout {
    case .rowMajor: try MemoryDescriptor(sizes, type)
    case .channelsLast: try .channelsLast(sizes, type)
    case .channelBlocks: try .channelBlocks(sizes, type)
    }
  }
}
