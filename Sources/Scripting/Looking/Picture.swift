import Compression
import Formats
import Support

/// A picture as a list of simple shapes in a frame of `width` x `height` units: drawn as SVG or as pixels.
struct Picture {
  struct Color: Hashable {
    let red: UInt8
    let green: UInt8
    let blue: UInt8

    init(_ rgb: UInt32) {
      red = UInt8(truncatingIfNeeded: rgb >> 16)
      green = UInt8(truncatingIfNeeded: rgb >> 8)
      blue = UInt8(truncatingIfNeeded: rgb)
    }

    init(red: UInt8, green: UInt8, blue: UInt8) {
      self.red = red
      self.green = green
      self.blue = blue
    }

    var css: String {
      "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static let ink = Color(0x1D2430)
    static let soft = Color(0x667080)
    static let grid = Color(0xE2DFD6)
    static let ground = Color(0xFFFEFB)
    /// One for each series, in turn; told apart by people who do not see all colours.
    static let series = [Color(0x0B7A75), Color(0xD9822B), Color(0x4C5FA8), Color(0xC2413B), Color(0x7A8B2E), Color(0x8E5AA5)]

    /// From light to dark as `share` goes from 0 to 1.
    static func shade(_ share: Double) -> Color {
      let stops: [(Double, Double, Double)] = [(247, 246, 240), (160, 205, 190), (11, 122, 117), (10, 45, 60)]
      let place = min(max(share, 0), 1) * Double(stops.count - 1)
      let low = min(Int(place), stops.count - 2), part = place - Double(low)
      let (a, b) = (stops[low], stops[low + 1])
      func mix(_ x: Double, _ y: Double) -> UInt8 { UInt8(x + (y - x) * part) }
      return Color(red: mix(a.0, b.0), green: mix(a.1, b.1), blue: mix(a.2, b.2))
    }
  }

  enum Anchor: String { case start, middle, end }

  struct Point {
    var x: Double
    var y: Double
    init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  enum Shape {
    case line([Point], Color, width: Double)
    case rectangle(x: Double, y: Double, width: Double, height: Double, Color)
    case dot(Point, radius: Double, Color)
    /// The baseline is at the point.
    case text(String, Point, size: Double, Anchor, Color)
  }

  let width: Double
  let height: Double
  var shapes: [Shape] = []

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  mutating func line(_ points: [Point], _ color: Color, width: Double = 1.5) { shapes.append(.line(points, color, width: width)) }
  mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: Color) {
    shapes.append(.rectangle(x: x, y: y, width: width, height: height, color))
  }
  mutating func dot(_ x: Double, _ y: Double, _ color: Color, radius: Double = 2.5) {
    shapes.append(.dot(Point(x, y), radius: radius, color))
  }
  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, size: Double = 12, color: Color = .soft
  ) { shapes.append(.text(text, Point(x, y), size: size, anchor, color)) }

  /// Writes the picture: `.svg` as text, `.png` with two pixels to a unit.
  ///
  /// - Throws: `argument` for another extension, `io`.
  func write(to path: String, in name: String) throws {
    if path.hasSuffix(".svg") { return try AtomicFile.write(svg, to: path) }
    guard path.hasSuffix(".png") else {
      throw PareError(.argument, "\(name): path", argument: "path", expected: "a file that ends in .svg or .png", got: "'\(path)'")
    }
    let raster = RasterPicture(self, scale: 2)
    try AtomicFile.write(PNGFile.encoded(rgb: raster.pixels, width: raster.width, height: raster.height), to: path)
  }

  // MARK: SVG

  var svg: String {
    var text = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" "
      + "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" font-family=\"system-ui, sans-serif\">\n"
      + "<rect width=\"100%\" height=\"100%\" fill=\"\(Color.ground.css)\"/>\n"
    for shape in shapes {
      switch shape {
      case .line(let points, let color, let width):
        let places = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        text += "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(color.css)\" stroke-width=\"\(Self.number(width))\" stroke-linejoin=\"round\"/>\n"
      case .rectangle(let x, let y, let width, let height, let color):
        text += "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" fill=\"\(color.css)\"/>\n"
      case .dot(let point, let radius, let color):
        text += "<circle cx=\"\(Self.number(point.x))\" cy=\"\(Self.number(point.y))\" r=\"\(Self.number(radius))\" fill=\"\(color.css)\"/>\n"
      case .text(let string, let point, let size, let anchor, let color):
        text += "<text x=\"\(Self.number(point.x))\" y=\"\(Self.number(point.y))\" font-size=\"\(Self.number(size))\" "
          + "text-anchor=\"\(anchor.rawValue)\" fill=\"\(color.css)\">\(Self.escape(string))</text>\n"
      }
    }
    return text + "</svg>\n"
  }

  private static func number(_ value: Double) -> String {
    let text = Figures.fixed(value, 2)
    return text.hasSuffix(".00") ? String(text.dropLast(3)) : text
  }

  private static func escape(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
