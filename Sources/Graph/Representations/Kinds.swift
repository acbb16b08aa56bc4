import Support
import Synchronization

/// The representations that files may hold, by kind.
public enum RepresentationKinds {
  private static let kinds = Mutex<[String: any Representation.Type]>(
    Dictionary(uniqueKeysWithValues: builtIn.map { ($0.kind, $0) }))
  private static let builtIn: [any Representation.Type] = [
    DenseRepresentation.self, MaskedRepresentation.self, IntegerRepresentation.self, CSRRepresentation.self,
    BlockRepresentation.self, PatternRepresentation.self,
    CodebookRepresentation.self, BinaryRepresentation.self, TernaryRepresentation.self,
  ]

  /// Adds a kind.
  ///
  /// - Throws: `argument` if the kind is taken by another type.
  public static func register(_ type: any Representation.Type) throws {
    try kinds.withLock { kinds in
      if let other = kinds[type.kind], other != type {
        throw PareError(.argument, "representation '\(type.kind)' is \(other) already, not \(type)")
      }
      kinds[type.kind] = type
    }
  }

  /// All kinds in alphabetical order.
  public static var names: [String] { kinds.withLock { $0.keys.sorted() } }

  /// Reads a representation of the decoder's kind.
  ///
  /// - Throws: `unsupported` for a kind that nobody registered, `format` for what does not fit together.
  public static func decode(_ decoder: RepresentationDecoder) throws -> any Representation {
    guard let type = kinds.withLock({ $0[decoder.kind] }) else {
      throw PareError(.unsupported, "parameter '\(decoder.name)': unknown representation '\(decoder.kind)'",
                      expected: names.joined(separator: ", "))
    }
    var decoder = decoder
    return try type.init(from: &decoder)
  }
}
