import CKernels
import Graph
import Support
import Tensor

/// Products with constant f32 weights, layer normalization and table look-ups on Pare's own kernels.
extension Lowering {
  /// The library's products are the faster ones where there are no wide registers.
  private var hasWideRegisters: Bool { pare_isa_level() != PARE_ISA_PORTABLE }

  /// A product of rows of f32 with constant weights, and what of its chain an epilogue can say.
  struct Product {
    /// The layer and what is inside the epilogue.
    var head: Chain
    /// The rest of the chain.
    var rest: ArraySlice<Node>
    var rows: Int
    var inner: Int
    var outputs: Int
    /// Whether the weights are `[inner, outputs]`.
    var outputsLast: Bool
    var alpha: Float
    var bias: Storage?
    /// The value that is added.
    var residual: String?
    var then = PARE_THEN_LIMIT
    var limits = -Float.infinity...Float.infinity

    /// Multiply-accumulates.
    var operations: Int { rows * inner * outputs }
    var weightBytes: Int { inner * outputs * 4 }

    func epilogue(residual: UnsafePointer<Float>? = nil) -> pare_epilogue {
      pare_epilogue(
        bias: bias.map { UnsafePointer($0.base.assumingMemoryBound(to: Float.self)) }, residual: residual,
        residual_step: outputs, then: then, lower: limits.lowerBound, upper: limits.upperBound)
    }
  }

  /// What the chain is as a product, a convolution of single positions included; nil for integers and other layers, and
  /// where there are no wide registers.
  func product(_ chain: Chain) throws -> Product? {
    let node = chain.layer
    guard hasWideRegisters, quantizedLayer(node) == nil, let weights = types[node.inputs[1]]?.fixedShape,
      weights.count == (node.op == "Conv" ? 4 : 2), let shape = types[node.inputs[0]]?.fixedShape
    else { return nil }
    if node.op == "Conv" {
      guard let output = types[node.outputs[0]]?.fixedShape,
        try geometry(of: node, input: shape, output: output, kernel: weights).isPointwise
      else { return nil }
    }
    let axis = outputAxis(of: node)
    let outputs = weights[axis], inner = weights[1 - axis], rows = inner == 0 ? 0 : shape.reduce(1, *) / inner
    guard rows > 0, inner > 0, outputs > 0 else { return nil }
    var product = Product(
      head: chain, rest: [], rows: rows, inner: inner, outputs: outputs, outputsLast: axis == 1,
      alpha: Float(node.op == "Gemm" ? try node.float("alpha", default: 1) : 1))

    var bias = try bias(of: node, outputs: outputs)
    var length = 0
    walk: for link in chain.links {
      switch link {
      case .normalize(let affine):
        bias = affine.factor.indices.map { (bias?[$0] ?? 0) * affine.factor[$0] + affine.shift[$0] }
      case .bias(let name): bias = try constant(name)?.values(as: Float.self)
      case .add(let name):
        guard product.residual == nil else { break walk }
        product.residual = name
      case .activation(let activation):
        if let limits = activation.limits { product.limits = limits } else if let function = activation.then {
          product.then = function
        } else { break walk }
        length += 1
        break walk
      case .quantize: break walk
      }
      length += 1
    }
    product.head = Chain(nodes: Array(chain.nodes.prefix(length + 1)), links: Array(chain.links.prefix(length)))
    product.rest = chain.nodes.dropFirst(length + 1)
    product.bias = try bias.map { try SparseLayers.storage($0) }
    return product
  }

  /// The weights in panels, with alpha and a batch normalization inside.
  func packedWeights(_ product: Product) throws -> Storage {
    let (inner, outputs, alpha) = (product.inner, product.outputs, product.alpha)
    return try store.packed("\(weightsKey(product.head))*\(alpha)@panels\(pare_isa_level().rawValue)") {
      let storage = try Storage(byteCount: pare_gemm_packed_count(inner, outputs) * 4 + 64)
      func pack(_ rows: Range<Int>?) throws {
        let tensor = try self.floatWeights(product.head, outputAxis: product.outputsLast ? 1 : 0, rows: rows).contiguous()
        let scaled = alpha == 1 ? tensor : try tensor * Double(alpha)
        let all = rows ?? 0..<(product.outputsLast ? inner : outputs)
        let part = product.outputsLast
          ? pare_weight_part(step: all.lowerBound, steps: all.count, output: 0, outputs: outputs)
          : pare_weight_part(step: 0, steps: inner, output: all.lowerBound, outputs: all.count)
        withExtendedLifetime(scaled) {
          pare_gemm_pack(
            scaled.address.assumingMemoryBound(to: Float.self), product.outputsLast ? outputs : 1, product.outputsLast ? 1 : inner,
            part, inner, storage.base.assumingMemoryBound(to: Float.self))
        }
      }
      guard let shape = unread(product.head.layer.inputs[1])?.shape, shape.rank == 2 else {
        try pack(nil)
        return [storage]
      }
      // Some megabytes of the file at a time; parts of outputs begin at a multiple of 32.
      let step = max(32, (1 << 20) / shape[1] / 32 * 32)
      for first in stride(from: 0, to: shape[0], by: step) { try pack(first..<min(first + step, shape[0])) }
      return [storage]
    }[0]
  }

