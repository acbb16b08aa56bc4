import COneDNN
import Graph
import Support
import Tensor

/// What runs inside a layer's kernel, in oneDNN's terms.
struct Epilogue {
  var attributes = Attributes()
  var bias: [Float]?
  /// The type in which the result is stored.
  var type = dnnl_f32
  var dtype = DType.f32
  /// The value that the result is added to, in the destination's buffer.
  var residual: (name: String, value: Value)?
  /// A float operand of a binary addition, where the destination holds integers.
  var addend: Value?
}

extension Lowering {
  /// Lowers a layer with everything fused into it; node by node where oneDNN cannot.
  func lower(_ chain: Chain) throws {
    if try lowerByKernel(chain) { return }
    if try lowerNarrow(chain) { return }
    if try lowerProduct(chain) { return }
    do {
      switch chain.layer.op {
      case "Conv": try lowerConvolution(chain)
      default: try lowerLinear(chain)
      }
    } catch let error as PareError where error.code == .unsupported {
      // Steps that were put in on the way (conversions) stay valid; the layer goes on with less inside it.
      guard chain.nodes.count > 1 else { return try lowerPlain(chain.layer) }
      try lower(Chain(nodes: [chain.layer], links: []))
      for node in chain.nodes.dropFirst() { try lower(node) }
    }
  }

  /// Builds the epilogue of a chain.
  ///
  /// - Parameters:
  ///   - outputs: the number of output channels.
  ///   - bias: the layer's own, in real units.
  ///   - unit: integers only: what one step of the accumulator is worth, per output channel.
  func epilogue(_ chain: Chain, bias: [Float]?, unit: [Float]?, addendLayout: () throws -> MemoryDescriptor) throws -> Epilogue {
    var result = Epilogue()
    var bias = bias
    if let affine = chain.normalization {
      bias = affine.factor.indices.map { (bias?[$0] ?? 0) * affine.factor[$0] + affine.shift[$0] }
    }
    var target: Grid?
    var factor: Float = 1
    if case .quantize(let grid)? = chain.links.last {
      target = grid
      result.dtype = grid.dtype
      result.type = grid.dtype == .u8 ? dnnl_u8 : dnnl_s8
      // Where everything on the way scales, the output's scale goes into the layer's own.
      if scalesAll(chain) { factor = 1 / grid.scale }
    }
    for link in chain.links {
      switch link {
      case .normalize: break
      case .activation(let activation):
        result.attributes.postOperations.append(activation.scaled(by: factor).postOperation)
      case .bias(let name): bias = try constant(name)?.values(as: Float.self)
      case .add(let name):
        if target != nil, scalesAll(chain), let (source, grid) = quantizedSource(name) {
          let differs = grid.dtype != result.dtype
          let type = grid.dtype == .u8 ? dnnl_u8 : dnnl_s8
          result.attributes.postOperations.append(
            .sum(scale: grid.scale * factor, zeroPoint: grid.zeroPoint, type: differs ? type.rawValue : nil))
          result.residual = (source, try value(source))
        } else if target != nil {
          result.attributes.postOperations.append(
            .binary(algorithm: dnnl_binary_add.rawValue, operand: try addendLayout()))
          result.addend = try value(name)
        } else {
          result.attributes.postOperations.append(.sum(scale: 1))
          result.residual = (name, try value(name))
        }
      case .quantize(let grid):
        let rest = scalesAll(chain) ? 1 : 1 / grid.scale
        if rest != 1 || grid.zeroPoint != 0 {
          result.attributes.postOperations.append(
            .eltwise(algorithm: dnnl_eltwise_linear.rawValue, alpha: rest, beta: Float(grid.zeroPoint)))
        }
      }
    }
    if let unit {
      result.attributes.outputScales = unit.map { $0 * factor }
      // oneDNN adds the bias to the accumulator, before scaling.
      bias = bias.map { zip($0, unit).map { $0 / $1 } }
    }
    result.bias = bias
    return result
  }

