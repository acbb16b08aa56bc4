import Glibc

/// Files that are there whole or not at all: temporary name in the same folder, synced, renamed.
public enum AtomicFile {
  /// Writes `bytes` to `path`.
  ///
  /// - Throws: `PareError.io` naming the path and the system's reason; the old file is then untouched.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { write in try bytes.withUnsafeBytes { try write($0) } }
  }

  /// Writes the UTF-8 bytes of `text` to `path`.
  public static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

  /// Says before long work whether `path` can be written: its folder is there and takes files, and it is no folder itself.
  ///
  /// - Throws: `PareError.io` naming the path and the system's reason.
  public static func check(_ path: String) throws {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    guard access(folder, W_OK) == 0 else { throw failure("cannot write", path) }
    var status = stat()
    guard stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR else {
      errno = EISDIR
      throw failure("cannot write", path)
    }
  }

  /// Bytes written between two looks at whether to stop.
  private static let stretch = 1 << 24

  /// Writes what `body` hands to its argument, piece by piece; interrupted, it leaves the old file.
  public static func write(
    to path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("cannot write", path) }
    do {
      try body { piece in
        var rest = piece
        while !rest.isEmpty {
          let count = Glibc.write(descriptor, rest.baseAddress, min(rest.count, stretch))
          if count < 0 {
            if errno == EINTR { continue }
            throw failure("cannot write", path)
          }
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
          if !rest.isEmpty { try Interrupt.check() }
        }
      }
      guard fsync(descriptor) == 0 else { throw failure("cannot sync", path) }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    close(descriptor)
    guard rename(temporary, path) == 0 else {
      let error = failure("cannot replace", path)
      unlink(temporary)
      throw error
    }
    syncFolder(of: path)
  }

  /// A rename is durable once its folder is.
  private static func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func failure(_ what: String, _ path: String) -> PareError {
    PareError(.io, "\(what) '\(path)': \(String(cString: strerror(errno)))", file: path)
  }
}
