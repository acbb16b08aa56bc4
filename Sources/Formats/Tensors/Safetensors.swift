import FoundationEssentials
import OrderedCollections
import Support
import Tensor

/// safetensors: named tensors in a file, with PyTorch's names for state dicts.
///
/// Layout: u64 length of a JSON header, the header, the data. Reference: github.com/huggingface/safetensors.
public enum Safetensors {
  /// The format's own bound.
  private static let greatestHeader = 100_000_000

  private static let dtypes: [(name: String, dtype: DType)] = [
    ("F64", .f64), ("F32", .f32), ("F16", .f16), ("BF16", .bf16), ("I64", .i64), ("I32", .i32), ("I16", .i16), ("U16", .u16),
    ("I8", .i8), ("U8", .u8), ("BOOL", .bool),
  ]

  /// Reads all tensors of the file at `path`, in the order of their data.
  ///
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for a header that is damaged, has unknown or
  ///   repeated keys, or whose tensors overlap, leave holes or reach beyond the file, `.unsupported` for an element
  ///   type that Pare has not.
  public static func load(_ path: String) throws -> OrderedDictionary<String, Tensor> { try read(path).tensors }

  /// Reads the text pairs that the file at `path` carries beside its tensors.
  public static func metadata(_ path: String) throws -> [String: String] { try read(path, tensors: false).metadata }

  private static func read(
    _ path: String, tensors wanted: Bool = true
  ) throws -> (tensors: OrderedDictionary<String, Tensor>, metadata: [String: String]) {
    let file = try FileBytes(path)
    return try file.withBytes { bytes in
      var reader = ByteReader(bytes, file: path)
      let length = try reader.little(UInt64.self, "the header's length")
      guard length <= greatestHeader, length <= reader.remaining else {
        throw PareError(
          .format, "impossible length of the safetensors header",
          expected: "at most \(min(greatestHeader, reader.remaining))", got: "\(length)", file: path)
      }
      let header = try Header.parse(reader.take(Int(length), "the header"), file: path)
      let data = try reader.take(reader.remaining, "the data")
      var tensors: OrderedDictionary<String, Tensor> = [:]
      var end = 0
      for (name, entry) in header.entries {
        guard let dtype = dtypes.first(where: { $0.name == entry.dtype })?.dtype else {
          throw PareError(
            .unsupported, "tensor '\(name)' has element type \(entry.dtype)",
            expected: dtypes.map(\.name).joined(separator: " "), file: path)
        }
        guard entry.begin == end, entry.end >= entry.begin, entry.end <= data.count else {
          throw PareError(
            .format, "tensor '\(name)' lies at \(entry.begin)..<\(entry.end) of the data",
            expected: "a range that starts at \(end), where the one before it ends, within \(data.count) bytes",
            file: path)
        }
        end = entry.end
        let slice = UnsafeRawBufferPointer(rebasing: data[entry.begin..<entry.end])
        if wanted {
          tensors[name] = try StoredElements.tensor(slice, entry.shape, dtype, "tensor '\(name)'", file: path)
        }
      }
      guard end == data.count else {
        throw PareError(.format, "\(data.count - end) bytes after the last tensor", file: path)
      }
      return (tensors, header.metadata)
    }
  }

  /// Writes tensors to `path`; wider element types come first, so that all are aligned, else the order is kept.
  public static func save(
    _ tensors: OrderedDictionary<String, Tensor>, to path: String, metadata: [String: String] = [:]
  ) throws {
    let ordered = tensors.elements.enumerated().sorted {
      ($1.element.value.dtype.size, $0.offset) < ($0.element.value.dtype.size, $1.offset)
    }.map(\.element)
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = try metadata.sorted { $0.key < $1.key }.map { "\(try CanonicalJSON.text($0.key)):\(try CanonicalJSON.text($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var end = 0
    for (name, tensor) in ordered {
      guard name != "__metadata__" else {
        throw PareError(.argument, "a safetensors file cannot hold a tensor called '__metadata__'", file: path)
      }
      guard let dtype = dtypes.first(where: { $0.dtype == tensor.dtype })?.name else {
        throw PareError(.unsupported, "safetensors has no element type for \(tensor.dtype.name) of '\(name)'", file: path)
      }
      let begin = end
      end += tensor.count * tensor.dtype.size
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      fields.append(
        "\(try CanonicalJSON.text(name)):{\"dtype\":\"\(dtype)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}")
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    try AtomicFile.write(to: path) { write in
      try (UInt64(header.count).littleEndianBytes + header).withUnsafeBytes { try write($0) }
      for (_, tensor) in ordered { try tensor.withBytes { try write($0) } }
    }
  }
}

extension Safetensors {
  private struct Entry {
    var dtype: String
    var shape: [Int]
    var begin: Int
    var end: Int
  }

  /// The JSON header, its entries sorted by where their data begins.
  private struct Header: Decodable {
    var entries: [(name: String, entry: Entry)] = []
    var metadata: [String: String] = [:]
    private var hasMetadata = false

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys {
        if key.stringValue == "__metadata__" {
          hasMetadata = true
          metadata = try container.decode([String: String].self, forKey: key)
          continue
        }
        let fields = try container.nestedContainer(keyedBy: Key.self, forKey: key)
        guard Set(fields.allKeys.map(\.stringValue)) == ["dtype", "shape", "data_offsets"] else {
          throw DecodingError.dataCorrupted(
            .init(codingPath: fields.codingPath, debugDescription: "expected the keys dtype, shape and data_offsets"))
        }
        let offsets = try fields.decode([Int].self, forKey: Key(stringValue: "data_offsets"))
        guard offsets.count == 2 else {
          throw DecodingError.dataCorrupted(
            .init(codingPath: fields.codingPath, debugDescription: "expected two data_offsets"))
        }
        entries.append((
          key.stringValue,
          Entry(
            dtype: try fields.decode(String.self, forKey: Key(stringValue: "dtype")),
            shape: try fields.decode([Int].self, forKey: Key(stringValue: "shape")),
            begin: offsets[0], end: offsets[1])))
      }
      entries.sort { ($0.entry.begin, $0.entry.end, $0.name) < ($1.entry.begin, $1.entry.end, $1.name) }
    }

    static func parse(_ bytes: UnsafeRawBufferPointer, file: String) throws -> Header {
      let header: Header
      do {
        header = try CanonicalJSON.value(Data(bytes), "safetensors header")
      } catch let error as PareError {
        throw error.located(file: file)
      }
      // The decoder keeps one of two equal keys silently; every key has one colon.
      let keys = header.entries.count * 4 + (header.hasMetadata ? 1 + header.metadata.count : 0)
      guard colons(bytes) == keys else {
        throw PareError(.format, "damaged safetensors header: a key stands twice", file: file)
      }
      return header
    }

    /// Counts the colons outside of strings.
    private static func colons(_ bytes: UnsafeRawBufferPointer) -> Int {
      var count = 0, inString = false, escaped = false
      for byte in bytes {
        if escaped {
          escaped = false
        } else if inString, byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString.toggle()
        } else if byte == UInt8(ascii: ":"), !inString {
          count += 1
        }
      }
      return count
    }
  }
}
