import Support
import Testing

/// Runs `body`, which must throw a `PareError` of `code` whose one line contains every one of `parts`.
func expectError<R>(
  _ code: PareError.Code, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> R
) {
  do {
    _ = try body()
    Issue.record("no error; expected \(code.rawValue)", sourceLocation: sourceLocation)
  } catch let error as PareError {
    #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    for part in parts {
      #expect(error.description.contains(part), "\(error)", sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("not a PareError: \(error)", sourceLocation: sourceLocation)
  }
}

/// Runs `read` on the file at `path` with each of its bytes changed, and cut at each length; every one must throw a
/// `PareError`.
func expectEveryDamageFound(
  _ bytes: [UInt8], at path: String, flips: [UInt8] = [0x01, 0x80], write: ([UInt8], String) throws -> Void,
  read: (String) throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  func expectRefused(_ damaged: [UInt8], _ what: @autoclosure () -> String) throws {
    try write(damaged, path)
    do {
      try read(path)
      Issue.record("\(what()) is not noticed", sourceLocation: sourceLocation)
    } catch is PareError {
    } catch {
      Issue.record("\(what()): not a PareError: \(error)", sourceLocation: sourceLocation)
    }
  }
  for index in bytes.indices {
    for flip in flips {
      var damaged = bytes
      damaged[index] ^= flip
      try expectRefused(damaged, "byte \(index) xor \(flip)")
    }
    try expectRefused(Array(bytes[..<index]), "the cut at \(index)")
  }
  try expectRefused(bytes + [0], "a byte more")
}
