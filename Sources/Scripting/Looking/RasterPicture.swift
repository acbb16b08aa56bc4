/// The pixels of a picture, with smooth edges.
struct RasterPicture {
  let width: Int
  let height: Int
  /// Red, green, blue, row by row.
  private(set) var pixels: [UInt8]
  private let scale: Double

  init(_ picture: Picture, scale: Double) {
    self.scale = scale
    width = max(1, Int((picture.width * scale).rounded(.up)))
    height = max(1, Int((picture.height * scale).rounded(.up)))
    let ground = Picture.Color.ground
    pixels = []
    pixels.reserveCapacity(width * height * 3)
    for _ in 0..<(width * height) { pixels += [ground.red, ground.green, ground.blue] }
    for shape in picture.shapes { draw(shape) }
  }

  private mutating func draw(_ shape: Picture.Shape) {
    switch shape {
    case .line(let points, let color, let width):
      if points.count == 1 { dot(points[0], width / 2, color) }
      for (a, b) in zip(points, points.dropFirst()) { segment(a, b, width / 2, color) }
    case .rectangle(let x, let y, let width, let height, let color):
      let left = x * scale, top = y * scale, right = (x + width) * scale, bottom = (y + height) * scale
      fill(left, top, right, bottom, color) { px, py in
        // The share of the pixel that the rectangle covers.
        max(0, min(px + 0.5, right) - max(px - 0.5, left)) * max(0, min(py + 0.5, bottom) - max(py - 0.5, top))
      }
    case .dot(let point, let radius, let color): dot(point, radius, color)
    case .text(let text, let point, let size, let anchor, let color):
      let step = StrokeFont.advance * size
      let length = step * Double(text.count)
      var x = point.x - (anchor == .start ? 0 : anchor == .middle ? length / 2 : length)
      for character in text {
        for stroke in StrokeFont.strokes(of: character) {
          let places = stroke.map { Picture.Point(x + $0.x * size, point.y + $0.y * size) }
          for (a, b) in zip(places, places.dropFirst()) { segment(a, b, size * 0.05, color) }
          if places.count == 1 { dot(places[0], size * 0.07, color) }
        }
        x += step
      }
    }
  }

  private mutating func dot(_ point: Picture.Point, _ radius: Double, _ color: Picture.Color) {
    segment(point, point, radius, color)
  }

  private mutating func segment(_ a: Picture.Point, _ b: Picture.Point, _ radius: Double, _ color: Picture.Color) {
    guard a.x.isFinite, a.y.isFinite, b.x.isFinite, b.y.isFinite else { return }
    let ax = a.x * scale, ay = a.y * scale, dx = b.x * scale - ax, dy = b.y * scale - ay, radius = radius * scale
    let length = dx * dx + dy * dy
    fill(
      min(ax, ax + dx) - radius - 1, min(ay, ay + dy) - radius - 1, max(ax, ax + dx) + radius + 1,
      max(ay, ay + dy) + radius + 1, color
    ) { px, py in
      let along = length > 0 ? min(max(((px - ax) * dx + (py - ay) * dy) / length, 0), 1) : 0
      let ox = px - ax - along * dx, oy = py - ay - along * dy
      return radius + 0.5 - (ox * ox + oy * oy).squareRoot()
    }
  }

  /// Blends `color` into the pixels of a box by the coverage at their centres.
  private mutating func fill(
    _ left: Double, _ top: Double, _ right: Double, _ bottom: Double, _ color: Picture.Color,
    _ coverage: (Double, Double) -> Double
  ) {
    let columns = max(0, Int(left.rounded(.down)))..<max(0, min(width, Int(right.rounded(.up)))).clampedUp(max(0, Int(left.rounded(.down))))
    let rows = max(0, Int(top.rounded(.down)))..<max(0, min(height, Int(bottom.rounded(.up)))).clampedUp(max(0, Int(top.rounded(.down))))
    for row in rows {
      for column in columns where column < width && row < height {
        let share = min(1, coverage(Double(column) + 0.5, Double(row) + 0.5))
        guard share > 0 else { continue }
        let place = (row * width + column) * 3
        func mix(_ old: UInt8, _ new: UInt8) -> UInt8 { UInt8((Double(old) + (Double(new) - Double(old)) * share).rounded()) }
        pixels[place] = mix(pixels[place], color.red)
        pixels[place + 1] = mix(pixels[place + 1], color.green)
        pixels[place + 2] = mix(pixels[place + 2], color.blue)
      }
    }
  }
}

extension Int {
  fileprivate func clampedUp(_ least: Int) -> Int { Swift.max(self, least) }
}

