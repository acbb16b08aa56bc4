import Compression
import Formats
import Glibc
import LuaBridge
import Support

/// What the prompt keeps on disk while it is open: the models and results of the session by name, and its lines.
///
/// A folder for each session under `HOME/sessions`, removed at the end. One that is left by a process that is gone is
/// offered by the next prompt.
final class Workspace {
  let folder: String
  /// Where recipes keep their journals.
  let journals: String
  /// The chunks that ran without an error, in order.
  private(set) var lines: [Line] = []
  /// What was written, by name.
  private var kept: [String: ObjectIdentifier] = [:]
  private var isTooLarge: Set<String> = []
  /// Sessions that ended without saying so, newest last.
  private(set) var left: [String]

  /// The largest model that is kept, in bytes of its parameters.
  private static let largest = 1 << 30

  struct Line {
    var text: String
    /// Printed itself, or was kept quiet by a `;`.
    var isExpression: Bool
    var isSilent: Bool
  }

  /// - Throws: `io`.
  init(home: String) throws {
    let sessions = home + "/sessions"
    try Folders.make(sessions)
    left = Folders.names(in: sessions).filter { name in
      guard let pid = name.split(separator: "-").last.flatMap({ Int32($0) }) else { return false }
      return kill(pid, 0) != 0 && errno == ESRCH
    }.map { sessions + "/" + $0 }
    var time = time(nil), local = tm()
    localtime_r(&time, &local)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let stamp = "\(local.tm_year + 1900)\(two(local.tm_mon + 1))\(two(local.tm_mday))-\(two(local.tm_hour))\(two(local.tm_min))\(two(local.tm_sec))"
    folder = "\(sessions)/\(stamp)-\(getpid())"
    journals = home + "/journals"
    // A session that leaves nothing behind leaves no folder either.
    left.removeAll { left in
      guard Self.names(in: left).isEmpty else { return false }
      Folders.remove(left)
      return true
    }
  }

  /// The names of models and results in a session's folder.
  static func names(in folder: String) -> [String] {
    Folders.names(in: folder).compactMap { name in
      if name.hasSuffix(".pare") { return String(name.dropLast(5)) }
      if name.hasSuffix(".result"), Folders.exists("\(folder)/\(name)/result.json") { return String(name.dropLast(7)) }
      return nil
    }
  }

  // MARK: Keeping

  /// Notes a chunk that ran.
  func add(_ line: Line) { lines.append(line) }

  /// Writes the models and results among `globals` that are new or changed since the last call.
  ///
  /// - Throws: `io`.
  func keep(_ globals: [(name: String, value: LuaValue)]) throws {
    var seen: Set<String> = []
    for (name, value) in globals where Inspection.isName(name) && name != "_" {
      guard case .object(let object) = value else { continue }
      if let handle = try object.object(as: ModelHandle.self) {
        seen.insert(name)
        try keep(name, handle, bytes: handle.model.heldBytes) { try PareFile.save(handle.model, to: "\(folder)/\(name).pare") }
      } else if let handle = try object.object(as: ResultHandle.self) {
        seen.insert(name)
        try keep(name, handle, bytes: handle.result.model.heldBytes) { try handle.result.archive(in: "\(folder)/\(name).result") }
      }
    }
    for name in Set(kept.keys).subtracting(seen) {
      kept[name] = nil
      forget(name)
    }
    if !kept.isEmpty || Folders.exists(folder) { try AtomicFile.write(script, to: folder + "/session.lua") }
  }

  private func keep(_ name: String, _ handle: AnyObject, bytes: Int, _ write: () throws -> Void) throws {
    guard kept[name] != ObjectIdentifier(handle) else { return }
    guard bytes <= Self.largest else {
      if isTooLarge.insert(name).inserted { Console.note("'\(name)' is too large for the saved workspace") }
      return
    }
    try Folders.make(folder)
    // The same name may have held the other kind.
    forget(name)
    try write()
    kept[name] = ObjectIdentifier(handle)
    held[name] = handle
  }

  /// Keeps handles alive, so that their identity stays their own.
  private var held: [String: AnyObject] = [:]

  private func forget(_ name: String) {
    held[name] = nil
    unlink("\(folder)/\(name).pare")
    Folders.remove("\(folder)/\(name).result")
  }

  /// The session is over in good order: nothing to offer.
  func end() { Folders.remove(folder) }

  // MARK: Lines

  /// Whether a chunk only looks at the session or writes it: there is none where a script runs.
  private static func isOfThePrompt(_ text: String) -> Bool {
    let start = text.drop { $0.isWhitespace }
    return ["who(", "session.save", "session.forget", "session.restore"].contains { start.hasPrefix($0) }
  }

  /// The session as a script: every chunk that ran, expressions printed as the prompt printed them.
  var script: String {
    var text = "-- A session at the prompt of Pare \(pareVersion).\n" + restored
    for line in lines where !Self.isOfThePrompt(line.text) {
      var body = line.text
      while let last = body.last, last.isWhitespace || (line.isExpression && last == ";") { body.removeLast() }
      if line.isExpression {
        text += "_ = \(body)\n" + (line.isSilent ? "" : "print(_)\n")
      } else if body.contains("local ") {
        // What is local at the prompt ends with its chunk.
        text += "do\n\(body)\nend\n"
      } else {
        text += body + "\n"
      }
    }
    return text
  }

  // MARK: Left sessions

  /// What the newest left session holds.
  func offer() -> String? {
    guard let newest = left.last else { return nil }
    let names = Self.names(in: newest)
    return "A session ended unexpectedly and left \(names.joined(separator: ", ")): session.restore() brings it back, "
      + "session.forget() drops it."
  }

  /// The lines that made what was restored.
  private var restored = ""

  /// Reads the newest left session, and takes it off the list. Its folder stays where something in it cannot be read.
  ///
  /// - Throws: `not_found` where none is left, `interrupted`; then it can be asked for again.
  func restore() throws -> [(name: String, value: AnyObject, bytes: Int)] {
    guard let newest = left.last else {
      throw PareError(.notFound, "there is no session to restore", suggestion: "sessions are offered after one ended unexpectedly")
    }
    var found: [(String, AnyObject, Int)] = []
    var isWhole = true
    for name in Self.names(in: newest) {
      do {
        if Folders.exists("\(newest)/\(name).pare") {
          let model = try PareFile.load("\(newest)/\(name).pare")
          found.append((name, ModelHandle(model), model.heldBytes))
        } else {
          let result = try CompressionResult(archive: "\(newest)/\(name).result")
          found.append((name, ResultHandle(result), result.model.heldBytes))
        }
      } catch {
        if (error as? PareError)?.code == .interrupted { throw error }
        isWhole = false
        Console.warn("'\(name)' of the session that ended cannot be read and stays in \(newest): \(error)")
      }
    }
    left.removeLast()
    if let text = try? ScriptFile.read(newest + "/session.lua") {
      restored += text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(separator: "\n")
    }
    // Memory-mapped files stay readable once they are unlinked.
    if isWhole { Folders.remove(newest) }
    return found
  }

  func forgetLeft() {
    for folder in left { Folders.remove(folder) }
    left = []
  }
}
