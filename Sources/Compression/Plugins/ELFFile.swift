import Support

/// A shared library as bytes: header, segments and sections, read without trusting any of its numbers.
///
/// It answers one question before `dlopen` sees the file: is this a whole library for this machine, and what does its
/// section of that name hold?
struct ELFFile {
  private let bytes: [UInt8]
  private let file: String
  private(set) var sections: [Section] = []

  struct Section {
    let name: String
    let type: UInt32
    let flags: UInt64
    let range: Range<Int>
  }

  private static let headerSize = 64, segmentSize = 56, sectionSize = 64
  private static let sharedObject: UInt16 = 3
  private static let noBits: UInt32 = 8, programBits: UInt32 = 1
  private static let loaded: UInt32 = 1, dynamic: UInt32 = 2
  private static let compressed: UInt64 = 0x800
  #if arch(x86_64)
  private static let machine: UInt16 = 62
  private static let machineName = "x86-64"
  #elseif arch(arm64)
  private static let machine: UInt16 = 183
  private static let machineName = "aarch64"
  #endif

  /// Reads header, program headers and section headers.
  ///
  /// - Throws: `plugin`, naming the file and what is wrong with it.
  init(_ bytes: [UInt8], file: String) throws {
    self.bytes = bytes
    self.file = file
    guard bytes.count >= Self.headerSize, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
      throw failure("is not an ELF file")
    }
    guard bytes[4] == 2, bytes[5] == 1, bytes[6] == 1 else {
      throw failure("is not a 64-bit little-endian ELF file of version 1")
    }
    let type: UInt16 = try number(at: 16)
    guard type == Self.sharedObject else { throw failure("is not a shared library") }
    let machine: UInt16 = try number(at: 18)
    guard machine == Self.machine else { throw failure("is not for this processor (\(Self.machineName))") }
    guard try number(at: 52) as UInt16 == UInt16(Self.headerSize) else { throw failure("has a header of a wrong size") }
    try checkSegments()
    sections = try readSections()
  }

  /// Returns the bytes of the one section called `name`.
  func contents(of name: String) throws -> ArraySlice<UInt8>? {
    let found = sections.filter { $0.name == name }
    guard found.count <= 1 else { throw failure("has \(found.count) sections called \(name)") }
    guard let section = found.first else { return nil }
    guard section.type == Self.programBits, section.flags & Self.compressed == 0 else {
      throw failure("has a section \(name) that holds no plain data")
    }
    return bytes[section.range]
  }

  private func failure(_ what: String) -> PareError { PareError(.plugin, "'\(file)' \(what)", file: file) }

  /// Every loaded segment must lie in the file: the loader maps them and faults beyond the end.
  private func checkSegments() throws {
    let count = Int(try number(at: 56) as UInt16)
    guard count > 0, try number(at: 54) as UInt16 == UInt16(Self.segmentSize) else {
      throw failure("has no program headers of the right size")
    }
    let table = try range(offset: number(at: 32), size: UInt64(count * Self.segmentSize), "program headers")
    var hasLoaded = false, hasDynamic = false
    for index in 0..<count {
      let start = table.lowerBound + index * Self.segmentSize
      let type: UInt32 = try number(at: start)
      guard type == Self.loaded || type == Self.dynamic else { continue }
      let inFile: UInt64 = try number(at: start + 32), inMemory: UInt64 = try number(at: start + 40)
      _ = try range(offset: number(at: start + 8), size: inFile, "segment \(index)")
      guard inFile <= inMemory else { throw failure("has a segment that is larger in the file than in memory") }
      if type == Self.loaded { hasLoaded = true } else { hasDynamic = true }
    }
    guard hasLoaded, hasDynamic else { throw failure("has nothing to load") }
  }

  private func readSections() throws -> [Section] {
    let count = Int(try number(at: 60) as UInt16), nameIndex = Int(try number(at: 62) as UInt16)
    guard count > 0, try number(at: 58) as UInt16 == UInt16(Self.sectionSize) else {
      throw failure("has no section headers of the right size")
    }
    guard nameIndex < count else { throw failure("has no section names") }
    let table = try range(offset: number(at: 40), size: UInt64(count * Self.sectionSize), "section headers")
    func extent(_ index: Int) throws -> Range<Int> {
      let start = table.lowerBound + index * Self.sectionSize
      if try number(at: start + 4) as UInt32 == Self.noBits { return 0..<0 }
      return try range(offset: number(at: start + 24), size: number(at: start + 32), "section \(index)")
    }
    let names = try extent(nameIndex)
    return try (0..<count).map { index in
      let start = table.lowerBound + index * Self.sectionSize
      let offset = Int(try number(at: start) as UInt32)
      guard offset < names.count || index == 0 else { throw failure("has a section whose name lies outside the names") }
      let text = bytes[names].dropFirst(offset).prefix { $0 != 0 }
      return Section(
        name: String(decoding: text, as: UTF8.self), type: try number(at: start + 4), flags: try number(at: start + 8),
        range: try extent(index))
    }
  }

  private func range(offset: UInt64, size: UInt64, _ what: String) throws -> Range<Int> {
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= UInt64(bytes.count) else { throw failure("is cut off: its \(what) lies beyond its end") }
    return Int(offset)..<Int(end)
  }

  private func number<T: FixedWidthInteger>(at offset: Int) throws -> T {
    guard offset >= 0, offset + MemoryLayout<T>.size <= bytes.count else { throw failure("is cut off") }
    return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
  }
}
