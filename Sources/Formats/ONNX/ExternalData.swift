import Glibc
import Support

/// The files beside a model that hold the bytes of its larger tensors.
///
/// A location is believed only when it stays within the model's own folder, links followed.
final class ExternalData {
  private let folder: String
  /// The model's own file, and the stretches of it that are tensors' numbers left out of its message.
  private let own: (file: FileBytes, stretches: Set<Range<Int>>)?
  private var files: [String: FileBytes] = [:]

  /// - Parameters:
  ///   - model: the path of the .onnx file.
  ///   - own: that file, and the stretches of it that a tensor of its thin message may mean.
  init(model: String, own: (file: FileBytes, stretches: Set<Range<Int>>)? = nil) {
    self.own = own
    folder = model.lastIndex(of: "/").map { String(model[...$0]) } ?? "./"
  }

  /// Calls `body` with the bytes that the entries of `tensor` point to.
  ///
  /// - Parameter count: the bytes that the tensor's shape asks for, when the entry does not say a length.
  func withBytes<R>(
    of tensor: Onnx_TensorProto, count: Int, what: String, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    let (file, stretch) = try place(of: tensor, count: count, what: what)
    return try file.passing(stretch, body)
  }

  /// The file and its bytes that the entries of `tensor` point to; parameters as above.
  func place(of tensor: Onnx_TensorProto, count: Int, what: String) throws -> (file: FileBytes, stretch: Range<Int>) {
    var location: String?, offset = 0, length = count
    for entry in tensor.externalData {
      switch entry.key {
      case "location": location = entry.value
      case "offset": offset = try number(entry.value, "offset", what)
      case "length": length = try number(entry.value, "length", what)
      default: break  // a checksum, or what later versions add
      }
    }
    guard let location else { throw PareError(.format, "\(what): external data without a location") }
    let file: FileBytes
    if location.isEmpty, let own, length <= Int.max - offset, own.stretches.contains(offset..<(offset + length)) {
      file = own.file
    } else {
      file = try open(location, what)
    }
    guard offset <= file.count, length <= file.count - offset else {
      throw PareError(
        .format, "\(what): external data reaches beyond '\(location)'", expected: "at most \(file.count) bytes",
        got: "\(length) bytes at \(offset)")
    }
    return (file, offset..<(offset + length))
  }

  private func number(_ text: String, _ key: String, _ what: String) throws -> Int {
    guard let value = Int(text), value >= 0 else {
      throw PareError(.format, "\(what): '\(key)' of its external data", expected: "a whole number", got: "'\(text)'")
    }
    return value
  }

  private func open(_ location: String, _ what: String) throws -> FileBytes {
    if let file = files[location] { return file }
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    let path = folder + location
    guard !location.isEmpty, !location.hasPrefix("/"), !parts.contains(".."), !location.utf8.contains(0),
      try resolved(path, what).hasPrefix(try resolved(folder, what) + "/")
    else {
      throw PareError(
        .format, "\(what): external data outside of the model's folder", expected: "a path within it", got: "'\(location)'")
    }
    let file = try FileBytes(path)
    files[location] = file
    return file
  }

  /// Returns a path with all links followed; the root folder as "".
  private func resolved(_ path: String, _ what: String) throws -> String {
    guard let real = realpath(path, nil) else {
      throw PareError(.notFound, "\(what): no file '\(path)' for its external data", file: path)
    }
    defer { free(real) }
    let text = String(cString: real)
    return text == "/" ? "" : text
  }
}
