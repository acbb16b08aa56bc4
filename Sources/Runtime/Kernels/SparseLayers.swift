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

  /// Random weights of which a share is not 0, in blocks of `outputs` along the first axis and `inputs` along the second.
  static func sample(_ sizes: [Int], density: Double, outputs: Int = 1, inputs: Int = 1) throws -> Tensor {
    var random = RandomSource(seed: 1)
    let taps = sizes.dropFirst(2).reduce(1, *)
    var values = [Float](repeating: 0, count: sizes.reduce(1, *))
    for first in stride(from: 0, to: sizes[0], by: outputs) {
      for channel in stride(from: 0, to: sizes[1], by: inputs) {
        for tap in 0..<taps where random.uniform() < density {
          for o in first..<min(first + outputs, sizes[0]) {
            for c in channel..<min(channel + inputs, sizes[1]) { values[(o * sizes[1] + c) * taps + tap] = Float(random.uniform()) + 0.5 }
          }
        }
      }
    }
    return try Tensor(values, shape: Shape(sizes))
  }

  /// A model of one 3x3 convolution of `[1, 128, 28, 28]` with these weights.
  static func convolution(_ weights: any Representation) -> Model {
    Model(
      inputs: [Port("x", ValueType(.f32, [1, 128, 28, 28]))], outputs: [Port("y", ValueType(.f32, nil))],
      nodes: [Node(name: "c", op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: ["pads": .ints([1, 1, 1, 1])])],
      parameters: ["w": Parameter("w", weights)])
  }

  /// A model of one linear layer `[1, 2048]` to `[1, 2048]` with these weights.
  static func linear(_ weights: any Representation) -> Model {
    Model(
      inputs: [Port("x", ValueType(.f32, [1, 2048]))], outputs: [Port("y", ValueType(.f32, nil))],
      nodes: [Node(name: "fc", op: "Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: ["transB": .int(1)])],
      parameters: ["w": Parameter("w", weights)])
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
