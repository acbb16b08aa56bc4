import Compression
import Foundation
import Support
import Testing

/// A stamped library for this machine, written byte by byte, and its damaged relatives.
private struct Library {
  var bytes: [UInt8] = []

  #if arch(x86_64)
  static let machine: UInt16 = 62
  #else
  static let machine: UInt16 = 183
  #endif

  init(stamp: [UInt8]? = Library.stamp(), section: String = ".pare_stamp") {
    let names = [UInt8]("\0\(section)\0.shstrtab\0".utf8)
    let contents = stamp ?? []
    let stampAt = 64 + 2 * 56, namesAt = stampAt + contents.count, sectionsAt = (namesAt + names.count + 7) / 8 * 8
    let size = sectionsAt + 3 * 64
    bytes = [UInt8](repeating: 0, count: size)
    put([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1], at: 0)
    put(UInt16(3), at: 16)
    put(Library.machine, at: 18)
    put(UInt32(1), at: 20)
    put(UInt64(64), at: 32)
    put(UInt64(sectionsAt), at: 40)
    put(UInt16(64), at: 52)
    put(UInt16(56), at: 54)
    put(UInt16(2), at: 56)
    put(UInt16(64), at: 58)
    put(UInt16(3), at: 60)
    put(UInt16(2), at: 62)
    for (index, type) in [UInt32(1), 2].enumerated() {
      let at = 64 + index * 56
      put(type, at: at)
      put(UInt64(size), at: at + 32)
      put(UInt64(size), at: at + 40)
    }
    put(contents, at: stampAt)
    put(names, at: namesAt)
    for (index, values) in [(1, stampAt, contents.count), (section.utf8.count + 2, namesAt, names.count)].enumerated() {
      let at = sectionsAt + (index + 1) * 64
      put(UInt32(values.0), at: at)
      put(UInt32(index == 0 ? 1 : 3), at: at + 4)
      put(UInt64(values.1), at: at + 24)
      put(UInt64(values.2), at: at + 32)
    }
  }

  static func stamp(
    magic: String = "PARE-ABI", size: UInt32 = 304, version: UInt32 = 1, compiler: String = PluginStamp.compiler,
    build: String = "abc", module: String = "Plugin_x"
  ) -> [UInt8] {
    var library = Library(bytes: [UInt8](repeating: 0, count: 304))
    library.put(Array(magic.utf8), at: 0)
    library.put(size, at: 8)
    library.put(version, at: 12)
    library.put(Array(compiler.utf8.prefix(160)), at: 16)
    library.put(Array(build.utf8.prefix(64)), at: 176)
    library.put(Array(module.utf8.prefix(64)), at: 240)
    return library.bytes
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func put(_ values: [UInt8], at offset: Int) { bytes.replaceSubrange(offset..<offset + values.count, with: values) }
  mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    put(withUnsafeBytes(of: value.littleEndian) { Array($0) }, at: offset)
  }

  /// Writes the bytes to a file of their own for as long as `body` runs.
  func file<R>(_ body: (String) throws -> R) throws -> R {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("pare-\(UUID().uuidString).so").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }
}

@Suite struct ELFTests {
  @Test func readsAStamp() throws {
    let stamp = try Library().file { try PluginStamp(ofFile: $0) }
    #expect(stamp == PluginStamp(interfaceVersion: 1, compiler: PluginStamp.compiler, coreBuild: "abc", module: "Plugin_x"))
    try stamp.verify(coreBuild: "abc", file: "x.so")
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    let name: String
    let says: String
    let make: @Sendable () -> [UInt8]
    var testDescription: String { name }
  }

  /// Changes one number of a good library.
  private static func changed<T: FixedWidthInteger & Sendable>(_ name: String, _ offset: Int, _ value: T, _ says: String) -> Damage {
    Damage(name: name, says: says) {
      var library = Library()
      library.put(value, at: offset)
      return library.bytes
    }
  }

  private static let sectionsAt = (64 + 112 + 304 + 23 + 7) / 8 * 8