/// Letters as strokes on a grid of 4 x 6 steps, the baseline at the bottom: enough for the labels of a picture.
enum StrokeFont {
  /// The width of a letter with its gap, in sizes.
  static let advance = 0.62
  private static let step = 0.72 / 6

  /// The strokes of a character, in sizes; y grows downwards and is 0 at the baseline. Unknown ones are a box.
  static func strokes(of character: Character) -> [[(x: Double, y: Double)]] {
    let code = glyphs[character] ?? glyphs[Character(character.uppercased())] ?? (character == " " ? "" : "00 40 46 06 00")
    return code.split(separator: "|").map { stroke in
      stroke.split(separator: " ").compactMap { pair in
        let digits = pair.compactMap(\.wholeNumberValue)
        guard digits.count == 2 else { return nil }
        return (Double(digits[0]) * step, (Double(digits[1]) - 6) * step)
      }
    }
  }

  /// Pairs of x (0 left, 4 right) and y (0 top, 6 baseline, 8 below it); strokes are set apart by `|`.
  private static let glyphs: [Character: String] = [
    "0": "10 30 41 45 36 16 05 01 10|15 31", "1": "11 20 26|16 36", "2": "01 10 30 41 42 06 46", "3": "00 40 23 33 44 45 36 16 05",
    "4": "36 30 04 44", "5": "40 00 03 33 44 45 36 06", "6": "30 10 01 05 16 36 45 44 33 03", "7": "00 40 16",
    "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33", "9": "43 13 02 01 10 30 41 45 36 16",
    ".": "26", ",": "25 17", ":": "22|25", ";": "22|25 17", "-": "13 33", "+": "13 33|22 24", "=": "12 32|14 34", "/": "06 40",
    "%": "06 40|01 10|35 46", "(": "30 11 15 36", ")": "10 31 35 16", "_": "07 47", "*": "22 24|12 34|32 14", "'": "20 22",
    "\"": "10 12|30 32", "<": "41 03 45", ">": "01 43 05", "[": "30 10 16 36", "]": "10 30 36 16", "|": "20 26", "#": "10 16|30 36|02 42|04 44",
    "±": "12 32|21 23|15 35", "µ": "02 08|02 05 16 25 34|32 36", "×": "12 34|32 14", "→": "03 43|31 43 35", "!": "20 24|26", "?": "01 10 30 41 42 24|26",
    "a": "12 32 43 46|44 14 05 16 36 45", "b": "00 06 36 45 43 32 02", "c": "42 12 03 05 16 46", "d": "40 46 16 05 03 12 42",
    "e": "04 44 43 32 12 03 05 16 46", "f": "16 11 20 30|03 33", "g": "42 12 03 05 16 46|42 47 38 18", "h": "00 06|03 12 32 43 46",
    "i": "22 26|20", "j": "32 37 28 18|30", "k": "00 06|42 04|14 46", "l": "20 26", "m": "06 02|03 12 23 26|23 32 43 46", "n": "02 06|03 12 32 43 46",
    "o": "12 32 43 45 36 16 05 03 12", "p": "02 08|02 32 43 45 36 06", "q": "42 48|42 12 03 05 16 46", "r": "02 06|04 22 42", "s": "42 12 03 34 45 36 06",
    "t": "10 15 26 36|02 32", "u": "02 05 16 36 45|42 46", "v": "02 26 42", "w": "02 16 23 36 42", "x": "02 46|42 06", "y": "02 25|42 08", "z": "02 42 06 46",
    "A": "06 02 20 42 46|04 44", "B": "03 33 42 41 30 00 06 36 45 44 33", "C": "41 30 10 01 05 16 36 45", "D": "00 30 41 45 36 06 00", "E": "40 00 06 46|03 33",
    "F": "40 00 06|03 33", "G": "41 30 10 01 05 16 36 45 43 23", "H": "00 06|40 46|03 43", "I": "10 30|20 26|16 36", "J": "40 45 36 16 05", "K": "00 06|40 03 46",
    "L": "00 06 46", "M": "06 00 23 40 46", "N": "06 00 46 40", "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03", "Q": "10 30 41 45 36 16 05 01 10|34 47",
    "R": "06 00 30 41 42 33 03|23 46", "S": "41 30 10 01 02 13 33 44 45 36 16 05", "T": "00 40|20 26", "U": "00 05 16 36 45 40", "V": "00 26 40",
    "W": "00 16 22 36 40", "X": "00 46|40 06", "Y": "00 23 40|23 26", "Z": "00 40 06 46",
  ]
}
