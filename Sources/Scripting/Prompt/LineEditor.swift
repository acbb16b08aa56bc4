import CEdit
import Glibc
import Support

/// Line editing on a terminal: libedit with a history on disk and completion on Tab.
///
/// One at a time: libedit's callbacks have no room for a context.
final class LineEditor {
  enum Line {
    case text(String)
    /// Ctrl-C.
    case interrupted
    /// Ctrl-D on an empty line.
    case end
  }

  /// Candidates for the word that ends at the cursor, with the text before it; see `Completion`.
  typealias Completer = (_ before: String) -> (start: Int, candidates: [String])

  private let edit: OpaquePointer
  private let history: OpaquePointer
  private let historyPath: String?
  private let completer: Completer
  fileprivate var prompt: UnsafeMutablePointer<CChar>
  /// Whether the line goes on with a chunk.
  private var isContinued = false

  nonisolated(unsafe) fileprivate static weak var current: LineEditor?

  /// - Throws: `io` if the terminal cannot be used.
  init(completer: @escaping Completer) throws {
    // Lines are UTF-8 here, also where the locale says nothing.
    setlocale(LC_CTYPE, "")
    if String(cString: nl_langinfo(Int32(CODESET))) != "UTF-8" { setlocale(LC_CTYPE, "C.UTF-8") }
    guard let edit = pare_edit_new("pare"), let history = history_init() else {
      throw PareError(.io, "the terminal cannot be used for line editing")
    }
    self.edit = edit
    self.history = history
    self.completer = completer
    prompt = strdup("> ")
    historyPath = HistoryFile.path()
    pare_history_size(history, 2000)
    pare_edit_emacs(edit)
    pare_edit_history(edit, history)
    pare_edit_prompt(edit) { _ in LineEditor.current?.prompt }
    pare_edit_reader(edit, readCharacter)
    pare_edit_key(edit, "pare-complete", "complete", "\t", completeWord)
    pare_edit_bind(edit, "^R", "em-inc-search-prev")
    // The arrow keys, Home, End and Delete as terminals and tmux send them.
    for (key, command) in [
      ("\\e[A", "ed-prev-history"), ("\\e[B", "ed-next-history"), ("\\e[H", "ed-move-to-beg"), ("\\e[F", "ed-move-to-end"),
      ("\\e[1~", "ed-move-to-beg"), ("\\e[4~", "ed-move-to-end"), ("\\e[3~", "ed-delete-next-char"),
      ("\\e[1;5D", "ed-prev-word"), ("\\e[1;5C", "em-next-word"),
    ] { pare_edit_bind(edit, key, command) }
    for line in HistoryFile.read(historyPath) { pare_history_enter(history, line) }
    LineEditor.current = self
  }

  deinit {
    el_end(edit)
    history_end(history)
    free(prompt)
  }

  /// Reads one line.
  ///
  /// - Parameter isContinued: whether it goes on with a chunk.
  func read(prompt text: String, isContinued: Bool) -> Line {
    self.isContinued = isContinued
    free(prompt)
    prompt = strdup(text)
    fflush(nil)
    // libedit shows the prompt first, and what is typed between that and its change of the terminal's mode would be lost.
    pare_edit_prepare(edit)
    var count: Int32 = 0
    guard let line = el_gets(edit, &count), count > 0 else {
      guard Interrupt.isRequested else { return .end }
      el_reset(edit)
      return .interrupted
    }
    var text = String(cString: line)
    while text.hasSuffix("\n") { text.removeLast() }
    return .text(text)
  }

