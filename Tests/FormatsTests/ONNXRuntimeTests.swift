import Formats
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import TestSupport

/// What is exported passes ONNX's checker and gives the same numbers in ONNX Runtime.
@Suite(.enabled(if: Python.isThere, Comment(rawValue: Python.reason))) struct ONNXRuntimeTests {
  private static let code = """
    import sys, numpy, onnx, onnxruntime
    path, x, y = sys.argv[1:]
    # ONNX's own shape inference, part of the full check, knows no operator that takes a sparse tensor.
    onnx.checker.check_model(path, full_check=not onnx.load(path).graph.sparse_initializer)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    numpy.save(y, session.run(None, {session.get_inputs()[0].name: numpy.load(x)})[0])
    """

  /// Returns what ONNX Runtime gives for the export of `model`.
  private func run(
    _ model: Model, _ x: Tensor, _ options: ExportOptions = ExportOptions(), path: String? = nil
  ) throws -> Tensor {
    try TestFiles.withFolder { folder in
      if path == nil { try ONNX.save(model, to: "\(folder)/a.onnx", options: options) }
      try NPY.save(x, to: "\(folder)/x.npy")
      let result = try Python.run(Self.code, [path ?? "\(folder)/a.onnx", "\(folder)/x.npy", "\(folder)/y.npy"])
      try #require(result.status == 0, "\(result.output)")
      return try NPY.load("\(folder)/y.npy")
    }
  }

  @Test(arguments: Models.representations) func agreesOnEveryRepresentation(name: String) throws {
    let model = try Models.small(Models.representation(name))
    for batch in [1, 3] {
      let x = try Models.tensor([batch, 2, 4, 4], 0.125)
      #expect(try difference(run(model, x), model(x), relative: 1e-5) == nil)
    }
  }

  @Test func agreesOnSparseInitializers() throws {
    let model = try Models.small(Models.representation("csr"))
    let x = try Models.tensor([2, 2, 4, 4], 0.125)
    #expect(try difference(run(model, x, ExportOptions(sparseInitializer: true)), model(x), relative: 1e-5) == nil)
  }

  @Test(arguments: ONNXTests.torch + ONNXTests.features) func agreesOnWhatItRead(name: String) throws {
    let base = ONNXTests.torch.contains(name) ? String(name.split(separator: "_")[0]) : name
    let x = try NPY.load(TestFiles.golden("onnx/\(base).input.npy"))
    let y = try NPY.load(TestFiles.golden("onnx/\(base).output.npy"))
    #expect(try difference(run(ONNX.load(ONNXTests.path(name)), x), y, relative: 1e-5) == nil)
  }

  @Test func agreesOnBuiltNetworks() throws {
    let model = try NN.lenet5()
    let x = try Models.tensor([2, 1, 28, 28], 0.125)
    #expect(try difference(run(model, x), model(x), relative: 1e-5) == nil)
    let residual = try NN.resnet(depth: 20, classes: 10)
    let image = try Models.tensor([1, 3, 32, 32], 0.125)
    #expect(try difference(run(residual, image), residual(image), relative: 1e-4) == nil)
    let layer = try NN.linear(inFeatures: 4, outFeatures: 6)
    var rows = [try NN.sequential([layer], input: [5, 4], seed: 1), try NN.sequential([layer], seed: 1)]
    rows[1].inputs[0].type.shape = [.symbol("N"), .symbol("L"), 4]
    rows[1] = try rows[1].linearOnRows()
    for model in rows {
      let x = try Models.tensor([3, 5, 4], 0.125)
      #expect(try difference(run(model, x), model(x), relative: 1e-5) == nil)
    }
  }

  @Test(.enabled(if: TestFiles.models != nil, "needs PARE_MODELS")) func agreesOnATrainedNetwork() throws {
    let path = "\(try #require(TestFiles.models))/resnet20-cifar10.onnx"
    let model = try ONNX.load(path)
    let x = try Models.tensor([4, 3, 32, 32], 0.25)
    let original = try run(model, x, path: path)
    #expect(try difference(model(x), original, relative: 1e-4) == nil)
    #expect(try difference(run(model, x), original, relative: 1e-4) == nil)
  }
}
