import Glibc
import Support

/// Compiles plugin sources into a stamped library.
public enum PluginBuilder {
  /// Builds a Swift file, or all Swift files of a folder.
  ///
  /// Two files are added: C with the stamp, Swift with `pare_plugin_register`. The module's name comes from the
  /// contents, so that every change is a new image and an unchanged source is not compiled again.
  ///
  /// - Parameter folder: where the library goes; nil: Pare's cache.
  /// - Returns: the library's path, `FOLDER/NAME-HASH.so`.
  /// - Throws: `not_found`; `plugin` with the compiler's own words, or saying what is missing.
  public static func build(_ path: String, into folder: String? = nil) throws -> String {
    let sources = try sources(of: path)
    let toolchain = try PluginToolchain.find()
    let build = try coreBuild()
    let name = identifier(of: path)
    let hash = try digest(sources, build)
    let module = "Plugin_\(name)_\(hash)"
    let folder = folder ?? cache
    try PluginFiles.makeFolder(folder)
    let library = "\(PluginFiles.resolved(folder))/\(name)-\(hash).so"
    let stamp = PluginStamp(
      interfaceVersion: PluginStamp.interfaceVersion, compiler: PluginStamp.compiler, coreBuild: build, module: module)
    if let there = try? PluginStamp(ofFile: library), there == stamp { return library }
    try compile(sources, stamp, library, toolchain)
    return library
  }

  /// `$XDG_CACHE_HOME/pare/plugins`, else `~/.cache/pare/plugins`, else a folder of this user under `/tmp`.
  static var cache: String {
    if let cache = PluginFiles.environment("XDG_CACHE_HOME") { return cache + "/pare/plugins" }
    if let home = PluginFiles.environment("HOME"), access(home, W_OK) == 0 { return home + "/.cache/pare/plugins" }
    return "/tmp/pare-\(getuid())/plugins"
  }

  static func coreBuild() throws -> String {
    if let id = CoreBuild.id { return id }
    throw PareError(
      .plugin, "this program carries no build id, so that no plugin can be matched with it",
      suggestion: "link it with --build-id=sha1, as Package.swift does")
  }

  /// The Swift files of a plugin, sorted.
  static func sources(of path: String) throws -> [String] {
    guard PluginFiles.exists(path) else { throw PareError(.notFound, "there is no '\(path)'", file: path) }
    guard PluginFiles.isFolder(path) else {
      guard path.hasSuffix(".swift") else {
        throw PareError(.plugin, "'\(path)' is no plugin source", expected: "a .swift file or a folder of them", file: path)
      }
      return [PluginFiles.resolved(path)]
    }
    let files = PluginFiles.names(in: path).filter { $0.hasSuffix(".swift") }.map { PluginFiles.resolved("\(path)/\($0)") }
    guard !files.isEmpty else { throw PareError(.plugin, "the folder '\(path)' holds no .swift file", file: path) }
    return files
  }

  /// The last part of a path as part of a Swift identifier.
  static func identifier(of path: String) -> String {
    var name = PluginFiles.name(of: path)
    if name.hasSuffix(".swift") { name.removeLast(6) }
    let letters = name.unicodeScalars.map { $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil) ? Character($0) : "_" }
    return String(letters.prefix(24))
  }

  /// 64 bits over names, contents and core build.
  private static func digest(_ sources: [String], _ build: String) throws -> String {
    var text = "\(PluginStamp.interfaceVersion) \(PluginStamp.compiler) \(build)"
    for source in sources { text += "\n\(PluginFiles.name(of: source))\n" + String(decoding: try PluginFiles.read(source), as: UTF8.self) }
    let digits = String(Philox.stream(named: text), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private static func compile(
    _ sources: [String], _ stamp: PluginStamp, _ library: String, _ toolchain: PluginToolchain
  ) throws {
    let work = "\(library).\(getpid()).build"
    try PluginFiles.makeFolder(work)
    defer { remove(work) }
    let stampSource = "\(work)/stamp.c", stampObject = "\(work)/stamp.o", registration = "\(work)/registration.swift"
    try AtomicFile.write(stamp.source, to: stampSource)
    try AtomicFile.write(PluginHost.source, to: registration)
    try run(toolchain.clang, ["-c", "-O2", "-fPIC", "-I", toolchain.headers, stampSource, "-o", stampObject], sources[0])
    var arguments = [
      "-O", "-swift-version", "6", "-parse-as-library", "-emit-library", "-module-name", stamp.module,
      "-I", toolchain.modules, "-module-cache-path", toolchain.moduleCache ?? "\(PluginFiles.folder(of: library))/modules",
    ]
    for map in toolchain.moduleMaps { arguments += ["-Xcc", "-fmodule-map-file=\(map)"] }
    // The core's symbols stay undefined: they are found in the executable, so that there is one registry.
    arguments += sources + [registration, stampObject, "-o", "\(work)/library.so"]
    try run(toolchain.swiftc, arguments, sources[0])
    guard rename("\(work)/library.so", library) == 0 else { throw PluginFiles.failure("cannot write", library) }
  }

  private static func run(_ program: String, _ arguments: [String], _ source: String) throws {
    let (status, output) = try PluginFiles.run(program, arguments)
    try Interrupt.check()
    guard status != 0 else { return }
    let text = output.split(separator: "\n").map(String.init).joined(separator: "\n")
    throw PareError(
      .plugin, "'\(PluginFiles.name(of: source))' does not compile:\n\(text)",
      suggestion: output.contains("cannot find 'plugin' in scope")
        ? "a plugin file ends with `let plugin = Plugin(MyType.self)`" : nil,
      file: source)
  }

  private static func remove(_ folder: String) {
    for name in PluginFiles.names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}
