import CKernels
import Graph
import Support
import Tensor

/// Convolutions in f32 whose zeros come in blocks of 16 outputs at one input channel and kernel position: direct, with
/// outputs as lanes, in images of blocks of 16 channels where there are such (`BlockConvolution.h`).
package struct BlockConvolution: LayerKernel {
  package static let name = "block16x1.f32"
  package var source: ImageLayout { layer.blocked_source == 0 ? .rowMajor : .channelBlocks }
  package var destination: ImageLayout { layer.blocked_target == 0 ? .rowMajor : .channelBlocks }
  package var addsInPlace: Bool { true }
  package let scratchBytes: Int
  package let packing: String
  private let layer: pare_block_layer
  private let images: Int
  private let limits: ClosedRange<Float>
  private let hasBias: Bool
  /// Stored blocks of those that there are.
  private let blockDensity: Double

  package init?(_ task: LayerTask) {
    // Inputs of a group are counted in bytes of 32 bits.
    guard let geometry = SparseLayers.geometry(of: task), task.sourceGrid == nil, task.destinationGrid == nil,
      geometry.inputChannels / geometry.groups * geometry.window.input[0] * geometry.window.input[1] < 1 << 28,
      task.density < 0.75, let dense = try? task.weights.dense().converted(to: .f32).contiguous()
    else { return nil }
    var layer = pare_block_layer(geometry)
    pare_block_plan(&layer, Int32(clamping: task.threads))
    let stored = withExtendedLifetime(dense) { Int(pare_block_pack(&layer, dense.pointer(Float.self), nil, nil, nil)) }
    let outputs = Int(layer.outputs), possible = dense.count / outputs * ((outputs + 15) / 16)
    blockDensity = Double(stored) / Double(max(possible, 1))
    // Few blocks for each tile: turning sums into planes would cost more than computing them.
    let each = Double(stored) / Double(Int(layer.groups) * ((outputs + 15) / 16))
    guard blockDensity < 0.75, layer.blocked_target != 0 || each >= 12 else { return nil }
    self.layer = layer
    images = geometry.batch
    limits = task.limits
    hasBias = task.bias != nil
    scratchBytes = Int(pare_block_scratch(&layer, Int32(clamping: task.threads)))
    packing = "\(layer.tile_rows).\(layer.band_rows).\(layer.rows).\(layer.pitch).\(layer.points).\(layer.plane_in)"
  }

  package func share(of task: LayerTask, _ table: BreakEvenTable) -> Double {
    table.share(of: Self.name, density: blockDensity)
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    guard density <= 0.5 else { return nil }
    return try SparseLayers.convolution(CSRRepresentation(SparseLayers.sample([128, 128, 3, 3], density: density, outputs: 16)))
  }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    let weights = try SparseLayers.weights(task)
    defer { withExtendedLifetime(weights) {} }
    let dense = weights.pointer(Float.self)
    let bias = try SparseLayers.storage(task.bias)
    return try withUnsafePointer(to: layer) { layer in
      let count = Int(pare_block_pack(layer, dense, nil, nil, nil))
      let blocks = Int(layer.pointee.groups) * ((Int(layer.pointee.outputs) + 15) / 16)
      let begins = try SparseLayers.blank(blocks + 1, of: Int64.self)
      let offsets = try SparseLayers.blank(count + 6, of: UInt32.self)
      let values = try SparseLayers.blank(count * 16, of: Float.self)
      _ = pare_block_pack(
        layer, dense, begins.array(of: Int64.self), offsets.array(of: UInt32.self), values.array(of: Float.self))
      return [begins, offsets, values, bias]
    }
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights
    var epilogue = pare_sparse_epilogue(
      bias: hasBias ? UnsafePointer(weights[3].array(of: Float.self)) : nil,
      residual: buffers.residual?.array(of: Float.self), low: limits.lowerBound, high: limits.upperBound)
    withUnsafePointer(to: layer) { layer in
      pare_block_convolution(
        layer, weights[0].array(of: Int64.self), weights[1].array(of: UInt32.self), weights[2].array(of: Float.self),
        buffers.source.array(of: Float.self), buffers.destination.assumingMemoryBound(to: Float.self), Int64(images),
        &epilogue, buffers.scratch, buffers.threads)
    }
  }
}

extension pare_block_layer {
  init(_ geometry: ConvolutionGeometry) {
    let layer = pare_sparse_layer(geometry)
    self.init()
    groups = layer.groups
    channels = layer.channels
    outputs = layer.outputs
    height = layer.height
    width = layer.width
    kernel_height = layer.kernel_height
    kernel_width = layer.kernel_width
    stride_y = layer.stride_y
    stride_x = layer.stride_x
    dilation_y = layer.dilation_y
    dilation_x = layer.dilation_x
    pad_top = layer.pad_top
    pad_left = layer.pad_left
    out_height = layer.out_height
    out_width = layer.out_width
  }
}
