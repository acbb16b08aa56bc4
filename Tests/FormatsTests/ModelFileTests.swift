import Formats
import Glibc
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import TestSupport

@Suite struct ModelFileTests {
  @Test(arguments: ["a.onnx", "a.pare", "A.PARE"]) func goesByTheExtension(name: String) throws {
    let model = try Models.small(Models.representation("dense"))
    try TestFiles.withFolder { folder in
      try ModelFile.save(model, to: "\(folder)/\(name)")
      #expect(try Models.difference(ModelFile.load("\(folder)/\(name)"), model) == nil)
    }
  }

  @Test func writesStateDicts() throws {
    let model = try Models.small(Models.representation("int4"))
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.safetensors"
      try ModelFile.save(model, to: path)
      let tensors = try Safetensors.load(path)
      #expect(Array(tensors.keys) == Array(model.parameters.keys))
      for (name, parameter) in model.parameters {
        let stored = try #require(tensors[name])
        #expect(try difference(stored, parameter.value.dense(), relative: 0) == nil)
      }
      expectError(.argument, "no graph") { try ModelFile.load(path) }
    }
  }

  @Test func namesWrongExtensionsAndOptions() throws {
    let model = try Models.small(Models.representation("dense"))
    expectError(.argument, "a.onx", "did you mean 'onnx'?") { try ModelFile.load("a.onx") }
    expectError(.argument, "got none") { try ModelFile.load("folder.onnx/a") }
    expectError(.notFound, "nothing.pare") { try ModelFile.load("nothing.pare") }
    expectError(.notFound, "nothing.onnx") { try ModelFile.load("nothing.onnx") }
    expectError(.argument, "'encode'", ".pare") { try ModelFile.save(model, to: "a.onnx", SaveOptions(encode: true)) }
    expectError(.argument, "'profile'", ".onnx") { try ModelFile.save(model, to: "a.pare", SaveOptions(profile: "tensorrt")) }
    expectError(.argument, "did you mean 'tensorrt'?") { try ModelFile.save(model, to: "a.onnx", SaveOptions(profile: "tensort")) }
  }

  /// A model whose file is large enough to be mapped, with weights that are left in it.
  private func opened(in folder: String) throws -> (path: String, loaded: Model, opened: Model) {
    let path = "\(folder)/a.onnx"
    try ModelFile.save(NN.lenet300(seed: 3), to: path)
    return (path, try ModelFile.load(path), try ModelFile.open(path))
  }

  @Test func openedModelsAreTheSame() throws {
    try TestFiles.withFolder { folder in
      let (_, loaded, opened) = try opened(in: folder)
      let names = opened.parameters.keys.filter { opened.parameters[$0]?.value is UnreadRepresentation }
      #expect(names == loaded.parameters.keys.filter { (loaded.parameters[$0]?.shape.count ?? 0) * 4 >= 1 << 12 })
      #expect(!names.isEmpty)
      #expect(try Models.difference(opened, loaded) == nil)
      let x = try Tensor.rand([3, 1, 28, 28], seed: 1)
      #expect(try difference(opened(x), loaded(x), relative: 0) == nil)
      for name in names {
        let unread = try #require(opened.parameters[name]?.value as? UnreadRepresentation)
        let dense = try loaded.parameter(named: name).value.dense()
        #expect(try difference(unread.dense(rows: 2..<7), dense.narrowed(axis: 0, start: 2, length: 5), relative: 0) == nil)
      }
      try ModelFile.save(opened, to: "\(folder)/b.pare")
      #expect(try Models.difference(ModelFile.load("\(folder)/b.pare"), loaded) == nil)
    }
  }

  /// Integers behind a DequantizeLinear are left in the file too; integers of other use are not.
  @Test func openedIntegersAreTheSame() throws {
    try TestFiles.withFolder { folder in
      let path = "\(folder)/a.onnx"
      var model = try NN.graph(input: [2048], seed: 3) { x in try NN.linear(inFeatures: 2048, outFeatures: 600)(x) }
      for (name, parameter) in model.parameters where parameter.shape.rank == 2 {
        model.parameters[name]?.value = try IntegerRepresentation.quantizing(
          parameter.value.dense(), scales: Tensor.full([600], 0.0002), axis: 0)
      }
      try ModelFile.save(model, to: path)
      let loaded = try ModelFile.load(path), opened = try ModelFile.open(path)
      #expect(opened.parameters.values.contains { $0.value is UnreadIntegers })
      #expect(try Models.difference(opened, loaded) == nil)
      let x = try Tensor.rand([3, 2048], seed: 1)
      #expect(try difference(opened(x), loaded(x), relative: 0) == nil)
    }
  }

  /// Written to, a file no longer holds what its model needs; replaced or deleted it does.
  @Test func openedModelsNoticeChanges() throws {
    try TestFiles.withFolder { folder in
      let (path, loaded, opened) = try opened(in: folder)
      let bytes = try FileBytes(path).withBytes { Array($0) }
      try ModelFile.save(NN.lenet300(seed: 4), to: path)
      #expect(try Models.difference(opened, loaded) == nil)
      let again = try ModelFile.open(path)
      let file = try #require(fopen(path, "r+"))
      _ = bytes.prefix(16).withUnsafeBytes { fwrite($0.baseAddress, 1, 16, file) }
      fclose(file)
      truncate(path, off_t(bytes.count / 2))
      expectError(.io, path, "written to") { try again(Tensor.zeros([1, 1, 28, 28])) }
    }
  }
}