  private func scalesAll(_ chain: Chain) -> Bool { chain.links.allSatisfy { scales($0) } }

  private func scales(_ link: Chain.Link) -> Bool {
    switch link {
    case .activation(let activation): activation.scalesWithInput
    case .add(let name): quantizedSource(name) != nil
    case .normalize, .bias, .quantize: true
    }
  }

  // MARK: Convolution

  private func lowerConvolution(_ chain: Chain) throws {
    let node = chain.layer
    guard let input = types[node.inputs[0]]?.fixedShape, let output = types[node.outputs[0]]?.fixedShape,
      let kernel = types[node.inputs[1]]?.fixedShape
    else { throw PareError(.internal, "convolution '\(node.name)' without sizes") }
    let geometry = try geometry(of: node, input: input, output: output, kernel: kernel)
    let given = try node.input(2).flatMap { try constant($0) }?.values(as: Float.self)
    let channelsLast = { try MemoryDescriptor.channelsLast(output, dnnl_f32) }
    if let layer = quantizedLayer(node) {
      let unit = layer.weights.scales.map { $0 * layer.grid.scale }
      var epilogue = try epilogue(chain, bias: given, unit: unit, addendLayout: channelsLast)
      if layer.grid.zeroPoint != 0 { epilogue.attributes.zeroPoints[DNNL_ARG_SRC] = layer.grid.zeroPoint }
      try emitConvolution(
        chain, geometry, try value(layer.source), layer.weights.name + "@int", dnnl_s8, { layer.weights.values }, epilogue)
    } else {
      let epilogue = try epilogue(chain, bias: given, unit: nil, addendLayout: channelsLast)
      try emitConvolution(
        chain, geometry, try value(node.inputs[0]), weightsKey(chain), dnnl_f32,
        { try self.floatWeights(chain, outputAxis: 0) }, epilogue)
    }
  }

  func geometry(of node: Node, input: [Int], output: [Int], kernel: [Int]) throws -> ConvolutionGeometry {
    ConvolutionGeometry(
      batch: input[0], inputChannels: input[1], outputChannels: output[1], groups: try node.int("group", default: 1),
      window: try window(node, input: Array(input[2...]), kernel: Array(kernel[2...]), output: Array(output[2...])))
  }

  /// The layer's weights with a batch normalization folded in; some rows of their first axis, or all.
  func floatWeights(_ chain: Chain, outputAxis: Int, rows: Range<Int>? = nil) throws -> Tensor {
    let name = chain.layer.inputs[1]
    guard let tensor = try rows.map({ try unread(name)?.dense(rows: $0) }) ?? constant(name), tensor.dtype == .f32 else {
      throw PareError(.unsupported, "constant '\(name)' is not f32")
    }
    guard let affine = chain.normalization else { return tensor }
    let factor = rows.map { outputAxis == 0 ? Array(affine.factor[$0]) : affine.factor } ?? affine.factor
    var sizes = [Int](repeating: 1, count: tensor.rank)
    sizes[outputAxis] = factor.count
    return try tensor * Tensor(factor, shape: Shape(sizes))
  }

  /// A parameter whose numbers are not read yet.
  func unread(_ name: String) -> UnreadRepresentation? {
    constants[name] == nil ? model.parameters[name]?.value as? UnreadRepresentation : nil
  }

  /// Layers may share weights and differ in what is folded into them.
  func weightsKey(_ chain: Chain) -> String {
    chain.normalization == nil ? chain.layer.inputs[1] : "\(chain.layer.inputs[1])@\(chain.layer.name)"
  }