  /// Adds a chunk to the history. One of several lines comes back as one line where that means the same: no comment and
  /// no long string in it.
  func remember(chunk: String) {
    guard chunk.contains("\n") else { return remember(chunk) }
    if chunk.contains("--") || chunk.contains("[[") || chunk.contains("[=") {
      for line in chunk.split(separator: "\n") { remember(String(line)) }
    } else {
      remember(chunk.split(separator: "\n").map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: " "))
    }
  }

  /// Adds a line to the history, in memory and on disk.
  func remember(_ line: String) {
    guard line.contains(where: { $0 != " " }) else { return }
    pare_history_enter(history, line + "\n")
    HistoryFile.append(line, to: historyPath)
  }

  /// Tab: inserts what all candidates have in common, and lists them where that is nothing.
  fileprivate func complete() -> UInt8 {
    guard let info = el_line(edit)?.pointee, let buffer = info.buffer, let cursor = info.cursor else { return pare_edit_error }
    let bytes = UnsafeRawBufferPointer(start: buffer, count: cursor - buffer)
    let before = String(decoding: bytes, as: UTF8.self)
    // At the start of a further line a tab indents, as in what is pasted.
    if isContinued, before.allSatisfy({ $0 == " " }) {
      el_insertstr(edit, "  ")
      return pare_edit_refresh
    }
    let (start, candidates) = completer(before)
    guard let first = candidates.first else { return pare_edit_error }
    let word = String(before.dropFirst(start))
    var common = first
    for other in candidates.dropFirst() { common = String(zip(common, other).prefix { $0 == $1 }.map(\.0)) }
    let rest = String(common.dropFirst(word.count))
    if !rest.isEmpty {
      el_insertstr(edit, rest)
      return pare_edit_refresh
    }
    guard candidates.count > 1 else { return pare_edit_error }
    print("\n" + Self.columns(candidates))
    fflush(nil)
    return pare_edit_redisplay
  }

  private static func columns(_ words: [String]) -> String {
    var size = winsize()
    let width = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    let cell = (words.map(\.count).max() ?? 0) + 2
    let perRow = max(1, width / max(1, cell))
    let shown = words.prefix(200)
    var lines: [String] = []
    for row in stride(from: 0, to: shown.count, by: perRow) {
      let items = shown.dropFirst(row).prefix(perRow)
      lines.append(items.map { $0 + String(repeating: " ", count: cell - $0.count) }.joined())
    }
    if words.count > shown.count { lines.append("... \(words.count - shown.count) more") }
    return lines.joined(separator: "\n")
  }
}

private func completeWord(_ edit: OpaquePointer?, _ key: Int32) -> UInt8 { LineEditor.current?.complete() ?? pare_edit_error }

/// Reads one character. libedit's own reader goes on after an interrupted read, which would make the first Ctrl-C vain.
private func readCharacter(_ edit: OpaquePointer?, _ result: UnsafeMutablePointer<wchar_t>?) -> Int32 {
  var state = mbstate_t()
  while true {
    var byte: CChar = 0
    let count = Glibc.read(STDIN_FILENO, &byte, 1)
    if count < 0 {
      if errno == EINTR, !Interrupt.isRequested { continue }
      return -1
    }
    if count == 0 { return 0 }
    var character: wchar_t = 0
    switch mbrtowc(&character, &byte, 1, &state) {
    // Goes on in the next byte; and what is no character of the locale is passed over.
    case -2: continue
    case -1:
      state = mbstate_t()
      continue
    default:
      result?.pointee = character
      return 1
    }
  }
}

/// The history on disk: `$XDG_STATE_HOME/pare/history`, else `~/.local/state/pare/history`.
enum HistoryFile {
  static func path() -> String? {
    let root: String
    if let state = getenv("XDG_STATE_HOME"), state.pointee == 47 {
      root = String(cString: state)
    } else if let home = getenv("HOME") {
      root = String(cString: home) + "/.local/state"
    } else {
      return nil
    }
    let folder = root + "/pare"
    var made = ""
    for part in folder.split(separator: "/") {
      made += "/" + part
      mkdir(made, 0o700)
    }
    return folder + "/history"
  }

  static func read(_ path: String?) -> [String] {
    guard let path, let text = try? ScriptFile.read(path) else { return [] }
    let lines = text.split(separator: "\n").suffix(2000).map { String($0) + "\n" }
    // A file that has grown long is cut down, once in a while.
    if text.utf8.count > 1 << 20 { try? AtomicFile.write(lines.joined(), to: path) }
    return lines
  }

  static func append(_ line: String, to path: String?) {
    guard let path else { return }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    var text = line.replacing("\n", with: " ") + "\n"
    text.withUTF8 { bytes in _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    close(descriptor)
  }
}
