import Glibc

/// What standard output can show.
enum Terminal {
  /// Colours are for terminals that have them and were not told otherwise.
  static var isColoured: Bool {
    guard getenv("NO_COLOR") == nil, isatty(STDOUT_FILENO) == 1, let term = getenv("TERM") else { return false }
    let name = String(cString: term)
    return name != "dumb" && !name.isEmpty
  }

  /// Columns, 80 where nobody says.
  static var columns: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  static func coloured(_ text: String, _ color: Picture.Color, background: Bool = false) -> String {
    guard isColoured else { return text }
    return "\u{1B}[\(background ? 48 : 38);2;\(color.red);\(color.green);\(color.blue)m\(text)\u{1B}[0m"
  }

  static func dim(_ text: String) -> String { isColoured ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
}