  private func emitConvolution(
    _ chain: Chain, _ geometry: ConvolutionGeometry, _ source: Value, _ weightsKey: String,
    _ weightsType: dnnl_data_type_t, _ weights: () throws -> Tensor, _ epilogue: Epilogue
  ) throws {
    let node = chain.layer
    guard let sourceType = source.dtype.oneDNN else { throw PareError(.unsupported, "no such source type") }
    let anyWeights = try MemoryDescriptor.any(geometry.weights, weightsType)
    let bias = epilogue.bias == nil ? .none : try MemoryDescriptor([geometry.outputChannels], dnnl_f32)
    func descriptor(_ plan: ConvolutionPlan, _ geometry: ConvolutionGeometry) throws -> PrimitiveDescriptor {
      try PrimitiveDescriptor.convolutionForward(
        geometry, plan.algorithm, training: false, source: plan.source, weights: anyWeights, bias: bias,
        destination: plan.destination, attributes: epilogue.attributes)
    }
    var chosen: (plan: ConvolutionPlan, descriptor: PrimitiveDescriptor)?
    for plan in try layouts(geometry, source, sourceType, epilogue, for: node) {
      guard let candidate = try? descriptor(plan, geometry) else { continue }
      chosen = (plan, candidate)
      if !candidate.implementation.hasPrefix("ref") && !candidate.implementation.hasPrefix("gemm") { break }
    }
    guard let (plan, whole) = chosen, !(chain.links.count > 0 && whole.implementation.hasPrefix("ref")) else {
      throw PareError(.unsupported, "oneDNN has no fused kernel for '\(chain.label)'")
    }
    let input = try form(source, whole.source, for: node.name)
    var primitive = whole
    if plan.algorithm == dnnl_convolution_winograd {
      var part = geometry
      part.batch = geometry.imagesAtATime(scratch: whole.scratchpad.bytes, weights: whole.weights.bytes)
      let blocks = ConvolutionPlan(
        algorithm: plan.algorithm, source: try .channelBlocks(part.source, sourceType),
        destination: try .channelBlocks(part.destination, epilogue.type))
      primitive = try descriptor(blocks, part)
    }
    let plain = try MemoryDescriptor(geometry.weights, weightsType)
    let stored = try store.storage(weightsKey, in: primitive.weights, from: plain, weights)
    try emitLayer(
      chain, primitive, input: input, weights: (primitive.weights, stored), epilogue, result: whole.destination,
      sizes: geometry.destination, operations: geometry.operations)
  }

  // MARK: Gemm and MatMul

