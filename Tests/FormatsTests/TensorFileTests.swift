import Formats
import OrderedCollections
import Support
import Tensor
import Testing
import TestSupport

@Suite struct NPYTests {
  private static let types: [DType] = [.f32, .f64, .f16, .i8, .i16, .i32, .i64, .u8, .u16, .bool]

  private static func expected(_ dtype: DType) -> [Double] {
    switch dtype {
    case .bool: [0, 0, 0, 1, 1, 1]
    case .u8, .u16: [0, 1, 2, 3, 4, 5]
    default: [-2, -1, 0, 1, 2, 3]
    }
  }

  @Test(arguments: types) func readsWhatNumPyWrites(dtype: DType) throws {
    let tensor = try NPY.load(TestFiles.golden("npy/\(dtype.name).npy"))
    #expect(tensor.dtype == dtype)
    #expect(tensor.shape == [2, 3])
    #expect(try tensor.scalars() == Self.expected(dtype))
  }

  /// NumPy pads its header as we do, so that files are equal to the byte.
  @Test(arguments: types) func writesWhatNumPyWrites(dtype: DType) throws {
    let golden = TestFiles.golden("npy/\(dtype.name).npy")
    try TestFiles.withFolder { folder in
      try NPY.save(try NPY.load(golden), to: "\(folder)/a.npy")
      #expect(String(decoding: try TestFiles.read("\(folder)/a.npy"), as: UTF8.self)
        .split(separator: "\n")[0].contains("'shape': (2, 3)"))
      let again = try NPY.load("\(folder)/a.npy")
      #expect(again.dtype == dtype)
      #expect(try again.scalars() == Self.expected(dtype))
      #expect(try TestFiles.read("\(folder)/a.npy") == TestFiles.read(golden))
    }
  }

  @Test func readsOtherLayouts() throws {
    #expect(try NPY.load(TestFiles.golden("npy/fortran.npy")).values(as: Float.self) == [-2, -1, 0, 1, 2, 3])
    #expect(try NPY.load(TestFiles.golden("npy/version2.npy")).values(as: Float.self) == [-2, -1, 0, 1, 2, 3])
    let scalar = try NPY.load(TestFiles.golden("npy/scalar.npy"))
    #expect(scalar.rank == 0)
    #expect(try scalar.item() == 2.5)
    #expect(try NPY.load(TestFiles.golden("npy/empty.npy")).shape == [0, 3])
  }

  @Test func refusesWhatPareHasNot() throws {
    expectError(.unsupported, "'>f4'", "bigendian.npy") { try NPY.load(TestFiles.golden("npy/bigendian.npy")) }
    expectError(.unsupported, "'<c8'") { try NPY.load(TestFiles.golden("npy/complex.npy")) }
    expectError(.notFound, "nothing.npy") { try NPY.load(TestFiles.golden("npy/nothing.npy")) }
    try TestFiles.withFolder { folder in
      let tensor = try Tensor([Float(1)], shape: [1]).converted(to: .bf16)
      expectError(.unsupported, "bf16") { try NPY.save(tensor, to: "\(folder)/a.npy") }
      expectError(.io, "cannot write") { try NPY.save(try Tensor([Float(1)], shape: [1]), to: "\(folder)/no/a.npy") }
    }
  }

  @Test(arguments: [
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, "24 bytes"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, "24 bytes"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 24, "shape"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, ), }", 24, "4000000000 bytes"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", 24, "a size expected"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", 24, "a size expected"),
    ("{'descr': '<f4', 'fortran_order': False, }", 24, "not all there"),
    ("{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3), }", 24, "stands twice"),
    ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", 24, "True or False"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 'x'}", 24, "unknown key 'more'"),
    ("{'descr': '<f4", 24, "without an end"),
    ("", 24, "'{' expected"),
  ])
  func refusesDamagedHeaders(header: String, data: Int, message: String) throws {
    let text = Array(header.utf8)
    let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count), 0] + text + [UInt8](repeating: 0, count: data)
    try TestFiles.withFolder { folder in
      try TestFiles.write(bytes, to: "\(folder)/a.npy")
      expectError(.format, message, "a.npy") { try NPY.load("\(folder)/a.npy") }
    }
  }

  @Test func refusesEveryCut() throws {
    let bytes = try TestFiles.read(TestFiles.golden("npy/f32.npy"))
    try TestFiles.withFolder { folder in
      for length in 0..<bytes.count {
        try TestFiles.write(Array(bytes[..<length]), to: "\(folder)/a.npy")
        expectError(.format, "a.npy") { try NPY.load("\(folder)/a.npy") }
      }
    }
  }
}

