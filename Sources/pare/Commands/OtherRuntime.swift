import Formats
import Foundation
import Graph
import Support
import Tensor

/// ONNX Runtime in a Python beside this program, as the other opinion of `pare check`.
enum OtherRuntime {
  /// Runs the file and hands back every value that it computes, intermediate ones included, as NAME.npy.
  private static let code = """
    import json, sys
    try:
        import numpy, onnx, onnxruntime
    except ImportError as error:
        sys.exit(f"{error}")
    path, folder = sys.argv[1:]
    names = json.load(open(folder + "/names.json"))
    model = onnx.load(path)
    given = {o.name for o in model.graph.output}
    made = {o for n in model.graph.node for o in n.output if o}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names["values"] if n in made and n not in given)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {n: numpy.load(f"{folder}/in{i}.npy") for i, n in enumerate(names["inputs"])}
    outputs = [o.name for o in session.get_outputs()]
    numbers = {n: i for i, n in enumerate(names["values"])}
    for name, value in zip(outputs, session.run(outputs, inputs)):
        if name in numbers and isinstance(value, numpy.ndarray):
            numpy.save(f"{folder}/out{numbers[name]}.npy", value)
    """

  private struct Names: Encodable {
    let inputs, values: [String]
  }

  /// Returns the named values as ONNX Runtime computes them; those that it does not make are absent.
  ///
  /// - Parameters:
  ///   - python: a Python with onnx and onnxruntime.
  /// - Throws: `unsupported` when it has not, or cannot run the file.
  static func values(_ names: [String], of model: Model, inputs: [String: Tensor], python: String) throws -> [String: Tensor] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pare-check-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/exported.onnx"
    try ONNX.save(model, to: path)
    for (number, port) in model.inputs.enumerated() { try NPY.save(inputs[port.name] ?? Tensor.scalar(0), to: "\(folder)/in\(number).npy") }
    let list = Names(inputs: model.inputs.map(\.name), values: names)
    try JSONEncoder().encode(list).write(to: URL(fileURLWithPath: "\(folder)/names.json"))
    let process = Process(), errors = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "-c", code, path, folder]
    process.standardError = errors
    do { try process.run() } catch {
      throw PareError(.unsupported, "cannot start '\(python)': \(error.localizedDescription)", argument: "python")
    }
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PareError(
        .unsupported, "ONNX Runtime in '\(python)' gives no result: \(text.split(separator: "\n").last ?? "no message")", argument: "against",
        suggestion: "--python PATH names a Python with onnx and onnxruntime")
    }
    var result: [String: Tensor] = [:]
    for (number, name) in names.enumerated() {
      let file = "\(folder)/out\(number).npy"
      if FileManager.default.fileExists(atPath: file) { result[name] = try NPY.load(file) }
    }
    return result
  }
}