  private func lowerLinear(_ chain: Chain) throws {
    let node = chain.layer
    guard let shape = types[node.inputs[1]]?.fixedShape, shape.count == 2 else {
      throw PareError(.unsupported, "weights of '\(node.name)' are no matrix")
    }
    let outputsLast = outputAxis(of: node) == 1
    let outputs = outputsLast ? shape[1] : shape[0]
    let inner = outputsLast ? shape[0] : shape[1]
    let alpha = Float(node.op == "Gemm" ? try node.float("alpha", default: 1) : 1)
    var given: [Float]?
    if node.op == "Gemm", let name = node.input(2) {
      let beta = Float(try node.float("beta", default: 1))
      let values = try constant(name)?.values(as: Float.self) ?? []
      given = (0..<outputs).map { values[values.count == 1 ? 0 : $0] * beta }
    }
    let layer = quantizedLayer(node)
    let source = try value(layer?.source ?? node.inputs[0])
    let rows = source.count / max(inner, 1)
    guard let sourceType = source.dtype.oneDNN, rows > 0, inner > 0 else {
      throw PareError(.unsupported, "no kernel for these sizes")
    }
    let destination = try MemoryDescriptor([rows, outputs], dnnl_f32)
    var epilogue: Epilogue
    let weightsType: dnnl_data_type_t
    let key: String
    if let layer {
      let unit = layer.weights.scales.map { $0 * layer.grid.scale * alpha }
      epilogue = try self.epilogue(chain, bias: given, unit: unit) { destination }
      if layer.grid.zeroPoint != 0 { try foldZeroPoint(layer, outputs: outputs, outputsLast: outputsLast, into: &epilogue) }
      weightsType = dnnl_s8
      key = layer.weights.name + "@int"
    } else {
      epilogue = try self.epilogue(chain, bias: given, unit: nil) { destination }
      weightsType = dnnl_f32
      key = weightsKey(chain) + (alpha == 1 ? "" : "*\(alpha)")
    }
    // An image that was flattened for this layer is read as it lies: the weights take its layout instead.
    var sizes = [rows, inner]
    var input: Value.Form
    if let image = imageBehind(source, rows: rows) {
      input = try natural(image, for: node.name)
      sizes = image.shape
    } else {
      input = try rowMajor(source, for: node.name)
      input.layout = try MemoryDescriptor(sizes, sourceType)
    }
    let weightSizes = [outputs] + sizes.dropFirst()
    var steps = MemoryDescriptor.rowMajor(weightSizes)
    if outputsLast {
      steps = [1] + MemoryDescriptor.rowMajor(Array(sizes.dropFirst())).map { $0 * outputs }
    }
    let result = try MemoryDescriptor([rows, outputs], epilogue.type)
    let bias = epilogue.bias == nil ? .none : try MemoryDescriptor([outputs], dnnl_f32)
    let descriptor = try PrimitiveDescriptor.innerProduct(
      source: input.layout, weights: .any(weightSizes, weightsType), bias: bias, destination: result,
      attributes: epilogue.attributes)
    guard !(chain.links.count > 0 && descriptor.implementation.hasPrefix("ref")) else {
      throw PareError(.unsupported, "oneDNN has no fused kernel for '\(chain.label)'")
    }
    let plain = try MemoryDescriptor(weightSizes, weightsType, strides: steps)
    let stored = try store.storage(key, in: descriptor.weights, from: plain) {
      if let layer { return layer.weights.values }
      let tensor = try self.floatWeights(chain, outputAxis: outputsLast ? 1 : 0)
      return alpha == 1 ? tensor : try tensor * Double(alpha)
    }
    try emitLayer(
      chain, descriptor, input: input, weights: (descriptor.weights, stored), epilogue, sizes: [rows, outputs],
      operations: rows * outputs * inner)
  }

  /// The image of which `source` is the flattened form, where each row is one image.
  private func imageBehind(_ source: Value, rows: Int) -> Value? {
    var value = source
    while value.forms.isEmpty, let origin = value.origin { value = origin }
    guard value !== source, value.shape.count == 4, value.shape[0] == rows, value.dtype == source.dtype else { return nil }
    return value
  }

  /// Sum of (x - z) w = sum of x w - z times the sum of w, which goes into the bias: inner products know no zero point.
  private func foldZeroPoint(
    _ layer: QuantizedLayer, outputs: Int, outputsLast: Bool, into epilogue: inout Epilogue
  ) throws {
    let values = try layer.weights.values.contiguous(), inner = values.count / max(outputs, 1)
    var sums = [Int64](repeating: 0, count: outputs)
    try values.withBytes { bytes in
      let weights = bytes.bindMemory(to: Int8.self)
      for row in 0..<(outputsLast ? inner : outputs) {
        if outputsLast {
          for output in 0..<outputs { sums[output] += Int64(weights[row * outputs + output]) }
        } else {
          sums[row] = weights[(row * inner)..<((row + 1) * inner)].reduce(0) { $0 + Int64($1) }
        }
      }
    }
    let bias = epilogue.bias ?? [Float](repeating: 0, count: outputs)
    epilogue.bias = zip(bias, sums).map { Float(Double($0) - Double($1) * Double(layer.grid.zeroPoint)) }
  }

  // MARK: Both

