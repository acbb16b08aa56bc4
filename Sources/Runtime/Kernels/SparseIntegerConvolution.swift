import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// Convolutions of 8-bit images with 8-bit weights whose zeros come in blocks of 4 input channels, or are many enough that
/// such blocks arise: sums are exact in 32 bits, and the grid of the destination is part of the kernel
/// (`SparseConvolution.h`).
package struct SparseIntegerConvolution: LayerKernel {
  package static let name = "sparse4.u8"
  package var source: ImageLayout { .channelsLast }
  package var destination: ImageLayout { toFloat ? .rowMajor : .channelsLast }
  package let scratchBytes: Int
  package let packing: String
  private let layer: pare_sparse_layer
  private let geometry: ConvolutionGeometry
  private let limits: ClosedRange<Float>
  private let sourceGrid: Grid
  private let destinationGrid: Grid?
  private let residualGrid: Grid?
  private let blockDensity: Double
  private let runBytes: Int
  private var toFloat: Bool { destinationGrid == nil }

  package init?(_ task: LayerTask) {
    guard let geometry = SparseLayers.geometry(of: task), let sourceGrid = task.sourceGrid,
      let weights = task.weights as? IntegerRepresentation, weights.isSymmetric, weights.values.dtype == .i8,
      weights.axis == 0 || weights.axis == nil, task.density < 0.75,
      !task.hasResidual || (task.residualGrid != nil && task.destinationGrid != nil)
    else { return nil }
    let inputs = geometry.inputChannels / geometry.groups, outputs = geometry.outputChannels / geometry.groups
    // Planes hold four channels; sums of 255 * 128 stay below 2^31.
    guard inputs % 4 == 0, outputs % 4 == 0, inputs * geometry.window.kernel.reduce(1, *) < 1 << 16 else { return nil }
    guard let words = try? Self.words(weights) else { return nil }
    let stored = words.lazy.filter { $0 != 0 }.count
    blockDensity = Double(stored) / Double(max(words.count, 1))
    var layer = pare_sparse_layer(geometry, channelsPerPlane: 4)
    pare_sparse_plan(&layer, blockDensity, Int32(clamping: task.threads))
    guard layer.lane_width > 0 else { return nil }
    self.layer = layer
    self.geometry = geometry
    self.sourceGrid = sourceGrid
    destinationGrid = task.destinationGrid
    residualGrid = task.residualGrid
    limits = task.limits
    runBytes = Int(pare_sparse_scratch(&layer, Int32(clamping: task.threads)))
    let source = Self.rounded(geometry.source), destination = Self.rounded(geometry.destination)
    scratchBytes = runBytes + source + (task.destinationGrid == nil ? 0 : destination * (task.hasResidual ? 2 : 1))
    packing = "\(layer.blocking) \(sourceGrid) \(String(describing: task.destinationGrid)) \(String(describing: task.residualGrid))"
  }

  /// Dense layers are another matter where the processor multiplies tiles of bytes: that has a curve of its own.
  private static var curve: String {
    OneDNN.has(dnnl_cpu_isa_avx512_core_amx) ? "sparse4.u8.tiles" : "sparse4.u8"
  }

  package static var curves: [String] { [curve] }

  /// Multiply-accumulates of the sample for each byte that it moves, as `share` counts them.
  private static let sampleIntensity = 384.0

  /// The curve holds for the sample. Other layers take the longer the more bytes they move for their work: results cost
  /// twice a source, since they go to the grid and back from planes, and residuals nearly as much.
  package func share(of task: LayerTask, _ table: BreakEvenTable) -> Double {
    let source = Double(geometry.source.reduce(1, *)), result = Double(geometry.destination.reduce(1, *))
    let intensity = Double(task.operations) / (source + (task.hasResidual ? 3.5 : 2) * result)
    return table.share(of: Self.curve, density: blockDensity) * (Self.sampleIntensity / intensity).squareRoot()
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    guard density <= 0.5 else { return nil }
    let weights = try IntegerRepresentation.quantizing(
      SparseLayers.sample([128, 128, 3, 3], density: density, inputs: 4), scales: Tensor.full([128], 0.02), axis: 0)
    var model = SparseLayers.convolution(weights)
    func constant(_ name: String, _ value: Tensor) -> String {
      model.parameters[name] = Parameter(name, value, isTrainable: false)
      return name
    }
    let grid = [constant("s", try Tensor([Float(0.05)], shape: [])), constant("z", try Tensor([UInt8(128)], shape: []))]
    model.inputs[0].type.dtype = .u8
    model.outputs = [Port("q", ValueType(.u8, nil))]
    model.nodes[0].inputs[0] = "d"
    model.nodes.insert(Node(name: "d", op: "DequantizeLinear", inputs: ["x"] + grid, outputs: ["d"]), at: 0)
    model.nodes.append(Node(name: "q", op: "QuantizeLinear", inputs: ["y"] + grid, outputs: ["q"]))
    return model
  }

  private static func rounded(_ sizes: [Int]) -> Int { (sizes.reduce(1, *) + 127) / 64 * 64 }

  /// Four neighbouring input channels a word: `[outputs, inputs/4, kh, kw]`.
  private static func words(_ weights: IntegerRepresentation) throws -> [UInt32] {
    let bytes = try weights.values.values(as: Int8.self), shape = weights.values.shape
    let taps = shape[2] * shape[3], planes = shape[1] / 4
    var words = [UInt32](repeating: 0, count: bytes.count / 4)
    for o in 0..<shape[0] {
      for plane in 0..<planes {
        for tap in 0..<taps {
          var word: UInt32 = 0
          for k in 0..<4 {
            let byte = UInt8(bitPattern: bytes[(o * shape[1] + plane * 4 + k) * taps + tap])
            word |= UInt32(byte) << UInt32(8 * k)
          }
          words[(o * planes + plane) * taps + tap] = word
        }
      }
    }
    return words
  }

  /// How a grid's integers are numbered as u8.
  private static func zero(_ grid: Grid) -> Int32 { grid.zeroPoint + (grid.dtype == .i8 ? 128 : 0) }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    guard let weights = task.weights as? IntegerRepresentation else {
      throw PareError(.internal, task.name, expected: "integer weights")
    }
    let words = try Self.words(weights)
    let packed = try words.withUnsafeBufferPointer { words in
      // An empty weight has no address and nothing is read of it.
      try Runtime.packed(words.baseAddress ?? UnsafePointer(bitPattern: 64)!, ignoring: 0, layer)
    }
    let bytes = try weights.values.values(as: Int8.self), scales = try weights.scales.values(as: Float.self)
    let outputs = geometry.outputChannels, row = bytes.count / outputs
    let step = destinationGrid?.scale ?? 1, origin = destinationGrid.map { Float(Self.zero($0)) } ?? 0
    var corrections: [Int32] = [], factors: [Float] = [], shifts: [Float] = []
    for o in 0..<outputs {
      let sum = bytes[o * row..<(o + 1) * row].reduce(Int32(0)) { $0 + Int32($1) }
      corrections.append(-Self.zero(sourceGrid) * sum)
      factors.append(sourceGrid.scale * scales[scales.count == 1 ? 0 : o] * (task.factor?[o] ?? 1) / step)
      var shift = (task.bias?[o] ?? 0) / step + origin
      if let grid = residualGrid { shift -= Float(Self.zero(grid)) * (grid.scale / step) }
      shifts.append(shift)
    }
    return try packed + [
      SparseLayers.storage(corrections), SparseLayers.storage(factors), SparseLayers.storage(shifts),
    ]
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights, threads = buffers.threads
    let source = geometry.source, destination = geometry.destination
    let input = buffers.scratch + runBytes, output = input + Self.rounded(source)
    let residual = output + Self.rounded(destination)
    func planes(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ sizes: [Int], _ grid: Grid) {
      pare_channels_to_quads(
        from.array(of: UInt8.self), to.assumingMemoryBound(to: UInt32.self), sizes[0], sizes[2] * sizes[3], sizes[1],
        grid.dtype == .i8 ? 1 : 0, threads)
    }
    planes(buffers.source, input, source, sourceGrid)
    if let from = buffers.residual, let grid = residualGrid { planes(from, residual, destination, grid) }
    let step = destinationGrid?.scale ?? 1, origin = destinationGrid.map { Float(Self.zero($0)) } ?? 0
    let range: ClosedRange<Float> = toFloat ? -.infinity ... .infinity : 0...255
    let low = max(range.lowerBound, limits.lowerBound / step + origin)
    var epilogue = pare_integer_epilogue(
      corrections: weights[4].array(of: Int32.self), scales: weights[5].array(of: Float.self),
      shifts: weights[6].array(of: Float.self),
      residual: residualGrid == nil ? nil : UnsafePointer(residual.assumingMemoryBound(to: UInt32.self)),
      residual_scale: (residualGrid?.scale ?? 0) / step, low: min(low, range.upperBound),
      high: max(low, min(range.upperBound, limits.upperBound / step + origin)), as_float: toFloat ? 1 : 0)
    withUnsafePointer(to: layer) { layer in
      pare_sparse_convolution_i8(
        layer, weights[0].array(of: Int64.self), weights[1].array(of: pare_sparse_row.self),
        weights[2].array(of: UInt16.self), weights[3].array(of: UInt32.self),
        UnsafePointer(input.assumingMemoryBound(to: UInt32.self)), toFloat ? buffers.destination : output,
        Int64(geometry.batch), UInt8(Self.zero(sourceGrid)), &epilogue, buffers.scratch, threads)
    }
    guard let grid = destinationGrid else { return }
    pare_quads_to_channels(
      UnsafePointer(output.assumingMemoryBound(to: UInt32.self)), buffers.destination.assumingMemoryBound(to: UInt8.self),
      destination[0], destination[2] * destination[3], destination[1], grid.dtype == .i8 ? 1 : 0, threads)
  }
}
