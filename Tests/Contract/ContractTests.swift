import Foundation
import Testing

/// Runs what strangers wrote against the contract: scripts in `lua/`, command lines in `shell/`, plugins in `plugins/`.
///
/// A script passes when it exits with 0; it asserts on its own. A script that needs what a machine may lack prints a
/// line that starts with `SKIPPED:` and the reason, which is shown here.
@Suite struct ContractTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

  static func files(_ subfolder: String, _ suffix: String) -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(subfolder).path)
    return (names ?? []).filter { $0.hasSuffix(suffix) }.sorted()
  }

  @Test(arguments: files("lua", ".lua")) func script(_ name: String) throws {
    try check(Program.pare([Self.folder.appendingPathComponent("lua/\(name)").path]), name)
  }

  @Test(arguments: files("shell", ".sh")) func commandLine(_ name: String) throws {
    try check(Program.run("/bin/bash", ["-eu", "-o", "pipefail", Self.folder.appendingPathComponent("shell/\(name)").path]), name)
  }

  private func check(_ outcome: Program.Outcome, _ name: String) throws {
    for line in outcome.output.split(separator: "\n") where line.hasPrefix("SKIPPED:") { print("\(name) \(line)") }
    #expect(outcome.status == 0, "\(name) exited with \(outcome.status)\n\(outcome.output)\n\(outcome.errors)")
  }
}

/// The built program, run in a folder of its own.
enum Program {
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  /// `pare` as this test run built it: beside the test bundle.
  static let path: String = {
    let beside = Bundle.allBundles.map(\.bundleURL) + [URL(fileURLWithPath: CommandLine.arguments[0])]
    let candidates = beside.map { $0.deletingLastPathComponent().appendingPathComponent("pare").path }
      + [ContractTests.folder.appendingPathComponent("../../.build/release/pare").standardized.path]
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[candidates.count - 1]
  }()

  static func pare(_ arguments: [String]) throws -> Outcome { try run(path, arguments) }

  static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("pare-contract-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = scratch
    var environment = ProcessInfo.processInfo.environment
    environment["PARE"] = path
    environment["CONTRACT"] = ContractTests.folder.path
    // Nothing of the user's: no plugins of his, no history.
    environment["XDG_CONFIG_HOME"] = scratch.path
    environment["XDG_STATE_HOME"] = scratch.path
    environment["PARE_HOME"] = scratch.path + "/home"
    process.environment = environment
    let outputFile = scratch.appendingPathComponent(".stdout")
    let errorFile = scratch.appendingPathComponent(".stderr")
    for file in [outputFile, errorFile] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus,
      output: String(decoding: try Data(contentsOf: outputFile), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
  }
}
