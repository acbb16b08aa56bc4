import CKernels
import Graph
import Support
import Tensor

/// Convolutions of the signs of channels-last images with binary weights: exclusive or and counted bits
/// (`BinaryConvolution.h`). Padding adds nothing.
package struct BinaryConvolution: LayerKernel {
  package static let name = "signs.f32"
  package static var takesSigns: Bool { true }
  package let scratchBytes: Int
  private let layer: pare_binary_layer
  private let images: Int
  private let limits: ClosedRange<Float>
  private let hasBias: Bool

  package init?(_ task: LayerTask) {
    guard case .convolution(let geometry) = task.form, geometry.groups == 1, geometry.window.input.count == 2,
      let weights = task.weights as? BinaryRepresentation, weights.axis == nil || weights.axis == 0,
      task.destinationGrid == nil
    else { return nil }
    let planes = pare_sparse_layer(geometry)
    var layer = pare_binary_layer(
      channels: planes.channels, outputs: planes.outputs, height: planes.height, width: planes.width,
      kernel_height: planes.kernel_height, kernel_width: planes.kernel_width, stride_y: planes.stride_y,
      stride_x: planes.stride_x, dilation_y: planes.dilation_y, dilation_x: planes.dilation_x, pad_top: planes.pad_top,
      pad_left: planes.pad_left, out_height: planes.out_height, out_width: planes.out_width)
    scratchBytes = Int(pare_binary_scratch(&layer, Int64(geometry.batch)))
    self.layer = layer
    images = geometry.batch
    limits = task.limits
    hasBias = task.bias != nil
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    guard density == 1 else { return nil }
    var model = try SparseLayers.convolution(BinaryRepresentation(nearest: Tensor.randn([128, 128, 3, 3], seed: 1), axis: 0))
    for (name, value) in [("zero", 0), ("one", 1), ("minus", -1)] as [(String, Float)] {
      model.parameters[name] = Parameter(name, try Tensor([value], shape: []), isTrainable: false)
    }
    model.nodes[0].inputs[0] = "s"
    model.nodes.insert(Node(name: "p", op: "GreaterOrEqual", inputs: ["x", "zero"], outputs: ["p"]), at: 0)
    model.nodes.insert(Node(name: "s", op: "Where", inputs: ["p", "one", "minus"], outputs: ["s"]), at: 1)
    return model
  }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    guard let weights = task.weights as? BinaryRepresentation else {
      throw PareError(.internal, task.name, expected: "binary weights")
    }
    return try withUnsafePointer(to: layer) { layer in
      let words = try SparseLayers.blank(Int(pare_binary_words(layer)), of: UInt32.self)
      let sums = try SparseLayers.blank(Int(pare_binary_sums(layer)), of: Int32.self)
      let signs = try (weights.signs.converted(to: .f32) * 2 - 1).contiguous()
      withExtendedLifetime(signs) {
        pare_binary_pack(layer, signs.pointer(Float.self), words.array(of: UInt32.self), sums.array(of: Int32.self))
      }
      let scales = try weights.scales.values(as: Float.self)
      let factors = (0..<task.outputs).map { (task.factor?[$0] ?? 1) * scales[scales.count == 1 ? 0 : $0] }
      return [words, sums, try SparseLayers.storage(factors), try SparseLayers.storage(task.bias)]
    }
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights
    var epilogue = pare_sparse_epilogue(
      bias: hasBias ? UnsafePointer(weights[3].array(of: Float.self)) : nil,
      residual: buffers.residual?.array(of: Float.self), low: limits.lowerBound, high: limits.upperBound)
    withUnsafePointer(to: layer) { layer in
      pare_binary_convolution(
        layer, weights[0].array(of: UInt32.self), weights[1].array(of: Int32.self), weights[2].array(of: Float.self),
        buffers.source.array(of: Float.self), buffers.destination.assumingMemoryBound(to: Float.self), Int64(images),
        &epilogue, buffers.scratch, buffers.threads)
    }
  }
}
