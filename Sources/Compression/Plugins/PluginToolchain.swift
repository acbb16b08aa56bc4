import Glibc
import Support

/// What compiling a plugin needs: `swiftc`, the `clang` beside it, and the modules that this program was built from.
public struct PluginToolchain: Sendable {
  /// The path of the Swift compiler.
  public var swiftc: String
  /// The path of the C compiler.
  public var clang: String
  /// The folder of the `.swiftmodule` files.
  public var modules: String
  /// Module maps of the C modules that those import.
  public var moduleMaps: [String]
  /// The folder of `CPluginABI.h`.
  public var headers: String
  /// In a checkout, where the build keeps the modules of the system, compiled: a first plugin need not do that again.
  public var moduleCache: String?

  /// Finds them: modules beside the executable in a checkout, in `PREFIX/lib/pare` after installation.
  ///
  /// - Throws: `plugin`, saying what is missing and what still works without it.
  public static func find() throws -> PluginToolchain {
    guard let swiftc = PluginFiles.program("swiftc") else {
      throw PareError(
        .plugin, "compiling a plugin needs Swift, and there is no `swiftc` in PATH",
        suggestion: "Lua plugins and built .so files load without it")
    }
    // The driver knows its job by the name it is called under, so only its folder is resolved.
    let clang = PluginFiles.folder(of: PluginFiles.resolved(swiftc)) + "/clang"
    guard PluginFiles.exists(clang) else {
      throw PareError(.plugin, "there is no `clang` beside '\(swiftc)'", suggestion: "install the whole toolchain")
    }
    let folder = PluginFiles.folder(of: PluginFiles.resolved("/proc/self/exe"))
    guard let found = installed(beside: folder) ?? checkout(around: folder) else {
      throw PareError(
        .plugin, "Pare's Swift modules are found neither beside '\(folder)' nor in '\(prefix(of: folder))'",
        suggestion: "run `pare` from its checkout, or after `make install`")
    }
    return PluginToolchain(
      swiftc: swiftc, clang: clang, modules: found.modules, moduleMaps: found.maps, headers: found.headers,
      moduleCache: ["\(folder)/ModuleCache"].first { PluginFiles.isFolder($0) && access($0, W_OK) == 0 })
  }

  private typealias Found = (modules: String, maps: [String], headers: String)

  private static func prefix(of folder: String) -> String { PluginFiles.folder(of: folder) + "/lib/pare" }

  /// PREFIX/lib/pare/Modules/*.swiftmodule and PREFIX/lib/pare/include/NAME/module.modulemap
  private static func installed(beside folder: String) -> Found? {
    let root = prefix(of: folder)
    guard PluginFiles.exists("\(root)/Modules/PareKit.swiftmodule") else { return nil }
    let maps = PluginFiles.names(in: "\(root)/include").map { "\(root)/include/\($0)/module.modulemap" }
    return ("\(root)/Modules", maps.filter(PluginFiles.exists), "\(root)/include/CPluginABI")
  }

  /// CHECKOUT/.build/TRIPLE/release/Modules, with module maps in Sources/*/include, or generated beside the objects.
  private static func checkout(around folder: String) -> Found? {
    guard PluginFiles.exists("\(folder)/Modules/PareKit.swiftmodule") else { return nil }
    var root = folder
    while root != "/" && root != "." && !PluginFiles.exists("\(root)/Sources/CPluginABI/include/CPluginABI.h") {
      root = PluginFiles.folder(of: root)
    }
    let sources = "\(root)/Sources"
    let maps = PluginFiles.names(in: sources).compactMap { name in
      ["\(sources)/\(name)/include/module.modulemap", "\(folder)/\(name).build/module.modulemap"]
        .first { PluginFiles.exists($0) && name.hasPrefix("C") }
    }
    return ("\(folder)/Modules", maps, "\(sources)/CPluginABI/include")
  }
}
