import Support
import Tensor

/// Turning the bytes of a file into tensors without believing what the file says about sizes.
enum StoredElements {
  /// Returns the shape of `sizes` and the bytes that it takes at `dtype`.
  ///
  /// - Parameter what: what the error calls the tensor.
  static func layout(_ sizes: [Int], _ dtype: DType, _ what: String, file: String) throws -> (shape: Shape, bytes: Int) {
    let shape: Shape
    do { shape = try Shape(sizes) } catch let error as PareError {
      throw PareError(.format, "\(what) has an impossible shape: \(error.message)", got: "\(sizes)", file: file)
    }
    // A shape has room for the widest elements, so this cannot overflow.
    return (shape, shape.count * dtype.size)
  }

  /// Makes a tensor of exactly the given bytes, little-endian and row-major.
  static func tensor(
    _ bytes: UnsafeRawBufferPointer, _ sizes: [Int], _ dtype: DType, _ what: String, file: String
  ) throws -> Tensor {
    let layout = try layout(sizes, dtype, what, file: file)
    guard bytes.count == layout.bytes else {
      throw PareError(
        .format, "\(what), \(dtype.name)\(sizes), does not fit its data", expected: "\(layout.bytes) bytes",
        got: "\(bytes.count)", file: file)
    }
    if dtype == .bool, let index = bytes.firstIndex(where: { $0 > 1 }) {
      throw PareError(
        .format, "\(what) has a boolean that is neither 0 nor 1, at element \(index)", got: "\(bytes[index])",
        file: file)
    }
    return try Tensor(bytes: bytes, shape: layout.shape, dtype: dtype)
  }
}
