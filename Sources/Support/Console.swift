import Glibc
import Synchronization

/// What Pare says beside its results: warnings and notes, on standard error.
public enum Console {
  private static let quiet = Atomic<Bool>(false)

  /// Silences bars, notes and warnings (`--quiet`).
  public static var isQuiet: Bool {
    get { quiet.load(ordering: .relaxed) }
    set { quiet.store(newValue, ordering: .relaxed) }
  }

  /// Prints one line of warning.
  public static func warn(_ text: String) { if !isQuiet { write("pare: warning: \(text)\n") } }

  /// Prints one line of information.
  public static func note(_ text: String) { if !isQuiet { write("\(text)\n") } }

  /// Prints an error, quiet or not; `plain` leaves out the program's name.
  public static func error(_ text: String, plain: Bool = false) { write(plain ? "\(text)\n" : "pare: \(text)\n") }

  package static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }
}
