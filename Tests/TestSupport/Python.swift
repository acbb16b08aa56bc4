import Foundation

/// The Python of the tests' virtual environment, which has numpy, onnx and onnxruntime.
package enum Python {
  /// `PARE_TEST_PYTHON`, else `.venv/bin/python` of the package; nil if that is not there.
  package static let path: String? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = ProcessInfo.processInfo.environment["PARE_TEST_PYTHON"] ?? package.appendingPathComponent(".venv/bin/python").path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()

  package static var isThere: Bool { path != nil }
  /// Why a test that needs Python does not run.
  package static let reason = "needs Python with onnx and onnxruntime: PARE_TEST_PYTHON or .venv/bin/python"

  /// Runs `code` with `arguments` (`sys.argv[1:]`) and returns its status and what it printed, errors included.
  package static func run(_ code: String, _ arguments: [String] = []) throws -> (status: Int32, output: String) {
    let process = Process(), pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path ?? "python3")
    process.arguments = ["-c", code] + arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
