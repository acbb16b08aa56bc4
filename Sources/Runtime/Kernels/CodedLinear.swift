import CKernels
import Graph
import Support
import Tensor

/// Weights of a linear layer as codes of few bits: `scale * table[code] + offset`, with a scale and an offset for each
/// output and group of inputs.
package struct CodedWeights: Sendable {
  /// `[outputs, inner]`, one code a byte.
  package var codes: [UInt8]
  package var outputs: Int
  package var inner: Int
  /// 2, 4 or 8.
  package var bits: Int
  /// 4, 16 or 256 entries.
  package var table: [Float]
  /// Inputs that share a scale: a multiple of 32, or `inner`.
  package var group: Int
  /// `[outputs, groups]`.
  package var scales: [Float]
  /// As the scales; nil: 0.
  package var offsets: [Float]?

  /// - Throws: `argument` naming what does not fit.
  package init(
    codes: [UInt8], outputs: Int, inner: Int, bits: Int, table: [Float], group: Int, scales: [Float], offsets: [Float]? = nil
  ) throws {
    func refuse(_ argument: String, _ expected: String, _ got: Int) -> PareError {
      PareError(.argument, "coded weights", argument: argument, expected: expected, got: "\(got)")
    }
    guard outputs >= 1, inner >= 1, codes.count / outputs == inner, codes.count % outputs == 0 else {
      throw refuse("codes", "\(outputs) outputs of \(inner) inputs", codes.count)
    }
    guard [2, 4, 8].contains(bits) else { throw refuse("bits", "2, 4 or 8", bits) }
    guard table.count == 1 << bits else { throw refuse("table", "\(1 << bits) entries", table.count) }
    guard group >= 1, group % 32 == 0 || group >= inner else { throw refuse("group", "a multiple of 32, or \(inner)", group) }
    let groups = group >= inner ? 1 : (inner + group - 1) / group
    guard scales.count == outputs * groups else { throw refuse("scales", "\(outputs * groups) numbers", scales.count) }
    if let offsets, offsets.count != scales.count { throw refuse("offsets", "\(scales.count) numbers", offsets.count) }
    (self.codes, self.outputs, self.inner, self.bits) = (codes, outputs, inner, bits)
    (self.table, self.group, self.scales, self.offsets) = (table, group, scales, offsets)
  }

  /// The codes of a layer's weights; nil where its representation has none.
  init?(_ task: LayerTask) throws {
    guard case .linear(_, let inner, let outputs) = task.form else { return nil }
    let axis = task.outputsLast ? 1 : 0
    /// `[outputs, ...]`, whichever axis of the weights counts outputs.
    func turned(_ tensor: Tensor) throws -> Tensor { task.outputsLast ? try tensor.transposed(0, 1).contiguous() : tensor }
    /// One number for each output, times the layer's factor.
    func perOutput(_ scales: Tensor) throws -> [Float] {
      let scales = try scales.values(as: Float.self)
      return (0..<outputs).map { (task.factor?[$0] ?? 1) * scales[scales.count == 1 ? 0 : $0] }
    }
    switch task.weights {
    case let weights as IntegerRepresentation where weights.axis == nil || weights.axis == axis:
      let values = try turned(weights.values), isSigned = values.dtype == .i8
      let bits = weights.bits <= 2 ? 2 : weights.bits <= 4 ? 4 : 8
      let mask = UInt8(truncatingIfNeeded: (1 << bits) - 1)
      let codes: [UInt8] =
        isSigned
        ? try values.values(as: Int8.self).map { UInt8(bitPattern: $0) & mask } : try values.values(as: UInt8.self)
      let half = 1 << (bits - 1)
      let table = (0..<1 << bits).map { Float(isSigned && $0 >= half ? $0 - 2 * half : $0) }
      var own: [Float]
      var zeros = try weights.zeroPoints.converted(to: .f32).values(as: Float.self)
      if weights.group == nil {
        own = try perOutput(weights.scales)
      } else {
        own = try turned(weights.scales).values(as: Float.self)
        zeros = try turned(weights.zeroPoints).converted(to: .f32).values(as: Float.self)
        let groups = own.count / max(outputs, 1)
        if let factor = task.factor { for index in own.indices { own[index] *= factor[index / groups] } }
      }
      let offsets = own.indices.map { -own[$0] * zeros[zeros.count == 1 ? 0 : $0] }
      guard weights.group.map({ $0 % 32 == 0 || $0 >= inner }) ?? true else { return nil }
      try self.init(
        codes: codes, outputs: outputs, inner: inner, bits: bits, table: table, group: weights.group ?? inner, scales: own,
        offsets: zeros.contains { $0 != 0 } ? offsets : nil)
    case let weights as CodebookRepresentation:
      var table = try weights.table.values(as: Float.self)
      var codes = try turned(weights.codes).values(as: UInt8.self)
      if let kept = weights.kept {
        // What is held at 0 needs an entry of its own.
        guard let zero = table.firstIndex(of: 0) ?? (table.count < 256 ? table.count : nil) else { return nil }
        if zero == table.count { table.append(0) }
        let held = try turned(kept).values(as: Bool.self)
        for index in codes.indices where !held[index] { codes[index] = UInt8(zero) }
      }
      let bits = table.count <= 4 ? 2 : table.count <= 16 ? 4 : 8
      table += [Float](repeating: 0, count: (1 << bits) - table.count)
      try self.init(
        codes: codes, outputs: outputs, inner: inner, bits: bits, table: table, group: inner,
        scales: perOutput(Tensor([Float(1)], shape: [1])))
    case let weights as TernaryRepresentation where weights.axis == nil || weights.axis == axis:
      let codes = try turned(weights.values).values(as: Int8.self).map { UInt8(bitPattern: $0) & 3 }
      try self.init(
        codes: codes, outputs: outputs, inner: inner, bits: 2, table: [0, 1, 0, -1], group: inner, scales: perOutput(weights.scales))
    case let weights as BinaryRepresentation where weights.axis == nil || weights.axis == axis:
      let codes = try turned(weights.signs).values(as: UInt8.self)
      try self.init(
        codes: codes, outputs: outputs, inner: inner, bits: 2, table: [-1, 1, 0, 0], group: inner, scales: perOutput(weights.scales))
    default: return nil
    }
  }
}

