import Glibc
import Support

/// The bytes of a file, read-only: mapped into memory, or read when the file is small.
///
/// A mapped file that another program truncates while it is read ends the process (SIGBUS), as with any mapping;
/// Pare's own saves rename a new file into place and never do that.
package final class FileBytes: Sendable {
  package let path: String
  /// Valid as long as this object lives.
  nonisolated(unsafe) private let base: UnsafeMutableRawPointer?
  package let count: Int
  /// Whether the bytes stay in the file and cost no memory of their own.
  package let isMapped: Bool
  /// What the file was when it was opened; nil for bytes that no file holds.
  private let version: Version?

  /// Tells a file from another, and from itself after a change.
  private struct Version: Equatable {
    let device: dev_t, node: ino_t, size: off_t, seconds: Int, nanoseconds: Int

    init(_ status: stat) {
      (device, node, size) = (status.st_dev, status.st_ino, status.st_size)
      (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
  }

  /// Below this size a copy is cheap, and safe from what others do to the file.
  private static let mappedFrom = 1 << 20

  /// Opens `path`.
  ///
  /// - Throws: `PareError.notFound` if there is no such file, `.io` if it is no regular file or cannot be read.
  package init(_ path: String) throws {
    let descriptor = try FileBytes.open(path)
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileBytes.failure("cannot read", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw PareError(.io, "cannot read '\(path)': not a regular file", file: path)
    }
    let count = Int(status.st_size)
    self.path = path
    version = Version(status)
    if count >= FileBytes.mappedFrom {
      guard let memory = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
        throw FileBytes.failure("cannot map", path)
      }
      (base, self.count, isMapped) = (memory, count, true)
    } else {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 64)
      var filled = 0
      while filled < count {
        let received = read(descriptor, memory + filled, count - filled)
        if received < 0, errno == EINTR { continue }
        if received < 0 {
          memory.deallocate()
          throw FileBytes.failure("cannot read", path)
        }
        if received == 0 { break }
        filled += received
      }
      (base, self.count, isMapped) = (memory, filled, false)
    }
  }

  /// Stands for a file with these contents; `name` is what errors call it.
  package init(_ bytes: [UInt8], name: String) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
    bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: memory, count: bytes.count).copyMemory(from: $0) }
    (path, base, count, isMapped, version) = (name, memory, bytes.count, false, nil)
  }

  deinit {
    if isMapped { munmap(base, count) } else { base?.deallocate() }
  }

  /// Calls `body` with all bytes.
  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: base, count: count)) }
  }

  /// Calls `body` with a stretch, which leaves memory afterwards.
  package func passing<R>(_ stretch: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    defer { release(stretch) }
    return try withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[stretch])) }
  }

  /// Says that a stretch will not be read again soon: what of it is in memory may leave, with the pages beside it that the
  /// kernel maps along. All can still be read.
  package func release(_ stretch: Range<Int>) {
    let page = Int(getpagesize()), along = 16 * page
    let start = max(0, stretch.lowerBound - along) / page * page, end = min(count, stretch.upperBound + along)
    guard isMapped, let base, start < end else { return }
    madvise(base + start, end - start, MADV_DONTNEED)
  }

  /// Says that the mapped bytes are those that were there when the file was opened. A file that was deleted, or replaced by
  /// another of its name, is still whole; one that was written to is not, and may even end before its bytes do.
  ///
  /// - Throws: `PareError.io` for a file that was written to.
  package func checkUnchanged() throws {
    var status = stat()
    guard isMapped, let version, stat(path, &status) == 0 else { return }
    let now = Version(status)
    guard now.device != version.device || now.node != version.node || now == version else {
      throw PareError(.io, "'\(path)' was written to after it was opened", suggestion: "open it again", file: path)
    }
  }

  /// Says whether `path` names a regular file.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  private static func open(_ path: String) throws -> Int32 {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor >= 0 { return descriptor }
    if errno == ENOENT || errno == ENOTDIR {
      let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      let name = path.split(separator: "/").last.map(String.init) ?? path
      throw PareError(
        .notFound, "no such file: '\(path)'",
        suggestion: Suggestion.didYouMean(name, among: names(in: folder)), file: path)
    }
    throw failure("cannot read", path)
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder.isEmpty ? "/" : folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while names.count < 1000, let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names
  }

  private static func failure(_ what: String, _ path: String) -> PareError {
    PareError(.io, "\(what) '\(path)': \(String(cString: strerror(errno)))", file: path)
  }
}
