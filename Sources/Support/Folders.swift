import Glibc

/// The folders that Pare keeps things in, and the few things that it does with folders.
public enum Folders {
  /// `$PARE_HOME`, else `$XDG_DATA_HOME/pare`, else `~/.local/share/pare`; nil where none of them is set.
  public static var home: String? {
    if let own = environment("PARE_HOME") { return own }
    if let data = environment("XDG_DATA_HOME"), data.hasPrefix("/") { return data + "/pare" }
    return environment("HOME").map { $0 + "/.local/share/pare" }
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// Makes a folder and those above it.
  ///
  /// - Throws: `io`.
  public static func make(_ path: String) throws {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
        throw PareError(.io, "cannot make the folder '\(path)': \(String(cString: strerror(errno)))", file: path)
      }
    }
  }

  /// The names in a folder, sorted; none where it cannot be read.
  public static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let item = readdir(stream) {
      let name = withUnsafePointer(to: &item.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Removes a folder with what is in it, one level of folders deep.
  public static func remove(_ folder: String) {
    for name in names(in: folder) {
      let path = folder + "/" + name
      if unlink(path) != 0 {
        for inner in names(in: path) { unlink(path + "/" + inner) }
        rmdir(path)
      }
    }
    rmdir(folder)
  }

  /// Whether there is something at a path, file or folder; a link counts as what it leads to.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The text of a file.
  ///
  /// - Throws: `not_found`, `io`.
  public static func text(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw PareError(errno == ENOENT ? .notFound : .io, "cannot read '\(path)': \(String(cString: strerror(errno)))", file: path)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &block, block.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += block[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
