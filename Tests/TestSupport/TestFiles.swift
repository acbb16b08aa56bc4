import Foundation

/// Files that tests read and write.
package enum TestFiles {
  /// The path of a file under Tests/Golden.
  package static func golden(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden").appendingPathComponent(name).path
  }

  /// The path of a network of `scripts/zoo` that was trained: Tests/Models/NAME.pare.
  package static func trained(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Models").appendingPathComponent("\(name).pare").path
  }

  /// Calls `body` with the path of a new folder, which is removed afterwards.
  package static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pare-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
  }

  package static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

  package static func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  package static func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Makes a symbolic link.
  package static func link(_ path: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
  }

  /// The folder with published data sets (`PARE_DATA`), if it is given.
  package static let data = ProcessInfo.processInfo.environment["PARE_DATA"]
  /// The folder with trained models (`PARE_MODELS`), if it is given.
  package static let models = ProcessInfo.processInfo.environment["PARE_MODELS"]
}
