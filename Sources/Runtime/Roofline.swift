import Glibc

/// The roofline of a profile (Williams et al. 2009): each step by its operations per byte and what it reaches, below what
/// the machine can do.
public enum Roofline {
  /// An SVG picture of 720 x 420 points; steps without operations are not in it.
  public static func svg(_ steps: [NodeProfile], _ machine: Machine) -> String {
    let points = steps.filter { $0.gflops > 0 && $0.gigabytes > 0 }
    let width = 720.0, height = 420.0, left = 64.0, bottom = 48.0, top = 24.0, right = 16.0
    let x = (low: -1.0, high: 3.5), top10 = log10(machine.gflops * 8).rounded(.up)
    let y = (low: top10 - 4, high: top10)
    func place(_ intensity: Double, _ rate: Double) -> (Double, Double) {
      let u = (min(max(log10(intensity), x.low), x.high) - x.low) / (x.high - x.low)
      let v = (min(max(log10(rate), y.low), y.high) - y.low) / (y.high - y.low)
      return (left + u * (width - left - right), height - bottom - v * (height - top - bottom))
    }
    func number(_ value: Double) -> String { String((value * 10).rounded() / 10) }
    func text(_ at: (Double, Double), _ words: String, _ anchor: String = "middle") -> String {
      "<text x=\"\(number(at.0))\" y=\"\(number(at.1))\" text-anchor=\"\(anchor)\">\(escaped(words))</text>\n"
    }
    var svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 420\" font-family=\"sans-serif\" font-size=\"12\">\n"
    svg += "<rect width=\"720\" height=\"420\" fill=\"white\"/>\n"
    let slowest = machine.gigabytes * 0.1, ridge = machine.gflops / machine.gigabytes
    let corners = [place(0.1, slowest), place(ridge, machine.gflops), place(3162, machine.gflops)]
    svg += "<polyline fill=\"none\" stroke=\"#333\" stroke-width=\"2\" points=\""
      + corners.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ") + "\"/>\n"
    svg += text((width - right, corners[1].1 - 8), "\(number(machine.gflops)) GFLOP/s, f32", "end")
    svg += text((left + 8, corners[0].1 - 8), "\(number(machine.gigabytes)) GB/s", "start")
    for power in 0...3 { svg += text((place(pow10(power), 1).0, height - bottom + 18), "\(Int(pow10(power)))") }
    for power in Int(y.low)...Int(y.high) {
      let value = power < 0 ? 1 / pow10(-power) : pow10(power)
      svg += text((left - 8, place(1, value).1 + 4), value < 1 ? "\(value)" : "\(Int(value))", "end")
    }
    svg += text(((left + width) / 2, height - 12), "operations per byte") + text((left, 16), "GFLOP/s")
    let longest = points.map(\.ms).max() ?? 1
    for step in points {
      let (cx, cy) = place(step.gflops / step.gigabytes, step.gflops)
      let radius = 2 + 8 * (step.ms / max(longest, 1e-9)).squareRoot()
      svg += "<circle cx=\"\(number(cx))\" cy=\"\(number(cy))\" r=\"\(number(radius))\" fill=\"#2a78c2\" fill-opacity=\"0.55\">"
        + "<title>\(escaped("\(step.name): \(number(step.gflops)) GFLOP/s, \(number(step.ms * 1000)) µs, \(step.implementation)"))</title></circle>\n"
    }
    return svg + "</svg>\n"
  }

  private static func pow10(_ power: Int) -> Double { (0..<power).reduce(1) { value, _ in value * 10 } }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
    return result
  }
}