@Suite struct SafetensorsTests {
  @Test func readsAFileAndItsMetadata() throws {
    let path = TestFiles.golden("npy/two.safetensors")
    let tensors = try Safetensors.load(path)
    #expect(Array(tensors.keys) == ["fc.weight", "bias"])
    #expect(try tensors["fc.weight"]?.values(as: Float.self) == [-2, -1, 0, 1, 2, 3])
    #expect(tensors["fc.weight"]?.shape == [2, 3])
    #expect(try tensors["bias"]?.values(as: Int64.self) == [7, -1])
    #expect(try Safetensors.metadata(path) == ["format": "pt"])
  }

  @Test func keepsEveryElementType() throws {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for dtype in DType.allCases {
      tensors["a \"\(dtype.name)\" \\ ü"] = try Tensor([Float(1), 0, 3], shape: [3, 1]).converted(to: dtype)
    }
    tensors["nothing"] = try Tensor.zeros([0, 4])
    tensors["scalar"] = try Tensor.scalar(2)
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.safetensors"
      try Safetensors.save(tensors, to: path, metadata: ["b": "2", "a": "1"])
      let again = try Safetensors.load(path)
      #expect(Set(again.keys) == Set(tensors.keys))
      for (name, tensor) in tensors {
        #expect(again[name]?.dtype == tensor.dtype)
        #expect(again[name]?.shape == tensor.shape)
        #expect(try again[name]?.scalars() == tensor.scalars())
      }
      #expect(try Safetensors.metadata(path) == ["a": "1", "b": "2"])
      let first = try TestFiles.read(path)
      try Safetensors.save(tensors, to: path, metadata: ["a": "1", "b": "2"])
      #expect(try TestFiles.read(path) == first)
    }
  }

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, 6, "starts at 4"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#, 12, "starts at 4"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "4 bytes after the last tensor"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "within 4 bytes"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "8 bytes"),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, "shape"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "shape"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "4..<0"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4, "-4..<0"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, "two data_offsets"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "expected the keys"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, 4, "expected the keys"),
    (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "damaged safetensors header"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}"#, 4, "stands twice"),
    (#"{"a":1}"#, 0, "damaged safetensors header"),
    (#"{"a":"#, 0, "damaged safetensors header"),
    (#"[]"#, 0, "damaged safetensors header"),
    (#"{"__metadata__":{"a":1}}"#, 0, "__metadata__"),
  ])
  func refusesDamagedHeaders(header: String, data: Int, message: String) throws {
    let text = Array(header.utf8)
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.safetensors"
      try TestFiles.write([UInt8(text.count), 0, 0, 0, 0, 0, 0, 0] + text + [UInt8](repeating: 0, count: data), to: path)
      expectError(.format, message, "a.safetensors") { try Safetensors.load(path) }
    }
  }

  @Test func refusesUnknownTypesLengthsAndDeepNesting() throws {
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.safetensors"
      let text = Array(#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#.utf8)
      try TestFiles.write([UInt8(text.count), 0, 0, 0, 0, 0, 0, 0] + text + [0], to: path)
      expectError(.unsupported, "'a'", "F8_E4M3") { try Safetensors.load(path) }
      try TestFiles.write([UInt8](repeating: 255, count: 8) + text, to: path)
      expectError(.format, "impossible length") { try Safetensors.load(path) }
      try TestFiles.write([], to: path)
      expectError(.format, "file ends") { try Safetensors.load(path) }
      let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
      try TestFiles.write(UInt64(deep.count).bytes + deep, to: path)
      expectError(.format, "damaged safetensors header") { try Safetensors.load(path) }
    }
  }

  @Test func refusesEveryCut() throws {
    let bytes = try TestFiles.read(TestFiles.golden("npy/two.safetensors"))
    try TestFiles.withFolder { folder in
      for length in 0..<bytes.count {
        try TestFiles.write(Array(bytes[..<length]), to: "\(folder)/a.safetensors")
        expectError(.format, "a.safetensors") { try Safetensors.load("\(folder)/a.safetensors") }
      }
    }
  }
}

extension UInt64 {
  fileprivate var bytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
