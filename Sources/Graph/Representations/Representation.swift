import Support
import Tensor

/// How a parameter is stored, and what training must keep of it.
///
/// A representation is real: its bytes are what the saved file holds, and its invariant (zeros, a grid) survives
/// every later step unless that step says that it breaks it.
public protocol Representation: Sendable {
  /// The name under which files know it.
  static var kind: String { get }
  /// What listings show: the kind, or more exactly `2:4`.
  var label: String { get }
  /// The shape of the dense values, however they are stored.
  var shape: Shape { get }
  /// Elements that are not 0.
  var nonzeros: Int { get }
  /// Elements that execution touches: what multiply-accumulates count. All of them unless zeros are left out.
  var storedElements: Int { get }

  /// Returns the values as a plain floating tensor (for a dense representation: as it is).
  func dense() throws -> Tensor
  /// Returns what an optimizer updates: the start value of a leaf.
  func trainable() throws -> Tensor
  /// Returns the values that a forward pass in training uses for a tracked leaf; differentiable.
  func projected(_ leaf: Tensor) throws -> Tensor
  /// Returns the representation of the nearest values to `leaf` that keep the invariant.
  func updated(from leaf: Tensor) throws -> any Representation
  /// Returns the representation of a slice: the given positions of one axis, in the given order.
  func sliced(axis: Int, keeping: [Int]) throws -> any Representation
  /// Returns the representation with positions held at 0 as well (`mask`: bool, the same shape, true is kept).
  func masked(_ mask: Tensor) throws -> any Representation
  /// The positions that later steps may change (bool), or nil when all.
  func mask() throws -> Tensor?

  /// Writes scalars and blobs; what the blobs take is the parameter's size on disk.
  func encode(into encoder: inout RepresentationEncoder) throws
  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for anything inconsistent; never traps on what a file says.
  init(from decoder: inout RepresentationDecoder) throws
}

extension Representation {
  /// Default: the kind.
  public var label: String { Self.kind }
  /// Default: all.
  public var storedElements: Int { shape.count }
  /// Default: the dense values.
  public func trainable() throws -> Tensor { try dense() }
  /// Default: the leaf as it is.
  public func projected(_ leaf: Tensor) throws -> Tensor { leaf }
  /// Default: nil.
  public func mask() throws -> Tensor? { nil }
  /// Default: refuses.
  /// - Throws: `unsupported`.
  public func masked(_ mask: Tensor) throws -> any Representation {
    throw PareError(.unsupported, "a \(label) parameter cannot hold positions at zero")
  }

  /// The bytes that the parameter takes in a saved file (headers not counted).
  public func byteCount() throws -> Int {
    var encoder = RepresentationEncoder()
    try encode(into: &encoder)
    return encoder.byteCount
  }
}

extension Tensor {
  /// Returns the given positions of one axis, in the given order.
  package func keeping(_ positions: [Int], axis: Int) throws -> Tensor {
    let indices = try Tensor(positions.map(Int64.init), shape: Shape([positions.count]))
    return try gather(axis: axis, indices: indices).contiguous()
  }
}
