import CLAPACK
import COneDNN
import Glibc

extension Compute {
  /// What this process computes with, as (name, value) pairs for people: processor, instruction sets, libraries.
  public static var environment: [(name: String, value: String)] {
    var rows: [(name: String, value: String)] = [("processor", processor("model name") ?? "unknown")]
    let flags = Set((processor("flags") ?? "").split(separator: " ").map(String.init))
    let known = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"].filter(flags.contains)
    rows.append(("instruction sets", known.isEmpty ? "none of those with fast paths" : known.joined(separator: " ")))
    if let version = dnnl_version()?.pointee {
      rows.append(("oneDNN", "\(version.major).\(version.minor).\(version.patch)"))
    }
    if let configuration = openblas_get_config() { rows.append(("OpenBLAS", String(cString: configuration))) }
    // Two thread pools fight each other; OpenBLAS says 2 when it uses OpenMP's, which oneDNN uses too.
    if openblas_get_parallel() != 2 {
      rows.append(("warning", "this OpenBLAS is not the OpenMP build; install libopenblas-openmp-dev and select it"))
    }
    return rows
  }

  /// The first line of that name in /proc/cpuinfo.
  private static func processor(_ name: String) -> String? {
    guard let file = fopen("/proc/cpuinfo", "r") else { return nil }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0, let line {
      let text = String(cString: line)
      guard text.hasPrefix(name), let colon = text.firstIndex(of: ":") else { continue }
      let value = text[text.index(after: colon)...].drop { $0 == " " }
      return String(value.prefix { $0 != "\n" })
    }
    return nil
  }
}
