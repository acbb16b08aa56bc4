import Foundation
import TestSupport

/// One operator case of the package onnx, as cases.py lists it.
struct ConformanceCase: Decodable, Sendable {
  struct DataSet: Decodable, Sendable {
    let input: [String]
    let output: [String]
  }
  /// What ONNX's own shape inference says of a value; nil sizes are unknown to it.
  struct InferredType: Decodable, Sendable {
    let element: Int
    let sizes: [Int?]?
  }
  let name: String
  let path: String
  let operators: [String]
  let sets: [DataSet]
  let types: [String: InferredType]
}

/// The Python that has onnx 1.16.2 with its cases: `make test` makes it.
enum ConformancePython {
  static let path: String? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = ProcessInfo.processInfo.environment["PARE_CONFORMANCE_PYTHON"]
      ?? package.appendingPathComponent(".venv-conformance/bin/python").path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()
  static let reason = "needs a Python with onnx==1.16.2: PARE_CONFORMANCE_PYTHON or .venv-conformance/bin/python (make test)"

  /// Lists all cases.
  static func cases() throws -> [ConformanceCase] {
    try TestFiles.withFolder { folder in
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("cases.py").path
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path ?? "python3")
      process.arguments = [script, "\(folder)/cases.json"]
      try process.run()
      process.waitUntilExit()
      return try JSONDecoder().decode(
        [ConformanceCase].self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/cases.json")))
    }
  }
}
