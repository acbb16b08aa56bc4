import CPluginABI
import Glibc
import Support

/// What a plugin was built against, and what this program is.
public struct PluginStamp: Sendable, Equatable {
  /// The version of the plugin interface that it was compiled against.
  public var interfaceVersion: Int
  /// The exact compiler.
  public var compiler: String
  /// The GNU build id of the executable, hexadecimal.
  public var coreBuild: String
  /// The plugin's module.
  public var module: String

  /// A stamp of these parts, as a plugin that is being built gets it.
  public init(interfaceVersion: Int, compiler: String, coreBuild: String, module: String) {
    self.interfaceVersion = interfaceVersion
    self.compiler = compiler
    self.coreBuild = coreBuild
    self.module = module
  }

  /// The version of the plugin interface that this program speaks.
  public static let interfaceVersion = Int(PARE_INTERFACE_VERSION)
  /// The compiler that built this program.
  public static let compiler = String(cString: pare_compiler())

  /// Reads the stamp of a library without loading it.
  ///
  /// - Throws: `plugin` when the file is no whole library for this machine, or carries no stamp; `io`.
  public init(ofFile path: String) throws {
    try self.init(of: PluginFiles.read(path), file: path)
  }

  init(of bytes: [UInt8], file: String) throws {
    let library = try ELFFile(bytes, file: file)
    guard let stamp = try library.contents(of: PARE_STAMP_SECTION) else {
      throw PareError(
        .plugin, "'\(file)' carries no stamp of Pare", suggestion: "build it with `pare plugin build`", file: file)
    }
    let size = MemoryLayout<pare_plugin_stamp>.size
    func text(_ field: PartialKeyPath<pare_plugin_stamp>, _ length: Int) throws -> String {
      guard let offset = MemoryLayout<pare_plugin_stamp>.offset(of: field) else {
        throw PareError(.internal, "the stamp has no such field", file: file)
      }
      let bytes = stamp.dropFirst(offset).prefix(length)
      guard let end = bytes.firstIndex(of: 0), bytes[..<end].allSatisfy({ (0x20..<0x7F).contains($0) }) else {
        throw PareError(.plugin, "'\(file)' carries a damaged stamp", file: file)
      }
      return String(decoding: bytes[..<end], as: UTF8.self)
    }
    func number(_ offset: Int) -> Int {
      stamp.dropFirst(offset).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    guard stamp.count == size, stamp.starts(with: PARE_STAMP_MAGIC.utf8), number(8) == size else {
      throw PareError(
        .plugin, "'\(file)' carries a damaged stamp, or one of another interface", expected: "\(size) bytes",
        got: "\(stamp.count)", file: file)
    }
    interfaceVersion = number(12)
    compiler = try text(\.compiler, 160)
    coreBuild = try text(\.core_build, 64)
    module = try text(\.module, 64)
  }

  /// Refuses what was not built for a program of that build.
  ///
  /// - Throws: `plugin` with `expected` and `got`.
  public func verify(coreBuild: String, file: String) throws {
    func refuse(_ what: String, _ expected: String, _ got: String) -> PareError {
      PareError(
        .plugin, "'\(file)' was built for another \(what)", expected: expected, got: got,
        suggestion: "build it again with `pare plugin build`", file: file)
    }
    guard interfaceVersion == Self.interfaceVersion else {
      throw refuse("plugin interface", "version \(Self.interfaceVersion)", "version \(interfaceVersion)")
    }
    guard compiler == Self.compiler else { throw refuse("compiler", Self.compiler, compiler) }
    guard self.coreBuild == coreBuild else { throw refuse("build of Pare", coreBuild, self.coreBuild) }
  }

  /// The C source that puts this stamp into a plugin.
  var source: String {
    """
    #include <CPluginABI.h>

    __attribute__((used, visibility("default"), section(PARE_STAMP_SECTION)))
    const struct pare_plugin_stamp pare_plugin_stamp = {
      PARE_STAMP_MAGIC, sizeof(struct pare_plugin_stamp), PARE_INTERFACE_VERSION, __VERSION__,
      "\(coreBuild)", "\(module)",
    };

    """
  }
}

/// The build of the running program.
public enum CoreBuild {
  /// The GNU build id of the executable, hexadecimal; nil when it was linked without one.
  public static let id: String? = {
    guard let image = pare_image_header(), let note = note(in: image) else { return nil }
    return note.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }()

  private static let loaded: UInt32 = 1, notes: UInt32 = 4, buildID: UInt32 = 3

  /// Finds the note in the image as it lies in memory: it was loaded, so its headers can be trusted.
  private static func note(in image: UnsafeRawPointer) -> [UInt8]? {
    func number<T: FixedWidthInteger>(_ at: UnsafeRawPointer, _ offset: Int) -> T { at.loadUnaligned(fromByteOffset: offset, as: T.self) }
    let table = image + Int(number(image, 32) as UInt64), size = Int(number(image, 54) as UInt16)
    let headers = (0..<Int(number(image, 56) as UInt16)).map { table + $0 * size }
    func address(_ header: UnsafeRawPointer) -> Int { Int(number(header, 16) as UInt64) }
    // Where the file's first byte was meant to lie; position-independent programs say 0.
    let first = headers.first { number($0, 0) as UInt32 == loaded && number($0, 8) as UInt64 == 0 }
    guard let base = first.map(address) else { return nil }
    for header in headers where number(header, 0) as UInt32 == notes {
      let bytes = UnsafeRawBufferPointer(start: image + (address(header) - base), count: Int(number(header, 40) as UInt64))
      if let id = buildID(in: bytes) { return id }
    }
    return nil
  }

  /// Walks notes: sizes of name and contents, a type, name and contents padded to 4 bytes.
  private static func buildID(in bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    var offset = 0
    while offset + 12 <= bytes.count {
      let nameSize = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      let size = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
      let type = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self)
      let contents = offset + 12 + (nameSize + 3) / 4 * 4
      guard contents + size <= bytes.count else { return nil }
      if type == buildID, nameSize == 4, bytes[offset + 12..<offset + 15].elementsEqual("GNU".utf8) {
        return Array(bytes[contents..<contents + size])
      }
      offset = contents + (size + 3) / 4 * 4
    }
    return nil
  }
}
