extension Tensor: CustomStringConvertible {
  /// Values with shape and dtype; long axes show their ends only.
  public var description: String {
    let plain = try? detached().contiguous()
    guard let plain else { return "tensor \(shape) \(dtype)" }
    if count == 0 { return "tensor \(shape) \(dtype), no elements" }
    let body = plain.text(axis: 0, indent: 1)
    return rank == 0 ? body : "\(body)\n\(shape.map { String($0) }.joined(separator: "x")) \(dtype)"
  }

  private func text(axis: Int, indent: Int) -> String {
    guard rank > 0 else {
      // Through f64 the largest integers would lose digits.
      if dtype.isInteger { return (try? values(as: Int64.self).first).flatMap { $0 }.map { "\($0)" } ?? "?" }
      return (try? item()).map { number($0) } ?? "?"
    }
    let edge = 3
    let size = shape.dims[0]
    let shown = size <= 2 * edge + 1 || (axis == 0 && rank == 1 && size <= 12)
      ? Array(0..<size) : Array(0..<edge) + [-1] + Array((size - edge)..<size)
    let parts = shown.map { i in
      i < 0 ? "..." : ((try? select(axis: 0, index: i))?.text(axis: axis + 1, indent: indent + 1) ?? "?")
    }
    let separator = rank == 1 ? ", " : ",\n" + String(repeating: " ", count: indent)
    return "[" + parts.joined(separator: separator) + "]"
  }

  private func number(_ value: Double) -> String {
    if dtype == .bool { return value == 0 ? "false" : "true" }
    if value.isNaN { return "nan" }
    if value.isInfinite { return "\(value)" }
    if value == value.rounded(), value.magnitude < 1e6 { return "\(Int(value))" }
    // Six significant digits say what a reader compares.
    let exponent = Int(Double.floor10(value.magnitude))
    if exponent < -4 || exponent > 6 {
      // In two steps, as ten to the exponent of the least numbers is 0.
      let half = exponent / 2
      let mantissa = value / Double.power(10, Double(half)) / Double.power(10, Double(exponent - half))
      // The logarithm may be a hair too small, and rounding may add a digit: both make ten of it.
      let rounded = (mantissa * 1e5).rounded() / 1e5, carry = rounded.magnitude >= 10 ? 1 : 0
      let digits = "\(carry == 1 ? rounded / 10 : rounded)"
      return (digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits) + "e\(exponent + carry)"
    }
    let scale = Double.power(10, Double(5 - exponent))
    return "\((value * scale).rounded() / scale)"
  }
}

extension Double {
  fileprivate static func floor10(_ x: Double) -> Double { (log(x) / log(10.0)).rounded(.down) }
}