/// Linear layers of few rows with weights of few bits, decoded in registers (`NarrowLinear.h`).
package struct CodedLinear: LayerKernel {
  package static let name = "codes.f32"
  package static var curves: [String] { ["codes2.f32", "codes4.f32", "codes8.f32"] }
  package let scratchBytes: Int
  private let layer: pare_coded_layer
  private let rows: Int
  private let limits: ClosedRange<Float>
  private let hasBias: Bool
  private let hasOffsets: Bool

  package init?(_ task: LayerTask) {
    guard case .linear(let rows, _, _) = task.form, task.sourceGrid == nil, task.destinationGrid == nil, rows <= 64,
      let weights = try? CodedWeights(task)
    else { return nil }
    self.init(weights, rows: rows, limits: task.limits, hasBias: task.bias != nil)
  }

  /// The kernel for given weights.
  package init(_ weights: CodedWeights, rows: Int, limits: ClosedRange<Float>, hasBias: Bool) {
    var layer = pare_coded_layer(
      outputs: Int64(weights.outputs), inner: Int64(weights.inner), group: Int64(weights.group), bits: Int32(weights.bits))
    self.layer = layer
    self.rows = rows
    self.limits = limits
    self.hasBias = hasBias
    hasOffsets = weights.offsets != nil
    scratchBytes = Int(pare_coded_scratch(&layer, Int64(rows)))
  }

  /// Decoded once for four rows.
  package func share(of task: LayerTask, _ table: BreakEvenTable) -> Double {
    table.share(of: "codes\(layer.bits).f32", density: 1) * (1 + 0.1 * Double(rows - 1))
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    guard density == 1, let index = curves.firstIndex(of: curve) else { return nil }
    return try SparseLayers.linear(
      IntegerRepresentation.quantizing(
        Tensor.randn([2048, 2048], seed: 1), scales: Tensor.full([2048], 0.5), axis: 0, bits: 2 << index))
  }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    guard let weights = try CodedWeights(task) else {
      throw PareError(.internal, task.name, expected: "weights with codes")
    }
    return try Self.packed(weights, bias: task.bias)
  }

  /// Codes, table, scales, offsets and bias as the kernel reads them.
  package static func packed(_ weights: CodedWeights, bias: [Float]?) throws -> [Storage] {
    var layer = pare_coded_layer(
      outputs: Int64(weights.outputs), inner: Int64(weights.inner), group: Int64(weights.group), bits: Int32(weights.bits))
    let codes = try Storage(byteCount: Int(pare_coded_bytes(&layer)) + 64)
    pare_coded_pack(&layer, weights.codes, codes.base)
    func scales(_ values: [Float]) throws -> Storage {
      let packed = try Storage(byteCount: Int(pare_coded_scale_bytes(&layer)) + 64)
      pare_coded_pack_scales(&layer, values, packed.array(of: Float.self))
      return packed
    }
    return [
      codes, try SparseLayers.storage(weights.table), try scales(weights.scales),
      try weights.offsets.map(scales) ?? SparseLayers.storage([Float]()), try SparseLayers.storage(bias),
    ]
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights
    var epilogue = pare_sparse_epilogue(
      bias: hasBias ? UnsafePointer(weights[4].array(of: Float.self)) : nil,
      residual: buffers.residual?.array(of: Float.self), low: limits.lowerBound, high: limits.upperBound)
    withUnsafePointer(to: layer) { layer in
      pare_coded_linear(
        layer, Int64(rows), weights[0].base, weights[1].array(of: Float.self), weights[2].array(of: Float.self),
        hasOffsets ? UnsafePointer(weights[3].array(of: Float.self)) : nil, buffers.source.array(of: Float.self),
        buffers.destination.assumingMemoryBound(to: Float.self), &epilogue, buffers.scratch, buffers.threads)
    }
  }
}
