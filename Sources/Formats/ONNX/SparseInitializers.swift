import FoundationEssentials
import Graph
import Support
import SwiftProtobuf
import Tensor

/// Sparse weights: ONNX's `SparseTensorProto`, nonzeros with their positions in ascending order.
extension GraphImport {
  /// Returns the name and the value of a sparse initializer.
  func sparse(_ proto: Onnx_SparseTensorProto) throws -> (name: String, value: CSRRepresentation) {
    let name = proto.values.name, what = "sparse initializer '\(name)'"
    let values = try tensors.tensor(proto.values, what), indices = try tensors.tensor(proto.indices, "indices of \(what)")
    let (shape, _) = try StoredElements.layout(proto.dims.map { Int($0) }, values.dtype, what, file: tensors.file)
    guard values.dtype.isFloating, shape.rank > 0 else {
      throw PareError(.unsupported, "\(what) of \(values.dtype.name)\(shape.dimensions)", expected: "floats of rank 1 or more")
    }
    guard shape.count / SparseBound.elementsPerByte <= values.byteCount + SparseBound.freeBytes else {
      throw PareError(.format, "\(what) claims \(shape.count) elements", expected: "what its \(values.byteCount) bytes can stand for")
    }
    let isFlat = indices.rank == 1
    guard values.rank == 1, indices.dtype == .i64, indices.rank > 0, indices.shape[0] == values.count,
      isFlat || (indices.rank == 2 && indices.shape[1] == shape.rank)
    else {
      throw PareError(.format, "indices of \(what)", expected: "i64[\(values.count)] or i64[\(values.count), \(shape.rank)]",
                      got: "\(indices.dtype.name)\(indices.shape.dimensions)")
    }
    let numbers = try indices.values(as: Int64.self)
    var positions: [Int] = []
    for entry in 0..<values.count {
      let position =
        isFlat
        ? Int(numbers[entry])
        : try (0..<shape.rank).reduce(0) { position, axis in
          let index = Int(numbers[entry * shape.rank + axis])
          guard (0..<shape[axis]).contains(index) else {
            throw PareError(.format, "indices of \(what)", expected: "below \(shape[axis])", got: "\(index)")
          }
          return position * shape[axis] + index
        }
      guard position > positions.last ?? -1, position < shape.count else {
        throw PareError(.format, "indices of \(what)", expected: "ascending and below \(shape.count)", got: "\(position)")
      }
      positions.append(position)
    }
    var pattern = [Bool](repeating: false, count: shape.count)
    for position in positions { pattern[position] = true }
    let size = values.dtype.size
    var dense = [UInt8](repeating: 0, count: shape.count * size)
    try values.withBytes { bytes in
      for (entry, position) in positions.enumerated() {
        for byte in 0..<size { dense[position * size + byte] = bytes[entry * size + byte] }
      }
    }
    let tensor = try dense.withUnsafeBytes { try Tensor(bytes: $0, shape: shape, dtype: values.dtype) }
    return (name, try CSRRepresentation(tensor, pattern: Tensor(pattern, shape: shape)))
  }
}

extension GraphExport {
  /// Adds a sparse parameter as a `sparse_initializer` with flat positions.
  mutating func addSparse(_ name: String, _ value: CSRRepresentation) throws {
    let width = value.rowWidth
    var positions: [Int64] = []
    for row in 0..<(value.rowStarts.count - 1) {
      for index in value.rowStarts[row]..<value.rowStarts[row + 1] {
        positions.append(Int64(row * width + Int(value.columns[index])))
      }
    }
    let sparse: Onnx_SparseTensorProto = try .with {
      $0.values = try tensor(value.values, name)
      $0.indices = try tensor(Tensor(positions, shape: Shape([positions.count])), "")
      $0.dims = value.shape.map(Int64.init)
    }
    graph.sparseInitializer.append(sparse)
  }
}