  /// Lowers a Gemm or MatMul with as much of its chain inside it as the kernel's epilogue can say; returns false for
  /// integers and other layers.
  func lowerProduct(_ chain: Chain) throws -> Bool {
    guard chain.layer.op != "Conv", let product = try product(chain) else { return false }
    let node = chain.layer
    let source = try rowMajor(value(node.inputs[0]), for: node.name).place
    let result = try makeValue(product.head.output)
    let added = try product.residual.map { try rowMajor(value($0), for: node.name).place }
    let weights = try packedWeights(product)
    let destination = Place.arena(newBuffer(result.count * 4))
    result.forms = [try rowMajorForm(result, destination)]
    let threads = Int32(clamping: options.threads)
    emit(
      node.name, product.head.label, "panels" + note(for: node), touching: [source, destination] + [added].compactMap { $0 },
      operations: product.operations, weightBytes: product.weightBytes
    ) { base, _ in
      var epilogue = product.epilogue(residual: added.map { UnsafePointer($0.floats(base)) })
      pare_gemm(
        source.floats(base), product.inner, weights.base.assumingMemoryBound(to: Float.self), destination.floats(base), product.outputs,
        product.rows, product.inner, product.outputs, &epilogue, threads)
    }
    values[product.head.output] = result
    for node in product.rest { try lower(node) }
    return true
  }

  func lowerLayerNormalization(_ node: Node) throws -> Bool {
    guard !isRead(node.outputs.dropFirst()), let shape = types[node.inputs[0]]?.fixedShape,
      types[node.inputs[0]]?.dtype == .f32, let n = shape.last, n > 0,
      [-1, shape.count - 1].contains(try node.int("axis", default: -1)),
      let scale = try vector(node.input(1), n)
    else { return false }
    let shift = try vector(node.input(2), n)
    guard node.input(2) == nil || shift != nil else { return false }
    let source = try rowMajor(value(node.inputs[0]), for: node.name).place
    let result = try makeValue(node.outputs[0])
    let destination = Place.arena(newBuffer(result.count * 4))
    result.forms = [try rowMajorForm(result, destination)]
    let epsilon = Float(try node.float("epsilon", default: 1e-5)), rows = result.count / n
    let threads = threads(for: result.count * 8)
    emit(node.name, node.op, "rows", touching: [source, destination]) { base, _ in
      pare_layer_norm(
        source.address(base).assumingMemoryBound(to: Float.self), destination.address(base).assumingMemoryBound(to: Float.self),
        rows, n, scale.base.assumingMemoryBound(to: Float.self), shift?.base.assumingMemoryBound(to: Float.self), epsilon,
        threads)
    }
    values[node.outputs[0]] = result
    return true
  }

  /// A constant of n floats.
  private func vector(_ name: String?, _ n: Int) throws -> Storage? {
    guard let name, isConstant(name), let tensor = try constant(name), tensor.dtype == .f32, tensor.count == n else { return nil }
    let dense = try tensor.contiguous()
    let storage = try Storage(byteCount: n * 4)
    storage.base.copyMemory(from: dense.address, byteCount: n * 4)
    return storage
  }

  /// Threads for a small operation of so many element steps: waking a second one costs some microseconds.
  func threads(for steps: Int) -> Int32 { steps < 65536 ? 1 : Int32(clamping: options.threads) }

  /// Rows of a constant table by number.
  func lowerGather(_ node: Node) throws -> Bool {
    guard try node.int("axis", default: 0) == 0, isConstant(node.inputs[0]), !isConstant(node.inputs[1]),
      types[node.inputs[1]]?.dtype == .i64, let table = try constant(node.inputs[0])?.contiguous(), table.rank >= 1
    else { return false }
    let indices = try rowMajor(value(node.inputs[1]), for: node.name).place
    let result = try makeValue(node.outputs[0])
    let destination = Place.arena(newBuffer(result.count * result.dtype.size))
    result.forms = [try rowMajorForm(result, destination)]
    let rows = table.shape[0], count = types[node.inputs[1]]?.fixedShape?.reduce(1, *) ?? 0
    let bytes = table.byteCount / max(rows, 1)
    emit(node.name, node.op, "rows", touching: [indices, destination]) { base, _ in
      let numbers = indices.address(base).assumingMemoryBound(to: Int64.self), target = destination.address(base)
      for position in 0..<count {
        let number = numbers[position], row = number < 0 ? number + Int64(rows) : number
        guard (0..<Int64(rows)).contains(row) else {
          throw PareError(
            .argument, "[gather] index \(number) at position \(position) lies outside an axis of \(rows)",
            expected: "-\(rows)..<\(rows)", got: "\(number)")
        }
        (target + position * bytes).copyMemory(from: table.address + Int(row) * bytes, byteCount: bytes)
      }
    }
    values[node.outputs[0]] = result
    return true
  }
}