  static let damages: [Damage] = [
    Damage(name: "empty", says: "is not an ELF file") { [] },
    Damage(name: "text", says: "is not an ELF file") { Array("#!/bin/sh\n".utf8) + [UInt8](repeating: 10, count: 100) },
    Damage(name: "header only", says: "is cut off") { Array(Library().bytes.prefix(64)) },
    Damage(name: "half", says: "is cut off") { Array(Library().bytes.prefix(300)) },
    Damage(name: "last byte missing", says: "is cut off") { Library().bytes.dropLast() },
    changed("32 bits", 4, UInt8(1), "is not a 64-bit"),
    changed("big endian", 5, UInt8(2), "is not a 64-bit"),
    changed("executable", 16, UInt16(2), "is not a shared library"),
    changed("core dump", 16, UInt16(4), "is not a shared library"),
    changed("machine", 18, UInt16(8), "is not for this processor"),
    changed("header size", 52, UInt16(52), "has a header of a wrong size"),
    changed("program header size", 54, UInt16(32), "has no program headers"),
    changed("no program headers", 56, UInt16(0), "has no program headers"),
    changed("many program headers", 56, UInt16(0xFFFF), "is cut off"),
    changed("program headers far away", 32, UInt64.max - 10, "is cut off"),
    changed("segment beyond the end", 64 + 32, UInt64(1 << 40), "is cut off"),
    changed("segment wraps around", 64 + 8, UInt64.max, "is cut off"),
    changed("segment shrinks in memory", 64 + 40, UInt64(8), "larger in the file"),
    changed("nothing to load", 64, UInt32(4), "has nothing to load"),
    changed("not dynamic", 64 + 56, UInt32(4), "has nothing to load"),
    changed("section header size", 58, UInt16(40), "has no section headers"),
    changed("no sections", 60, UInt16(0), "has no section headers"),
    changed("many sections", 60, UInt16(0xFFF0), "is cut off"),
    changed("names index", 62, UInt16(9), "has no section names"),
    changed("sections far away", 40, UInt64(1) << 63, "is cut off"),
    changed("section beyond the end", sectionsAt + 64 + 24, UInt64(1 << 50), "is cut off"),
    changed("section size overflows", sectionsAt + 64 + 32, UInt64.max, "is cut off"),
    changed("section without data", sectionsAt + 64 + 4, UInt32(8), "holds no plain data"),
    changed("compressed section", sectionsAt + 64 + 8, UInt64(0x800), "holds no plain data"),
    changed("name outside", sectionsAt + 64, UInt32.max, "whose name lies outside"),
    Damage(name: "no stamp", says: "carries no stamp") { Library(section: ".other_name").bytes },
    Damage(name: "empty stamp", says: "damaged stamp") { Library(stamp: []).bytes },
    Damage(name: "short stamp", says: "damaged stamp") { Library(stamp: Array(Library.stamp().prefix(100))).bytes },
    Damage(name: "long stamp", says: "damaged stamp") { Library(stamp: Library.stamp() + [0]).bytes },
    Damage(name: "magic", says: "damaged stamp") { Library(stamp: Library.stamp(magic: "PARE-ABJ")).bytes },
    Damage(name: "stated size", says: "damaged stamp") { Library(stamp: Library.stamp(size: 303)).bytes },
    Damage(name: "endless text", says: "damaged stamp") {
      Library(stamp: Library.stamp(build: String(repeating: "a", count: 64))).bytes
    },
    Damage(name: "control characters", says: "damaged stamp") { Library(stamp: Library.stamp(build: "a\u{1B}[2J")).bytes },
  ]

  @Test(arguments: damages) func refuses(_ damage: Damage) throws {
    var library = Library()
    library.bytes = damage.make()
    try library.file { path in
      let error = try #require(throws: PareError.self) { try PluginStamp(ofFile: path) }
      #expect(error.code == .plugin)
      #expect(error.file == path)
      #expect(error.description.contains(damage.says), "\(error)")
      #expect(error.description.contains(path))
    }
  }

  /// Any single byte may be anything: an error or a stamp, never a trap.
  @Test func survivesEveryByte() throws {
    let good = Library()
    for offset in good.bytes.indices {
      for value in [UInt8(0), 0xFF] {
        var library = good
        library.bytes[offset] = value
        try library.file { path in
          do { _ = try PluginStamp(ofFile: path) } catch let error as PareError { #expect(error.code == .plugin) }
        }
      }
    }
  }

  @Test(arguments: [
    (Library.stamp(version: 2), "'x.so' was built for another plugin interface: expected version 1, got version 2"),
    (Library.stamp(compiler: "gcc"), "'x.so' was built for another compiler: expected \(PluginStamp.compiler), got gcc"),
    (Library.stamp(build: "abd"), "'x.so' was built for another build of Pare: expected abc, got abd"),
  ]) func refusesOtherBuilds(_ stamp: [UInt8], _ message: String) throws {
    let read = try Library(stamp: stamp).file { try PluginStamp(ofFile: $0) }
    let error = try #require(throws: PareError.self) { try read.verify(coreBuild: "abc", file: "x.so") }
    #expect(error.code == .plugin)
    #expect(error.description == message + "; build it again with `pare plugin build`")
  }

  @Test func missingFiles() throws {
    let absent = try #require(throws: PareError.self) { try PluginLoader.load("/nowhere/x.so", registry: Registry()) }
    #expect(absent.code == .notFound)
    let folder = try #require(throws: PareError.self) { try PluginStamp(ofFile: "/tmp") }
    #expect(folder.code == .plugin)
  }
}
