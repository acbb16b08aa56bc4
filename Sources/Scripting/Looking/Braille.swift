/// Dots in characters of a terminal: two columns and four rows of dots to a character.
struct Braille {
  let columns: Int
  let rows: Int
  private var cells: [UInt8]
  /// Which series was last to touch a cell.
  private(set) var owners: [Int]

  /// - Parameters: characters across and down.
  init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
    cells = [UInt8](repeating: 0, count: columns * rows)
    owners = [Int](repeating: 0, count: columns * rows)
  }

  var width: Int { columns * 2 }
  var height: Int { rows * 4 }

  /// Sets the dot at `x` from the left and `y` from the top; one outside is left out.
  mutating func set(_ x: Int, _ y: Int, owner: Int = 0) {
    guard (0..<width).contains(x), (0..<height).contains(y) else { return }
    let bits: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    let cell = y / 4 * columns + x / 2
    cells[cell] |= bits[y % 4][x % 2]
    owners[cell] = owner
  }

  /// Sets the dots of a straight line.
  mutating func line(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double, owner: Int = 0) {
    guard x0.isFinite, y0.isFinite, x1.isFinite, y1.isFinite else { return }
    let steps = min(10_000, max(1, Int(max(abs(x1 - x0), abs(y1 - y0)).rounded(.up))))
    for step in 0...steps {
      let share = Double(step) / Double(steps)
      set(Int((x0 + (x1 - x0) * share).rounded()), Int((y0 + (y1 - y0) * share).rounded()), owner: owner)
    }
  }

  /// The characters of a row, each with its series; an empty one is a space.
  func row(_ index: Int) -> [(character: Character, owner: Int)] {
    (0..<columns).map { column in
      let bits = cells[index * columns + column]
      let scalar = Unicode.Scalar(UInt32(0x2800) + UInt32(bits)) ?? " "
      return (bits == 0 ? " " : Character(scalar), owners[index * columns + column])
    }
  }
}
