import Support
import Tensor

/// A named tensor that a model carries, in the representation in which it is stored.
public struct Parameter: Sendable {
  /// The name by which nodes read it and files keep it.
  public let name: String
  /// The values as they are stored: dense, pruned, quantized.
  public var value: any Representation
  /// False for running statistics, quantization grids and shape constants: training leaves them alone, counters skip them.
  public var isTrainable: Bool
  /// Facts that later steps keep, by name; they travel in the saved file.
  public var metadata: [String: String]

  /// A parameter in a representation that is there already.
  public init(_ name: String, _ value: any Representation, isTrainable: Bool = true, metadata: [String: String] = [:]) {
    self.name = name
    self.value = value
    self.isTrainable = isTrainable
    self.metadata = metadata
  }

  /// A parameter stored as it is.
  public init(_ name: String, _ tensor: Tensor, isTrainable: Bool = true) {
    self.init(name, DenseRepresentation(tensor), isTrainable: isTrainable)
  }

  /// The shape of the dense values, however they are stored.
  public var shape: Shape { value.shape }
}
