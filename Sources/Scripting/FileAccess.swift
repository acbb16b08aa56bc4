import Glibc
import Support

/// Which files a script may read and write. Outside the sandbox: what the user may.
extension ScriptEnvironment {
  /// Returns `path` if the script may read it.
  ///
  /// - Throws: `io` in the sandbox for a path that is not under the working directory or the data folder.
  func readable(_ path: String) throws -> String {
    guard options.sandbox else { return path }
    let roots = [".", options.dataFolder].compactMap { $0 }.compactMap(Self.resolved)
    let real = Self.resolved(path) ?? Self.resolved(Self.folder(of: path)).map { $0 + "/" + Self.name(of: path) }
    if let real, roots.contains(where: { real == $0 || real.hasPrefix($0 == "/" ? $0 : $0 + "/") }) { return path }
    throw PareError(
      .io, "the sandbox does not read '\(path)'", expected: "a file under the working directory or --data-dir", file: path)
  }

  /// Returns `path` if the script may write it: never in the sandbox.
  func writable(_ path: String) throws -> String {
    guard options.sandbox else { return path }
    throw PareError(.io, "the sandbox writes no files", got: "'\(path)'", file: path)
  }

  /// The folder of a data set that the sandbox may read.
  func sandboxedDataFolder(_ name: String) throws -> String {
    if let folder = options.dataFolder { return Self.isFolder(folder + "/" + name) ? folder + "/" + name : folder }
    if let root = getenv("PARE_DATA") { return try readable(String(cString: root) + "/" + name) }
    return try readable("./" + name)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The absolute path without links, nil for what does not exist.
  private static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}
