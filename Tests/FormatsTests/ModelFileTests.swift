import Formats
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
}
