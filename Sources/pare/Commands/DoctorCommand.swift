import ArgumentParser
import Compression
import Glibc
import Support
import Tensor

/// `pare doctor`: what this machine and this installation offer, and what is missing.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Shows versions, CPU, libraries, data folders, and what is missing.")

  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    var table = Table(["what", "here"], numeric: [])
    table.add(["pare", Version.current])
    for (name, value) in Compute.environment { table.add([name, value]) }
    table.add(["threads", "\(Compute.threads)"])
    table.add(["plugins", Self.pluginTools()])
    table.add(["data", Self.variable("PARE_DATA", absent: "digits ship with pare; set PARE_DATA for mnist, cifar10, ...")])
    table.add(["plugin folders", Self.variable("PARE_PLUGINS", absent: "~/.config/pare/plugins")])
    table.add(["entries", "\(Registry.shared.list().count) in the registry; see pare methods"])
    print(table.text)
  }

  private static func pluginTools() -> String {
    do {
      return "compiled by \(try PluginToolchain.find().swiftc)"
    } catch {
      return "Swift plugins cannot be built here: \(error); Lua plugins and built ones work"
    }
  }

  private static func variable(_ name: String, absent: String) -> String {
    getenv(name).map { String(cString: $0) } ?? "not set (\(absent))"
  }
}
