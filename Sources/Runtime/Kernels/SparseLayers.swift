import CKernels
import Graph
import Support
import Tensor

/// What the kernels of layers with zeros have in common.
enum SparseLayers {
  /// The 2-D geometry of a convolution whose kernels may leave zeros out; nil for other layers. A mask is a state of
  /// training that is executed as dense, and one or two channels a group leave nothing to skip.
  static func geometry(of task: LayerTask) -> ConvolutionGeometry? {
    guard case .convolution(let geometry) = task.form, !(task.weights is MaskedRepresentation),
      geometry.window.input.count == 2, geometry.inputChannels / geometry.groups > 2
    else { return nil }
    // The kernels count planes and their elements in 32 bits.
    let window = geometry.window
    let counts = [window.input, window.output, [geometry.inputChannels, geometry.outputChannels] + window.kernel]
    let most = Int(Int32.max) / 64
    for sizes in counts where sizes.reduce(1, { min(most + 1, $0 * $1) }) > most { return nil }
    let rest = window.strides + window.dilations + window.padding.begin
    return rest.allSatisfy { $0 < 1 << 15 } ? geometry : nil
  }

  /// The weights row-major in f32, times each output's factor.
  static func weights(_ task: LayerTask) throws -> Tensor {
    let dense = try task.weights.dense().converted(to: .f32).contiguous()
    guard let factor = task.factor else { return dense }
    let shape = try Shape([factor.count] + Array(repeating: 1, count: dense.rank - 1))
    return try (dense * Tensor(factor, shape: shape)).contiguous()
  }

  /// The weights of a linear layer as `[outputs, inner]` in f32, times each output's factor.
  static func rows(_ task: LayerTask) throws -> Tensor {
    var turned = task
    turned.factor = nil
    var dense = try weights(turned)
    if task.outputsLast { dense = try dense.transposed(0, 1).contiguous() }
    guard let factor = task.factor else { return dense }
    return try (dense * Tensor(factor, shape: Shape([factor.count, 1]))).contiguous()
  }

  /// A copy of numbers in memory of a session; nil copies nothing and is still there.
  static func storage<T: BitwiseCopyable>(_ values: [T]?) throws -> Storage {
    let values = values ?? []
    let storage = try Storage(byteCount: max(64, values.count * MemoryLayout<T>.stride))
    values.withUnsafeBytes { storage.base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(storage.base), byteCount: $0.count) }
    return storage
  }

  static func blank<T>(_ count: Int, of _: T.Type) throws -> Storage {
    // A vector more than there is, since kernels read whole ones.
    try Storage(byteCount: count * MemoryLayout<T>.stride + 64)
  }
}

extension Storage {
  func array<T>(of _: T.Type) -> UnsafeMutablePointer<T> { base.assumingMemoryBound(to: T.self) }
}

extension UnsafeRawPointer {
  func array<T>(of _: T.Type) -> UnsafePointer<T> { assumingMemoryBound(to: T.self) }
}
