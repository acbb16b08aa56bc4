import Glibc
import Support
import Synchronization

/// A plugin that was loaded.
public struct LoadedPlugin: Sendable {
  /// What the user named: a Swift file, a folder, a library.
  public var path: String
  /// The image.
  public var library: String
  /// What it added, as `kind.name`, in the order of its `Plugin`.
  public var entries: [String]
}

/// Checks, loads and lists native plugins.
public enum PluginLoader {
  private static let loaded = Mutex<[LoadedPlugin]>([])

  /// The plugins that were loaded, in the order of loading; a plugin that was loaded again counts once.
  public static var list: [LoadedPlugin] { loaded.withLock { $0 } }

  /// Loads a Swift file or folder (compiled first) or a built library, and registers what it offers.
  ///
  /// Loading again replaces the entries that came from the same path; images stay loaded.
  ///
  /// - Throws: `not_found`; `plugin` for what does not compile, is no library of this build, or offers nothing.
  @discardableResult
  public static func load(_ path: String, registry: Registry = .shared) throws -> LoadedPlugin {
    guard PluginFiles.exists(path) else { throw PareError(.notFound, "there is no plugin '\(path)'", file: path) }
    let library = path.hasSuffix(".so") ? PluginFiles.resolved(path) : try PluginBuilder.build(path)
    try check(library)
    let plugin = try open(library)
    let origin = Registration.Origin.file(PluginFiles.resolved(path))
    let registrations = plugin.types.map { Registration($0, origin: origin) }
    let before = registry.list().filter { $0.origin == origin }
    registry.removeAll(from: origin)
    do { try plugin.register(in: registry, origin: origin) } catch {
      try registry.register(before)
      throw error
    }
    let result = LoadedPlugin(path: path, library: library, entries: registrations.map { "\($0.kind).\($0.name)" })
    loaded.withLock { loaded in
      loaded.removeAll { $0.path == path }
      loaded.append(result)
    }
    return result
  }

  /// Reads the stamp of a library and refuses what was not built for this program, without loading it.
  ///
  /// - Throws: `plugin`, naming the file and the difference.
  @discardableResult
  public static func check(_ library: String) throws -> PluginStamp {
    let stamp = try PluginStamp(ofFile: library)
    try stamp.verify(coreBuild: PluginBuilder.coreBuild(), file: library)
    return stamp
  }

  /// The libraries and Lua files that load at start: those in `$PARE_PLUGINS` (folders joined by ':') and
  /// `~/.config/pare/plugins`, sorted within each folder.
  public static func startFiles() -> [String] {
    var folders = PluginFiles.environment("PARE_PLUGINS")?.split(separator: ":").map(String.init) ?? []
    if let home = PluginFiles.environment("HOME") { folders.append("\(home)/.config/pare/plugins") }
    return folders.flatMap { folder in
      PluginFiles.names(in: folder).filter { $0.hasSuffix(".so") || $0.hasSuffix(".lua") }.map { "\(folder)/\($0)" }
    }
  }

  private typealias Register = @convention(c) (UnsafeMutableRawPointer) -> Void

  private static func open(_ library: String) throws -> Plugin {
    guard let image = dlopen(library, RTLD_NOW | RTLD_LOCAL) else {
      throw PareError(.plugin, "'\(library)' cannot be loaded: \(lastError)", file: library)
    }
    guard let symbol = dlsym(image, PluginHost.registerSymbol) else {
      throw PareError(.plugin, "'\(library)' has no \(PluginHost.registerSymbol)", file: library)
    }
    let host = PluginHost()
    unsafeBitCast(symbol, to: Register.self)(Unmanaged.passUnretained(host).toOpaque())
    guard let plugin = withExtendedLifetime(host, { host.plugin }), !plugin.types.isEmpty else {
      throw PareError(.plugin, "'\(library)' offers no extension", file: library)
    }
    return plugin
  }

  private static var lastError: String { dlerror().map { String(cString: $0) } ?? "unknown reason" }
}
