import FoundationEssentials
import Graph
import Support
import Tensor

/// Reading of `TensorProto`: bytes, typed lists or external data, whichever the tensor has.
struct TensorImport {
  let external: ExternalData
  /// The file that errors name.
  let file: String
  /// Whether the numbers of larger weights stay in their file until somebody asks for them.
  var leavesWeights = false

  /// Tensors of fewer bytes are read at once.
  private static let smallestLeft = 1 << 12

  /// Returns the tensor.
  ///
  /// - Parameter what: what errors call it.
  func tensor(_ proto: Onnx_TensorProto, _ what: String) throws -> Tensor {
    let dtype = try ElementType.dtype(proto.dataType, of: what)
    return try tensor(proto, dtype, what)
  }

  /// Returns a four-bit tensor as the eight-bit integers that it holds, or nil if it is not one.
  func fourBits(_ proto: Onnx_TensorProto, _ what: String) throws -> Tensor? {
    let signed = proto.dataType == Onnx_TensorProto.DataType.int4.rawValue
    guard signed || proto.dataType == Onnx_TensorProto.DataType.uint4.rawValue else { return nil }
    let layout = try StoredElements.layout(sizes(proto, what), .u8, what, file: file)
    let packedCount = layout.bytes / 2 + layout.bytes % 2
    func unpack(_ packed: some RandomAccessCollection<UInt8>) throws -> Tensor {
      guard packed.count == packedCount else { throw wrongSize(what, packedCount, packed.count) }
      // Two to a byte, the first in the lower half.
      var values: [UInt8] = []
      values.reserveCapacity(layout.bytes)
      for byte in packed {
        values.append(byte & 15)
        if values.count < layout.bytes { values.append(byte >> 4) }
      }
      guard signed else { return try Tensor(values, shape: layout.shape) }
      return try Tensor(values.map { Int8(bitPattern: $0 << 4) >> 4 }, shape: layout.shape)
    }
    if proto.dataLocation == .external {
      return try external.withBytes(of: proto, count: packedCount, what: what) { try unpack($0) }
    }
    if proto.hasRawData { return try unpack(proto.rawData) }
    return try unpack(proto.int32Data.map { UInt8(truncatingIfNeeded: $0) })
  }

  /// Returns a tensor whose numbers stay in the file, or nil where they are to be read now.
  func unread(_ proto: Onnx_TensorProto, among dtypes: [DType], _ what: String) throws -> UnreadRepresentation? {
    guard leavesWeights, proto.dataLocation == .external, let dtype = try? ElementType.dtype(proto.dataType, of: what),
      dtypes.contains(dtype)
    else { return nil }
    let sizes = try sizes(proto, what), layout = try StoredElements.layout(sizes, dtype, what, file: file)
    guard layout.bytes >= Self.smallestLeft else { return nil }
    let (source, stretch) = try external.place(of: proto, count: layout.bytes, what: what)
    guard source.isMapped, stretch.count == layout.bytes, sizes[0] > 0 else { return nil }
    let rowBytes = layout.bytes / sizes[0]
    return UnreadRepresentation(layout.shape, dtype) { [file] rows in
      try source.checkUnchanged()
      let part = (stretch.lowerBound + rows.lowerBound * rowBytes)..<(stretch.lowerBound + rows.upperBound * rowBytes)
      return try source.passing(part) { try StoredElements.tensor($0, [rows.count] + sizes.dropFirst(), dtype, what, file: file) }
    }
  }

  private func sizes(_ proto: Onnx_TensorProto, _ what: String) throws -> [Int] {
    guard !proto.hasSegment else { throw PareError(.unsupported, "\(what) is stored in segments", file: file) }
    return proto.dims.map { Int($0) }
  }

  private func tensor(_ proto: Onnx_TensorProto, _ dtype: DType, _ what: String) throws -> Tensor {
    let sizes = try sizes(proto, what)
    let layout = try StoredElements.layout(sizes, dtype, what, file: file)
    func make(_ bytes: UnsafeRawBufferPointer) throws -> Tensor {
      try StoredElements.tensor(bytes, sizes, dtype, what, file: file)
    }
    if proto.dataLocation == .external {
      return try external.withBytes(of: proto, count: layout.bytes, what: what, make)
    }
    if proto.hasRawData { return try proto.rawData.withUnsafeBytes(make) }
    /// Makes the tensor of a typed list; `convert` is nil for a number that does not fit the element type.
    func list<S, T>(_ values: [S], _ convert: (S) -> T?) throws -> Tensor {
      guard values.count == layout.shape.count else { throw wrongSize(what, layout.shape.count, values.count) }
      let elements = try values.map { value in
        guard let element = convert(value) else {
          throw PareError(.format, "\(what) holds a number outside of \(dtype.name)", got: "\(value)", file: file)
        }
        return element
      }
      return try elements.withUnsafeBytes(make)
    }
    switch dtype {
    case .f32: return try list(proto.floatData) { $0 }
    case .f64: return try list(proto.doubleData) { $0 }
    case .i64: return try list(proto.int64Data) { $0 }
    case .i32: return try list(proto.int32Data) { $0 }
    case .i16: return try list(proto.int32Data) { Int16(exactly: $0) }
    case .i8: return try list(proto.int32Data) { Int8(exactly: $0) }
    case .u8: return try list(proto.int32Data) { UInt8(exactly: $0) }
    case .bool: return try list(proto.int32Data) { UInt8(exactly: $0) }
    // 16-bit floats are listed by their bits.
    case .u16, .f16, .bf16: return try list(proto.int32Data) { UInt16(exactly: $0) }
    }
  }

  private func wrongSize(_ what: String, _ expected: Int, _ got: Int) -> PareError {
    PareError(.format, "\(what): its data does not fit its shape", expected: "\(expected) elements", got: "\(got)", file: file)
  }
}
