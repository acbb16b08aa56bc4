import Support
import Tensor

/// Every element as it is.
public struct DenseRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "dense"
  /// The values, of any dtype; on no tape.
  public let tensor: Tensor

  /// Keeps the tensor's values, detached from its tape.
  public init(_ tensor: Tensor) { self.tensor = tensor.detached() }

  /// The shape of the dense form.
  public var shape: Shape { tensor.shape }
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? tensor.countNonzero()) ?? tensor.count }

  /// The tensor itself: nothing is copied.
  public func dense() throws -> Tensor { tensor }

  /// The new values, in their own dtype.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, "dense")
    return DenseRepresentation(leaf)
  }

  /// A slice is dense as well.
  public func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    DenseRepresentation(try tensor.keeping(keeping, axis: axis))
  }

  /// Becomes a `MaskedRepresentation`.
  public func masked(_ mask: Tensor) throws -> any Representation { try MaskedRepresentation(tensor, mask: mask) }

  /// One field: the tensor.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("values", blob: tensor)
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    self.init(try decoder.tensor("values"))
  }
}

/// Checks that a new value has the shape of what it replaces.
func requireShape(_ leaf: Tensor, _ shape: Shape, _ kind: String) throws {
  guard leaf.shape == shape else {
    throw PareError(.shape, "new values for a \(kind) parameter", expected: "\(shape.dimensions)",
                    got: "\(leaf.shape.dimensions)")
  }
}
