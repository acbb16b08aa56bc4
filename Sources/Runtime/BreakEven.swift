import Glibc
import Support

/// Where a representation's own kernel pays: for each kernel its time as a share of the dense layer's, by the density of
/// the weights. An input of compilation, never a fresh timing, so that the same table gives the same choice.
public struct BreakEvenTable: Sendable, Hashable, Codable {
  /// One point of a kernel's curve.
  public struct Point: Sendable, Hashable, Codable {
    /// The share of weights that are not zero, 0...1.
    public var density: Double
    /// The kernel's time over the dense layer's.
    public var share: Double

    /// A point as it is; the table checks it.
    public init(density: Double, share: Double) {
      self.density = density
      self.share = share
    }
  }

  /// Points by kernel, densities ascending.
  public var curves: [String: [Point]]
  /// What dense layers reach (`Rate`), by name; empty: the built-in ones.
  public var rates: [String: Double]

  /// - Throws: `argument` for a curve without points, densities that do not ascend, shares or rates that are no positive
  ///   numbers, or a rate that there is not.
  public init(curves: [String: [Point]], rates: [String: Double] = [:]) throws {
    self.curves = curves
    self.rates = rates
    try check()
  }

  private init(checked curves: [String: [Point]]) {
    self.curves = curves
    rates = [:]
  }

  private func check() throws {
    for (name, rate) in rates.sorted(by: { $0.key < $1.key }) {
      guard Rate(rawValue: name) != nil, rate > 0, rate.isFinite else {
        throw PareError(
          .argument, "break-even table", argument: name,
          expected: "a positive rate of \(Rate.allCases.map(\.rawValue).joined(separator: ", "))", got: "\(rate)")
      }
    }
    for (kernel, points) in curves.sorted(by: { $0.key < $1.key }) {
      let ascends = zip(points, points.dropFirst()).allSatisfy { $0.density < $1.density }
      guard !points.isEmpty, ascends, points.allSatisfy({ $0.share > 0 && $0.share.isFinite && (0...1).contains($0.density) })
      else {
        throw PareError(
          .argument, "break-even table", argument: kernel, expected: "points of ascending density 0...1 and positive share")
      }
    }
  }

  /// The time of `kernel` over the dense layer's: linear between points, constant beyond the outer ones, infinite for a
  /// kernel that the table does not know.
  public func share(of kernel: String, density: Double) -> Double {
    guard let points = curves[kernel], let first = points.first, let last = points.last else { return .infinity }
    if density <= first.density { return first.share }
    if density >= last.density { return last.share }
    let index = points.firstIndex { $0.density > density } ?? points.count - 1
    let (a, b) = (points[index - 1], points[index])
    return a.share + (b.share - a.share) * (density - a.density) / (b.density - a.density)
  }

  /// Names the table's contents: 16 hexadecimal digits (FNV-1a over its sorted text).
  public var hash: String {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// One line per point, `KERNEL DENSITY SHARE`, then one per rate, `rate NAME NUMBER`, sorted: also the form on disk.
  public var text: String {
    curves.sorted { $0.key < $1.key }
      .flatMap { kernel, points in points.map { "\(kernel) \($0.density) \($0.share)\n" } }.joined()
      + rates.sorted { $0.key < $1.key }.map { "rate \($0.key) \($0.value)\n" }.joined()
  }

  /// Reads `text`.
  ///
  /// - Throws: `format` naming the line.
  public init(text: String) throws {
    var curves: [String: [Point]] = [:], rates: [String: Double] = [:]
    for (index, line) in text.split(separator: "\n").enumerated() {
      let words = line.split(separator: " ")
      if words.count == 3, words[0] == "rate", let number = Double(words[2]) {
        rates[String(words[1])] = number
        continue
      }
      guard words.count == 3, let density = Double(words[1]), let share = Double(words[2]) else {
        throw PareError(
          .format, "break-even table, line \(index + 1)", expected: "KERNEL DENSITY SHARE", got: String(line))
      }
      curves[String(words[0]), default: []].append(Point(density: density, share: share))
    }
    try self.init(curves: curves, rates: rates)
  }

  /// Where tables of this machine are kept, each under its hash: `$XDG_CACHE_HOME/pare/break-even`, or below `~/.cache`.
  public static var folder: String {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
    return (variable("XDG_CACHE_HOME") ?? (variable("HOME") ?? ".") + "/.cache") + "/pare/break-even"
  }

  /// Writes the table under its hash and returns the file's path.
  @discardableResult
  public func save(in folder: String = BreakEvenTable.folder) throws -> String {
    var made = ""
    for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
      made += part + "/"
      if mkdir(made, 0o755) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS {
        throw PareError(.io, "break-even table", expected: "a folder that can be written", got: made)
      }
    }
    let path = "\(folder)/\(hash).txt"
    try AtomicFile.write(text, to: path)
    return path
  }

  /// Reads the table of a hash, or `built-in`.
  ///
  /// - Throws: `not_found` where no such table is kept, `format` where it is not what its name says.
  public static func load(_ hash: String, in folder: String = BreakEvenTable.folder) throws -> BreakEvenTable {
    if hash == "built-in" || hash == builtIn.hash { return builtIn }
    let path = "\(folder)/\(hash).txt"
    guard hash.allSatisfy(\.isHexDigit), let text = contents(of: path) else {
      throw PareError(
        .notFound, "break-even table '\(hash)'", argument: "table", expected: "built-in, or a table in \(folder)",
        suggestion: "calibrate() measures one")
    }
    let table = try BreakEvenTable(text: text)
    guard table.hash == hash else { throw PareError(.format, path, expected: hash, got: table.hash) }
    return table
  }

  private static func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  /// Measured on a two-core machine with AVX-512; what holds where nothing else is asked for.
  public static let builtIn = BreakEvenTable(checked: [
    "sparse.f32": points((0, 0.2), (0.1, 0.33), (0.2, 0.5), (0.3, 0.72), (0.4, 0.95), (0.5, 1.2)),
    "block16x1.f32": points((0, 0.15), (0.1, 0.25), (0.2, 0.42), (0.5, 0.95), (0.75, 1.4)),
    "sparse4.u8": points((0, 0.3), (0.1, 0.45), (0.2, 0.7), (0.35, 1.05), (0.5, 1.5)),
    "sparse4.u8.tiles": points((0, 0.5), (0.1, 0.65), (0.2, 0.95), (0.35, 1.5)),
    "sparse-linear.f32": points((0, 0.1), (0.1, 0.2), (0.2, 0.42), (0.4, 0.9), (0.5, 1.2)),
    "codes2.f32": points((1, 0.14)), "codes4.f32": points((1, 0.22)), "codes8.f32": points((1, 0.85)),
    "signs.f32": points((1, 0.15)),
  ])

  private static func points(_ points: (density: Double, share: Double)...) -> [Point] {
    points.map { Point(density: $0.density, share: $0.share) }
  }
}