  /// Emits the primitive of a layer: its destination is a fresh buffer, or the residual's where that is not needed again.
  ///
  /// - Parameter whole: the layout of the result, where the primitive makes it piece by piece.
  func emitLayer(
    _ chain: Chain, _ descriptor: PrimitiveDescriptor, input: Value.Form,
    weights: (layout: MemoryDescriptor, storage: Storage), _ epilogue: Epilogue, result whole: MemoryDescriptor? = nil,
    sizes: [Int], operations: Int
  ) throws {
    let result = try makeValue(chain.output)
    var layout = whole ?? descriptor.destination
    let parts = max(1, layout.bytes / max(1, descriptor.destination.bytes))
    let place: Place
    if let (name, value) = epilogue.residual {
      let type = layout.type == dnnl_bf16 ? dnnl_bf16 : value.dtype.oneDNN ?? epilogue.type
      // Signed and unsigned residuals differ in type, not in place.
      var wanted = layout
      if type != layout.type { wanted = try layout.with(type: type) }
      if sizes.count != value.sizes.count { wanted = try MemoryDescriptor(value.sizes, type) }
      if type == dnnl_bf16 {
        // A copy of its own, unless nobody else reads it.
        let form = try narrowed(value, wanted, for: chain.layer.name)
        place = isLastUse(name, value) ? form.place : try duplicated(form, for: chain.layer.name)
      } else if isLastUse(name, value), let form = try formInPlace(value, wanted, for: chain.layer.name) {
        place = form.place
      } else {
        place = try copied(value, to: wanted, for: chain.layer.name).place
      }
    } else {
      place = .arena(newBuffer(layout.bytes))
    }
    var arguments: [(argument: Int32, layout: MemoryDescriptor, place: Place)] = [
      (DNNL_ARG_SRC, descriptor.source, input.place),
      (DNNL_ARG_WEIGHTS, weights.layout, .constant(weights.storage)),
      (DNNL_ARG_DST, parts > 1 ? descriptor.destination : layout, place),
    ]
    if let bias = epilogue.bias {
      arguments.append((DNNL_ARG_BIAS, try MemoryDescriptor([bias.count], dnnl_f32), .constant(try SparseLayers.storage(bias))))
    }
    for (argument, point) in epilogue.attributes.zeroPoints {
      let storage = try Storage(byteCount: 4)
      storage.base.storeBytes(of: point, as: Int32.self)
      arguments.append(
        (DNNL_ARG_ATTR_ZERO_POINTS | argument, try MemoryDescriptor([1], dnnl_s32), .constant(storage)))
    }
    for (index, operation) in epilogue.attributes.postOperations.enumerated() {
      guard case .binary(_, let operand) = operation, let addend = epilogue.addend else { continue }
      // The rows of a product of more axes are dense rows of the operand too.
      let isRows = operand.dimensions.count != addend.sizes.count
      let form = try isRows ? rowMajor(addend, for: chain.layer.name) : form(addend, operand, for: chain.layer.name)
      arguments.append((DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * Int32(index + 1) | DNNL_ARG_SRC_1, operand, form.place))
    }
    try emit(
      chain.layer.name, chain.label, descriptor, arguments, operations: operations, note: note(for: chain.layer), parts: parts)
    if result.sizes != layout.dimensions { layout = try MemoryDescriptor(result.sizes, layout.type) }
    result.forms = [Value.Form(layout: layout, place: place)]
    values[chain.output] = result
  }

  private func duplicated(_ form: Value.Form, for name: String) throws -> Place {
    let buffer = newBuffer(form.layout.bytes)
    try emitCopy(name, from: form.place, to: buffer, bytes: form.layout.bytes)
    return .arena(buffer)
  }

  /// The value's own buffer in `layout`, if it is there in it.
  func formInPlace(_ value: Value, _ layout: MemoryDescriptor, for name: String) throws -> Value.Form? {
    _ = try natural(value, for: name)
    return value.forms.first { form in
      guard case .arena = form.place else { return false }
      return form.layout.isSamePlacement(as: layout)
    }
  }

  /// What a profile says beside the implementation: representations that run as something else.
  func note(for node: Node) -> String {
    guard let name = node.input(1), let label = model.parameters[name]?.value.label, label != "dense" else { return "" }
    if label == "int", quantizedLayer(node) != nil { return "" }
    return " (\(label) as dense)"
  }
}
