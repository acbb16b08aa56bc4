import Graph
import Tensor

/// Integers on a grid: `value = (integer - zero) * scale`.
public struct Quantized: Sendable {
  /// Integers (i8 or u8), the shape of the tensor.
  public var values: Tensor
  /// f32, `[]` per tensor or `[size of the axis]` per channel.
  public var scale: Tensor
  /// The dtype of `values`, the shape of `scale`; nil where the grid is symmetric.
  public var zero: Tensor?

  /// Takes integers and their grid as they are; shapes and dtypes are not checked.
  public init(values: Tensor, scale: Tensor, zero: Tensor? = nil) {
    self.values = values
    self.scale = scale
    self.zero = zero
  }
}

/// Which grid, which rounding?
public protocol Quantizer: Extension {
  /// Quantizes one tensor.
  ///
  /// - Parameters:
  ///   - bits: 2...8.
  ///   - axis: the channel axis, from 0; nil for one scale per tensor.
  func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized
  /// Returns what the integers stand for, f32.
  func dequantize(_ quantized: Quantized, axis: Int?) throws -> Tensor
}

extension Quantizer {
  public static var kind: ExtensionKind { .quantizer }

  /// By default `(values - zero) * scale` in f32, scale and zero point along `axis`.
  public func dequantize(_ quantized: Quantized, axis: Int?) throws -> Tensor {
    let integers = try quantized.values.converted(to: .f32)
    func along(_ tensor: Tensor) throws -> Tensor {
      guard let axis, tensor.rank == 1 else { return tensor }
      var sizes = [Int](repeating: 1, count: integers.rank)
      if sizes.indices.contains(axis) { sizes[axis] = tensor.count }
      return try tensor.reshaped(Shape(sizes))
    }
    let scale = try along(quantized.scale)
    guard let zero = quantized.zero else { return try integers * scale }
    return try (integers - along(zero.converted(to: .f32))) * scale
  }
}

/// How the rounded weights of a layer are found: nearest, or with the help of calibration data.
public protocol QuantizationAlgorithm: Extension {
  /// The statistics that `quantize` reads from its layer.
  var needs: Statistics { get }
  /// Returns a model that computes the same and is easier to round; asked once, before any layer is. By default the model itself.
  func prepared(_ model: Model, _ context: Context) throws -> Model
  /// Returns the layer's weight on the grid that `quantizer` chooses.
  func quantize(_ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context) throws
    -> Quantized
  /// Returns the quantized model with what can be made up for elsewhere than in its weights; asked once, at the end. By
  /// default the quantized model itself.
  ///
  /// - Parameter original: what was rounded, as `prepared` returned it.
  func corrected(_ quantized: Model, from original: Model, _ context: Context) throws -> Model
}

extension QuantizationAlgorithm {
  public static var kind: ExtensionKind { .algorithm }
  /// The model itself.
  public func prepared(_ model: Model, _ context: Context) throws -> Model { model }
  /// The quantized model itself.
  public func corrected(_ quantized: Model, from original: Model, _ context: Context) throws -> Model { quantized }
  /// Nothing but the weights by default.
  public var needs: Statistics { [] }
}

/// Which range, from calibration data?
public protocol RangeObserver: Extension {
  /// Returns a fresh observation for one tensor of the graph.
  func start() throws -> any RangeObservation
}

extension RangeObserver {
  public static var kind: ExtensionKind { .observer }
}

/// What one observer has seen of one tensor; of fixed size, however long the calibration.
public protocol RangeObservation {
  /// Takes in the values of one batch.
  mutating func update(_ values: Tensor) throws
  /// Returns the range that the grid should cover.
  func range() throws -> (low: Double, high: Double)
}
