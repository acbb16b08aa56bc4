import Formats
import Foundation
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import TestSupport

@Suite struct PareFileTests {
  @Test(arguments: Models.representations, [false, true])
  func keepsEveryRepresentation(name: String, encode: Bool) throws {
    let model = try Models.small(Models.representation(name))
    try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare", encode: encode)
      #expect(try Models.difference(PareFile.load("\(folder)/a.pare"), model) == nil)
      #expect(try TestFiles.read("\(folder)/a.pare").count == PareFile.size(of: model, encode: encode))
    }
  }

  /// An interrupted save leaves the file that was there, and nothing beside it.
  @Test(arguments: [false, true]) func anInterruptedSaveLeavesTheOldFile(encode: Bool) throws {
    let old = try Models.small(Models.representation("dense"))
    var model = old
    model.nodes.append(Node(name: "large", op: "MatMul", inputs: ["y", "large.weight"], outputs: ["z"]))
    model.outputs = [Port("z", ValueType(.f32, [.symbol("N"), 2_500_000]))]
    model.parameters["large.weight"] = Parameter("large.weight", try Tensor.rand([5, 2_500_000], seed: 1))
    try TestFiles.withFolder { folder in
      try PareFile.save(old, to: "\(folder)/a.pare")
      let bytes = try TestFiles.read("\(folder)/a.pare")
      Interrupt.request()
      defer { Interrupt.clear() }
      let error = #expect(throws: PareError.self) { try PareFile.save(model, to: "\(folder)/a.pare", encode: encode) }
      #expect(error?.code == .interrupted)
      #expect(try TestFiles.read("\(folder)/a.pare") == bytes)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.pare"])
      // What is saved because of the stop is saved.
      try Interrupt.held { try PareFile.save(model, to: "\(folder)/b.pare") }
      #expect(try Models.difference(PareFile.load("\(folder)/b.pare"), model) == nil)
    }
  }

  @Test(arguments: [false, true]) func keepsEverythingElse(encode: Bool) throws {
    let model = try Models.decorated()
    try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare", encode: encode)
      let again = try PareFile.load("\(folder)/a.pare")
      #expect(try Models.difference(again, model) == nil)
      try PareFile.save(again, to: "\(folder)/b.pare", encode: encode)
      let bytes = try TestFiles.read("\(folder)/a.pare")
      #expect(try bytes == TestFiles.read("\(folder)/b.pare"))
      #expect(try bytes == PareFile.encode(model, encode: encode))
      #expect(try Models.difference(PareFile.decode(bytes, name: "a"), model) == nil)
    }
  }

  @Test func keepsEveryAttributeAndElementType() throws {
    var model = try Models.small(Models.representation("dense"))
    let values: [Attribute] = [
      .int(.min), .float(-.infinity), .float(0.1), .string("ü\0"), .ints([]), .ints([1, -2]), .floats([0.5]), .strings(["", "b"]),
    ]
    for (index, value) in values.enumerated() { model.nodes[1].attributes["a\(index)"] = value }
    for dtype in DType.allCases {
      model.nodes[1].attributes["t_\(dtype.name)"] = .tensor(try Tensor([Float(0), 1, 1], shape: [3, 1]).converted(to: dtype))
    }
    model.inputs[0].type.shape = nil
    try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare")
      #expect(try Models.difference(PareFile.load("\(folder)/a.pare"), model) == nil)
    }
  }

  /// Large blobs begin at multiples of 64 and stay usable when the file is gone.
  @Test func mapsLargeTensors() throws {
    var model = try Models.small(Models.representation("dense"))
    let large = try Tensor((0..<600_000).map(Float.init), shape: [600, 1000])
    model.nodes.append(Node(name: "large", op: "MatMul", inputs: ["y", "large.weight"], outputs: ["z"]))
    model.outputs = [Port("z", ValueType(.f32, [.symbol("N"), 1000]))]
    model.parameters["fc.weight"] = Parameter("fc.weight", try Models.tensor([600, 48]))
    model.parameters["fc.bias"] = Parameter("fc.bias", try Models.tensor([600]))
    model.parameters["large.weight"] = Parameter("large.weight", large)
    let again = try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare")
      return try PareFile.load("\(folder)/a.pare")
    }
    #expect(try Models.difference(again, model) == nil)
    let weight = try again.parameter(named: "large.weight").value.dense()
    #expect(try (weight + 1).values(as: Float.self).last == 600_000)
  }

  /// What is not parameters takes little: names, graph and checks of a four-layer network in under 700 bytes.
  @Test func staysSmall() throws {
    let model = try Models.small(Models.representation("int8"))
    let blobs = try model.parameters.values.reduce(0) { try $0 + $1.value.byteCount() }
    #expect(try PareFile.size(of: model) - blobs < 700)
    var zeros = model
    zeros.parameters["fc.weight"] = Parameter("fc.weight", try Tensor.zeros([5, 48]))
    #expect(try PareFile.size(of: zeros, encode: true) < PareFile.size(of: zeros) - 800)
  }

  @Test(arguments: [false, true]) func noticesEveryDamage(encode: Bool) throws {
    let model = try Models.decorated()
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.pare"
      try PareFile.save(model, to: path, encode: encode)
      let bytes = try TestFiles.read(path)
      try expectEveryDamageFound(bytes, at: path, write: TestFiles.write) { _ = try PareFile.load($0) }
    }
  }

  /// A header that lies under right checksums gives an error or another model, never a trap.
  @Test func survivesForgedHeaders() throws {
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.pare"
      try PareFile.save(try Models.decorated(), to: path)
      let file = try TestFiles.read(path)
      let header = try Self.header(of: file)
      var refused = 0
      for index in header.indices {
        for flip: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
          var forged = header
          forged[index] ^= flip
          try TestFiles.write(try Self.file(file, with: forged), to: path)
          do { _ = try PareFile.load(path) } catch is PareError { refused += 1 }
        }
      }
      #expect(refused > header.count * 2)
      try TestFiles.write(try Self.file(file, with: header), to: path)
      #expect(try Models.difference(PareFile.load(path), Models.decorated()) == nil)
    }
  }

  private static let start = PareLayout.headerStart

  private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
  }

  private static func header(of file: [UInt8]) throws -> [UInt8] {
    let stored = number(file, 12), plain = number(file, 16)
    return try file[start..<(start + stored)].withUnsafeBytes {
      try Zstandard.decompress($0, count: plain, what: "header", file: "a")
    }
  }

  private static func file(_ file: [UInt8], with header: [UInt8]) throws -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    let stored = try header.withUnsafeBytes { try Zstandard.compress($0, level: 1) }
    let blobs = file[(start + number(file, 12))...]
    var result = Array(file[..<12]) + bytes(UInt32(stored.count)) + bytes(UInt32(header.count))
    result += bytes(stored.withUnsafeBytes { CRC32C.of($0) }) + bytes(UInt64(start + stored.count + blobs.count))
    result += bytes(result.withUnsafeBytes { CRC32C.of($0) })
    return result + stored + blobs
  }

  /// Writes what it is told under the name of a kind that exists.
  private struct Liar: Representation {
    static let kind = "csr"
    var shape: Shape
    var claimed: [Int]
    var nonzeros: Int { 0 }
    func dense() throws -> Tensor { try Tensor.zeros(shape) }
    func updated(from leaf: Tensor) throws -> any Representation { self }
    func sliced(axis: Int, keeping: [Int]) throws -> any Representation { self }
    func masked(_ mask: Tensor) throws -> any Representation { self }
    func encode(into encoder: inout RepresentationEncoder) throws {
      encoder.set("shape", .integers(claimed))
      encoder.set("values", blob: try Tensor.zeros([0]))
      encoder.set("columns", blob: try Tensor.zeros([0, 1], .u8))
      encoder.set("row_counts", blob: try Tensor.zeros([3, 1], .u8))
    }
    init(from decoder: inout RepresentationDecoder) throws { throw decoder.invalid("a liar") }
    init(shape: Shape, claimed: [Int]) {
      self.shape = shape
      self.claimed = claimed
    }
  }

  @Test(arguments: [
    ([3, 2_000_000_000], "elements"), ([3, 4_611_686_018_427_387_904], "shape"), ([3, -1], "shape"), ([4, 1], "4 rows"),
    ([], "rank 1"),
  ])
  func refusesBombs(shape: [Int], message: String) throws {
    var model = try Models.small(Models.representation("dense"))
    model.parameters["conv.weight"] = Parameter("conv.weight", Liar(shape: [3, 2, 3, 3], claimed: shape))
    try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare")
      expectError(.format, "conv.weight", message, "a.pare") { try PareFile.load("\(folder)/a.pare") }
    }
  }

  @Test func namesWhatIsNotPare() throws {
    try TestFiles.withFolder { folder in
      try TestFiles.write(Array("PK\u{3}\u{4}something else".utf8), to: "\(folder)/a.pare")
      expectError(.format, "not a .pare file", "a.pare") { try PareFile.load("\(folder)/a.pare") }
    }
  }
}
