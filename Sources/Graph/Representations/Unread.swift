import Support
import Tensor

/// A dense parameter of f32 (within a reader: of integers) whose numbers still lie in the file that the model came from: each use reads them anew.
///
/// For models that are only compiled: a session brings the weights of one layer after another into the form that its
/// kernels want, and so never holds all of them twice. Every change makes a representation that holds its numbers.
package struct UnreadRepresentation: Representation {
  package static let kind = DenseRepresentation.kind
  package let shape: Shape
  package let dtype: DType
  private let read: @Sendable (Range<Int>) throws -> Tensor

  /// - Parameters:
  ///   - shape: of rank 1 or more.
  ///   - read: returns these rows of the first axis, the same values each time, or throws.
  package init(_ shape: Shape, _ dtype: DType, read: @escaping @Sendable (Range<Int>) throws -> Tensor) {
    self.shape = shape
    self.dtype = dtype
    self.read = read
  }

  /// Returns some rows of the first axis.
  package func dense(rows: Range<Int>) throws -> Tensor { try read(rows) }

  package var nonzeros: Int { (try? held())?.nonzeros ?? shape.count }

  private func held() throws -> DenseRepresentation { DenseRepresentation(try dense()) }

  package func dense() throws -> Tensor { try read(0..<shape[0]) }

  package func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return DenseRepresentation(leaf)
  }

  package func sliced(axis: Int, keeping: [Int]) throws -> any Representation { try held().sliced(axis: axis, keeping: keeping) }

  package func masked(_ mask: Tensor) throws -> any Representation { try held().masked(mask) }

  package func encode(into encoder: inout RepresentationEncoder) throws { try held().encode(into: &encoder) }

  /// What is decoded is there: nothing is left to read.
  package init(from decoder: inout RepresentationDecoder) throws {
    let tensor = try DenseRepresentation(from: &decoder).tensor
    self.init(tensor.shape, tensor.dtype) { try tensor.narrowed(axis: 0, start: $0.lowerBound, length: $0.count) }
  }
}

/// An integer parameter whose integers still lie in the file; its grid is there.
package struct UnreadIntegers: Representation {
  package static let kind = IntegerRepresentation.kind
  package let shape: Shape
  private let make: @Sendable () throws -> IntegerRepresentation

  /// - Parameter make: returns the same values each time, or throws.
  package init(_ shape: Shape, make: @escaping @Sendable () throws -> IntegerRepresentation) {
    self.shape = shape
    self.make = make
  }

  /// Reads the integers.
  package func read() throws -> IntegerRepresentation { try make() }

  package var nonzeros: Int { (try? read())?.nonzeros ?? shape.count }

  package func dense() throws -> Tensor { try read().dense() }

  package func trainable() throws -> Tensor { try read().trainable() }

  package func projected(_ leaf: Tensor) throws -> Tensor { try read().projected(leaf) }

  package func updated(from leaf: Tensor) throws -> any Representation { try read().updated(from: leaf) }

  package func sliced(axis: Int, keeping: [Int]) throws -> any Representation { try read().sliced(axis: axis, keeping: keeping) }

  package func masked(_ mask: Tensor) throws -> any Representation { try read().masked(mask) }

  package func mask() throws -> Tensor? { try read().mask() }

  package func encode(into encoder: inout RepresentationEncoder) throws { try read().encode(into: &encoder) }

  /// What is decoded is there: nothing is left to read.
  package init(from decoder: inout RepresentationDecoder) throws {
    let integers = try IntegerRepresentation(from: &decoder)
    self.init(integers.shape) { integers }
  }
}
