import Formats
import Support
import Testing
import TestSupport

/// Models with one fault each (Tests/Golden/onnx/generate_hostile.py): refused with the file, the place and the reason.
@Suite struct HostileONNXTests {
  @Test(arguments: [
    ("raw_short", "format", ["initializer 'w'", "48 bytes", "47"]),
    ("raw_long", "format", ["initializer 'w'", "48 bytes", "49"]),
    ("raw_missing", "format", ["initializer 'w'", "12 elements", "got 0"]),
    ("list_short", "format", ["initializer 'w'", "12 elements", "got 2"]),
    ("shape_negative", "format", ["initializer 'w'", "shape"]),
    ("shape_overflow", "format", ["initializer 'w'", "shape"]),
    ("shape_huge", "format", ["initializer 'w'", "17179869184 bytes", "got 48"]),
    ("shape_rank", "format", ["initializer 'w'", "shape"]),
    ("dtype_string", "unsupported", ["initializer 'w'", "STRING"]),
    ("dtype_unknown", "format", ["initializer 'w'", "99"]),
    ("byte_out_of_range", "format", ["initializer 'w'", "i8", "300"]),
    ("bool_two", "format", ["initializer 'w'", "boolean", "2"]),
    ("initializer_twice", "format", ["initializer 'w' stands twice"]),
    ("external_parent", "format", ["initializer 'w'", "outside", "'../external.data'"]),
    ("external_absolute", "format", ["initializer 'w'", "outside", "'/etc/passwd'"]),
    ("external_missing", "not_found", ["initializer 'w'", "nowhere.data"]),
    ("external_beyond", "format", ["initializer 'w'", "beyond 'some.data'", "64 bytes"]),
    ("external_overflow", "format", ["initializer 'w'", "beyond 'some.data'"]),
    ("external_negative", "format", ["initializer 'w'", "'offset'", "'-1'"]),
    ("external_short", "format", ["initializer 'w'", "48 bytes", "got 40"]),
    ("external_own", "format", ["initializer 'w'", "outside"]),
    ("large_short", "format", ["initializer 'w'", "8192 bytes", "got 8191"]),
    ("external_nothing", "format", ["initializer 'w'", "without a location"]),
    ("cycle", "format", ["the_add", "cycle"]),
    ("itself", "format", ["the_add", "cycle"]),
    ("undefined", "format", ["the_matmul", "'wieght'"]),
    ("output_undefined", "format", ["'z'"]),
    ("made_twice", "format", ["'y'", "the_relu"]),
    ("made_and_given", "format", ["'w'", "the_relu"]),
    ("no_name", "format", ["neither name nor outputs", "Relu"]),
    ("no_operator", "format", ["no operator"]),
    ("unknown_operator", "unsupported", ["'Convv'", "the_convv", "opset 17", "did you mean 'Conv'?"]),
    ("unknown_domain", "unsupported", ["some.where.MatMul", "the_matmul"]),
    ("branch", "unsupported", ["If 'the_if'", "opset 17", "the condition", "--shape"]),
    ("function", "format", ["'MyFunction'", "the_myfunction", "calls itself"]),
    ("attribute_twice", "format", ["attribute 'a'", "the_matmul", "twice"]),
    ("attribute_text", "format", ["attribute 'a'", "UTF-8"]),
    ("shapes_apart", "shape", ["MatMul 'matmul'", "[4, 3]"]),
    ("opset_old", "unsupported", ["opset", "7 to 21", "got 6"]),
    ("opset_new", "unsupported", ["opset", "7 to 21", "got 99"]),
    ("opset_none", "format", ["opset"]),
    ("graph_none", "format", ["no graph"]),
    ("input_sequence", "unsupported", ["input 'x' is no tensor"]),
    ("ledger", "format", ["pare.ledger"]),
  ])
  func refuses(name: String, code: String, parts: [String]) {
    do {
      _ = try ONNX.load(TestFiles.golden("onnx/hostile/\(name).onnx"))
      Issue.record("\(name) is not refused")
    } catch let error as PareError {
      #expect(error.code.rawValue == code, "\(error)")
      #expect(error.file?.hasSuffix("\(name).onnx") == true || code == "not_found", "\(error)")
      for part in parts { #expect(error.description.contains(part), "\(error)") }
    } catch {
      Issue.record("not a PareError: \(error)")
    }
  }

  @Test func refusesLinksOutOfTheFolder() throws {
    try TestFiles.withFolder { folder in
      try TestFiles.makeFolder("\(folder)/model")
      try TestFiles.write([UInt8](repeating: 0, count: 64), to: "\(folder)/secret")
      try TestFiles.link("\(folder)/model/some.data", to: "\(folder)/secret")
      try TestFiles.write(TestFiles.read(TestFiles.golden("onnx/hostile/external_short.onnx")), to: "\(folder)/model/a.onnx")
      expectError(.format, "outside of the model's folder") { try ONNX.load("\(folder)/model/a.onnx") }
    }
  }

  @Test func refusesWhatIsNotONNX() throws {
    expectError(.notFound, "no such file") { try ONNX.load(TestFiles.golden("onnx/nothing.onnx")) }
    expectError(.format, "not an ONNX model") { try ONNX.load(TestFiles.golden("onnx/generate_onnx.py")) }
    try TestFiles.withFolder { folder in
      try TestFiles.write([], to: "\(folder)/a.onnx")
      expectError(.format, "empty") { try ONNX.load("\(folder)/a.onnx") }
      // A message within a message within a message: tag 7 (graph), length 127, then garbage nesting.
      try TestFiles.write([UInt8](repeating: 0x3A, count: 1 << 16), to: "\(folder)/a.onnx")
      expectError(.format, "not an ONNX model") { try ONNX.load("\(folder)/a.onnx") }
    }
  }

  /// A changed or missing byte gives an error or another model; nothing traps, hangs or asks for much memory.
  @Test(arguments: ["cnn_script", "opset12", "qdq", "int4", "sparse", "mlp_dynamo"])
  func survivesEveryDamage(name: String) throws {
    let bytes = try TestFiles.read(ONNXTests.path(name))
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.onnx"
      func load(_ damaged: [UInt8]) throws {
        try TestFiles.write(damaged, to: path)
        do { _ = try ONNX.load(path) } catch let error as PareError { #expect(error.file != nil, "\(error)") }
      }
      for index in bytes.indices {
        for flip: UInt8 in [0x01, 0x08, 0x80, 0xFF] {
          var damaged = bytes
          damaged[index] ^= flip
          try load(damaged)
        }
        try load(Array(bytes[..<index]))
      }
    }
  }
}
