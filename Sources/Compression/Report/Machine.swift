import Glibc
import Support
import Tensor

/// The machine that latencies were measured on: in reports, never in a model's file.
enum Machine {
  static var description: String {
    var parts: [String] = []
    if let model = cpu { parts.append(model) }
    parts.append("\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) CPUs, \(Compute.threads) threads used")
    var name = utsname()
    if uname(&name) == 0 {
      let system = text(name.sysname), release = text(name.release), machine = text(name.machine)
      parts.append("\(system) \(release) \(machine)")
    }
    return parts.joined(separator: " · ")
  }

  private static var cpu: String? {
    guard let file = fopen("/proc/cpuinfo", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix("model name"), let colon = text.firstIndex(of: ":") {
        return text[text.index(after: colon)...].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
    }
    return nil
  }

  private static func text<T>(_ characters: T) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
