import CKernels
import Graph
import Support
import Tensor

/// Convolutions in f32 whose weights are mostly zero, in any pattern: direct, in planar images, with positions as lanes
/// (`SparseConvolution.h`).
package struct SparseConvolution: LayerKernel {
  package static let name = "sparse.f32"
  package var source: ImageLayout { .rowMajor }
  package var destination: ImageLayout { .rowMajor }
  package var addsInPlace: Bool { true }
  package let scratchBytes: Int
  package let packing: String
  private let layer: pare_sparse_layer
  private let images: Int
  private let limits: ClosedRange<Float>
  private let hasBias: Bool

  package init?(_ task: LayerTask) {
    guard let geometry = SparseLayers.geometry(of: task), task.sourceGrid == nil, task.destinationGrid == nil else { return nil }
    let density = task.density
    guard density < 0.75 else { return nil }
    var layer = pare_sparse_layer(geometry)
    pare_sparse_plan(&layer, density, Int32(clamping: task.threads))
    // A channel whose rows of one kernel column do not fit in the first cache.
    guard layer.lane_width > 0 else { return nil }
    self.layer = layer
    images = geometry.batch
    limits = task.limits
    hasBias = task.bias != nil
    scratchBytes = Int(pare_sparse_scratch(&layer, Int32(clamping: task.threads)))
    packing = layer.blocking
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    density > 0.5 ? nil : try SparseLayers.convolution(CSRRepresentation(SparseLayers.sample([128, 128, 3, 3], density: density)))
  }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    let dense = try SparseLayers.weights(task)
    defer { withExtendedLifetime(dense) {} }
    return try packed(dense.pointer(UInt32.self), ignoring: 0x8000_0000, layer) + [SparseLayers.storage(task.bias)]
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights
    var epilogue = pare_sparse_epilogue(
      bias: hasBias ? UnsafePointer(weights[4].array(of: Float.self)) : nil,
      residual: buffers.residual?.array(of: Float.self), low: limits.lowerBound, high: limits.upperBound)
    withUnsafePointer(to: layer) { layer in
      pare_sparse_convolution(
        layer, weights[0].array(of: Int64.self), weights[1].array(of: pare_sparse_row.self),
        weights[2].array(of: UInt16.self), weights[3].array(of: UInt32.self), buffers.source.array(of: Float.self),
        buffers.destination.assumingMemoryBound(to: Float.self), Int64(images), &epilogue, buffers.scratch, buffers.threads)
    }
  }
}

/// Where rows begin, rows, offsets and values of a sparse weight.
func packed(_ words: UnsafePointer<UInt32>, ignoring ignored: UInt32, _ layer: pare_sparse_layer) throws -> [Storage] {
  try withUnsafePointer(to: layer) { layer in
    let count = Int(pare_sparse_pack(layer, words, ignored, nil, nil, nil, nil))
    let groups = Int(layer.pointee.groups), blocks = Int(layer.pointee.blocks)
    let begins = try SparseLayers.blank(groups * blocks * Int(layer.pointee.parts) + 1, of: Int64.self)
    let rows = try SparseLayers.blank(groups * blocks * Int(layer.pointee.outputs), of: pare_sparse_row.self)
    let offsets = try SparseLayers.blank(count, of: UInt16.self)
    let values = try SparseLayers.blank(count, of: UInt32.self)
    _ = pare_sparse_pack(
      layer, words, ignored, begins.array(of: Int64.self), rows.array(of: pare_sparse_row.self),
      offsets.array(of: UInt16.self), values.array(of: UInt32.self))
    return [begins, rows, offsets, values]
  }
}

extension pare_sparse_layer {
  /// The layer without its blocking; `channelsPerPlane`: how many neighbouring channels one element holds.
  init(_ geometry: ConvolutionGeometry, channelsPerPlane: Int = 1) {
    self.init()
    let window = geometry.window
    groups = Int32(geometry.groups)
    channels = Int32(geometry.inputChannels / geometry.groups / channelsPerPlane)
    outputs = Int32(geometry.outputChannels / geometry.groups)
    height = Int32(window.input[0])
    width = Int32(window.input[1])
    kernel_height = Int32(window.kernel[0])
    kernel_width = Int32(window.kernel[1])
    stride_y = Int32(window.strides[0])
    stride_x = Int32(window.strides[1])
    dilation_y = Int32(window.dilations[0])
    dilation_x = Int32(window.dilations[1])
    pad_top = Int32(window.padding.begin[0])
    pad_left = Int32(window.padding.begin[1])
    out_height = Int32(window.output[0])
    out_width = Int32(window.output[1])
  }

  /// What the packing depends on.
  var blocking: String { "\(lane_width).\(steps).\(phase_rows).\(block_channels).\(parts)" }
}
