import CKernels
import Support
import Tensor

/// A convolution of the signs of channels-last images with the signs of its weights, times a scale for each output: exclusive
/// or and counted bits (`BinaryConvolution.h`). Padding adds nothing.
package struct BinaryConvolution: Sendable {
  private let layer: pare_binary_layer
  private let images: Int
  private let words: Storage
  private let sums: Storage
  private let scales: Storage
  private let bias: Storage?
  private let limits: ClosedRange<Float>
  /// Bytes of memory that a run needs.
  package let scratchBytes: Int

  /// - Parameters:
  ///   - weights: f32 `[outputs, inputs, kh, kw]`; their signs count, 0 is positive.
  ///   - scales: one per output.
  ///   - bias: one per output; nil: 0.
  /// - Throws: `unsupported` for groups, `shape` where weights, scales or bias do not fit the geometry.
  package init(
    _ geometry: ConvolutionGeometry, weights: Tensor, scales: [Float], bias: [Float]? = nil,
    limits: ClosedRange<Float> = -.infinity ... .infinity
  ) throws {
    guard geometry.groups == 1, geometry.window.input.count == 2 else {
      throw PareError(.unsupported, "binary convolution", expected: "one group and two axes")
    }
    guard weights.shape.dimensions == geometry.weights, scales.count == geometry.outputChannels,
      bias.map({ $0.count == scales.count }) ?? true
    else {
      throw PareError(
        .shape, "binary convolution", expected: "weights \(geometry.weights), \(geometry.outputChannels) scales and biases",
        got: "\(weights.shape.dimensions), \(scales.count), \(bias?.count ?? 0)")
    }
    let planes = pare_sparse_layer(geometry)
    var layer = pare_binary_layer(
      channels: planes.channels, outputs: planes.outputs, height: planes.height, width: planes.width,
      kernel_height: planes.kernel_height, kernel_width: planes.kernel_width, stride_y: planes.stride_y,
      stride_x: planes.stride_x, dilation_y: planes.dilation_y, dilation_x: planes.dilation_x, pad_top: planes.pad_top,
      pad_left: planes.pad_left, out_height: planes.out_height, out_width: planes.out_width)
    words = try SparseLayers.blank(Int(pare_binary_words(&layer)), of: UInt32.self)
    sums = try SparseLayers.blank(Int(pare_binary_sums(&layer)), of: Int32.self)
    let dense = try weights.converted(to: .f32).contiguous()
    pare_binary_pack(&layer, dense.pointer(Float.self), words.array(of: UInt32.self), sums.array(of: Int32.self))
    self.scales = try SparseLayers.storage(scales)
    self.bias = try bias.map { try SparseLayers.storage($0) }
    self.limits = limits
    self.layer = layer
    images = geometry.batch
    scratchBytes = Int(pare_binary_scratch(&layer, Int64(geometry.batch)))
  }

  /// - Parameters:
  ///   - source: f32 `[N, H, W, inputs]`.
  ///   - destination: f32 `[N, OH, OW, outputs]`.
  ///   - scratch: `scratchBytes` bytes at a 64-byte boundary.
  package func run(
    source: UnsafePointer<Float>, destination: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer, threads: Int
  ) {
    var epilogue = pare_sparse_epilogue(
      bias: bias.map { UnsafePointer($0.array(of: Float.self)) }, residual: nil, low: limits.lowerBound,
      high: limits.upperBound)
    withUnsafePointer(to: layer) { layer in
      pare_binary_convolution(
        layer, words.array(of: UInt32.self), sums.array(of: Int32.self), scales.array(of: Float.self), source, destination,
        Int64(images), &epilogue, scratch, Int32(clamping: threads))
    }
  }
}
