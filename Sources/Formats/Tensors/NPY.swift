import Support
import Tensor

/// NumPy's `.npy`: one tensor in a file (format versions 1.0, 2.0 and 3.0).
///
/// Reference: numpy.lib.format.
public enum NPY {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private static let dtypes: [(descr: String, dtype: DType)] = [
    ("<f4", .f32), ("<f8", .f64), ("<f2", .f16), ("|i1", .i8), ("|u1", .u8), ("<i2", .i16), ("<u2", .u16), ("<i4", .i32),
    ("<i8", .i64), ("|b1", .bool),
  ]

  /// Reads the tensor in the file at `path`; one in Fortran order comes back row-major.
  ///
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for damaged contents, `.unsupported` for an
  ///   element type that Pare has not (complex numbers, strings, objects, big-endian numbers).
  public static func load(_ path: String) throws -> Tensor {
    let file = try FileBytes(path)
    return try file.withBytes { bytes in
      var reader = ByteReader(bytes, file: path)
      guard try reader.take(6, "the magic number").elementsEqual(magic) else {
        throw PareError(.format, "not a .npy file", file: path)
      }
      let major = try reader.little(UInt8.self, "the version")
      _ = try reader.little(UInt8.self, "the version")
      let length: Int
      switch major {
      case 1: length = Int(try reader.little(UInt16.self, "the header's length"))
      case 2, 3: length = Int(try reader.little(UInt32.self, "the header's length"))
      default: throw PareError(.unsupported, ".npy version \(major)", expected: "1, 2 or 3", file: path)
      }
      let header = try Header(String(decoding: reader.take(length, "the header"), as: UTF8.self), file: path)
      let sizes = header.isFortranOrder ? header.shape.reversed() : header.shape
      let tensor = try StoredElements.tensor(
        reader.take(reader.remaining, "the data"), sizes, header.dtype, "the array", file: path)
      guard header.isFortranOrder, sizes.count > 1 else { return tensor }
      return try tensor.permuted(Array((0..<sizes.count).reversed())).contiguous()
    }
  }

  /// Writes `tensor` to `path` in format version 1.0, row-major.
  ///
  /// - Throws: `PareError.unsupported` for bf16, which NumPy has not; `.io` for the file.
  public static func save(_ tensor: Tensor, to path: String) throws {
    guard let descr = dtypes.first(where: { $0.dtype == tensor.dtype })?.descr else {
      throw PareError(
        .unsupported, ".npy has no element type for \(tensor.dtype.name)", suggestion: "convert the tensor to f32 first",
        file: path)
    }
    let sizes = tensor.shape.dimensions
    let shape = sizes.count == 1 ? "(\(sizes[0]),)" : "(\(sizes.map(String.init).joined(separator: ", ")))"
    var header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }"
    // The data starts at a multiple of 64.
    let unpadded = 10 + header.utf8.count + 1
    header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    let preamble = magic + [1, 0] + UInt16(header.utf8.count).littleEndianBytes + Array(header.utf8)
    try AtomicFile.write(to: path) { write in
      try preamble.withUnsafeBytes { try write($0) }
      try tensor.withBytes { try write($0) }
    }
  }

  /// The Python dictionary that describes the data: exactly the keys descr, fortran_order and shape.
  private struct Header {
    var dtype = DType.f32
    var isFortranOrder = false
    var shape: [Int] = []

    init(_ text: String, file: String) throws {
      var scanner = Scanner(text: Array(text.utf8), file: file)
      var seen: Set<String> = []
      try scanner.expect("{")
      while !scanner.accept("}") {
        let key = try scanner.quoted()
        guard seen.insert(key).inserted else { throw scanner.damage("'\(key)' stands twice") }
        try scanner.expect(":")
        switch key {
        case "descr":
          let descr = try scanner.quoted()
          guard let known = dtypes.first(where: { $0.descr == descr || $0.descr.dropFirst() == descr }) else {
            throw PareError(
              .unsupported, "element type '\(descr)' of a .npy file",
              expected: dtypes.map(\.descr).joined(separator: " "), file: file)
          }
          dtype = known.dtype
        case "fortran_order":
          isFortranOrder = try scanner.boolean()
        case "shape":
          shape = try scanner.tuple()
        default:
          throw scanner.damage("unknown key '\(key)'")
        }
        if !scanner.accept(",") {
          try scanner.expect("}")
          break
        }
      }
      guard seen.count == 3 else { throw scanner.damage("keys descr, fortran_order and shape are not all there") }
    }
  }

  /// Just enough of Python's literals for the header.
  private struct Scanner {
    let text: [UInt8]
    let file: String
    var position = 0

    func damage(_ what: String) -> PareError {
      PareError(.format, "damaged .npy header at character \(position): \(what)", file: file)
    }

    private mutating func skipSpaces() {
      while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
    }

    mutating func accept(_ symbol: Unicode.Scalar) -> Bool {
      skipSpaces()
      guard position < text.count, text[position] == UInt8(ascii: symbol) else { return false }
      position += 1
      return true
    }

    mutating func expect(_ symbol: Unicode.Scalar) throws {
      guard accept(symbol) else { throw damage("'\(symbol)' expected") }
    }

    mutating func quoted() throws -> String {
      skipSpaces()
      guard position < text.count, text[position] == UInt8(ascii: "'") || text[position] == UInt8(ascii: "\"") else {
        throw damage("a string expected")
      }
      let quote = text[position]
      guard let end = text[(position + 1)...].firstIndex(of: quote) else { throw damage("a string without an end") }
      defer { position = end + 1 }
      return String(decoding: text[(position + 1)..<end], as: UTF8.self)
    }

    private mutating func word() -> String {
      skipSpaces()
      let start = position
      while position < text.count, UInt8(ascii: "A")...UInt8(ascii: "z") ~= text[position]
        || UInt8(ascii: "0")...UInt8(ascii: "9") ~= text[position] { position += 1 }
      return String(decoding: text[start..<position], as: UTF8.self)
    }

    mutating func boolean() throws -> Bool {
      switch word() {
      case "True": return true
      case "False": return false
      default: throw damage("True or False expected")
      }
    }

    mutating func tuple() throws -> [Int] {
      var values: [Int] = []
      try expect("(")
      while !accept(")") {
        guard let value = Int(word()), value >= 0 else { throw damage("a size expected") }
        values.append(value)
        if !accept(",") {
          try expect(")")
          break
        }
      }
      return values
    }
  }
}
