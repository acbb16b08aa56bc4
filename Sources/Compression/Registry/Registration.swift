/// One entry of the registry: its declaration, where it comes from, and how instances are made.
public struct Registration: Sendable {
  /// Where an entry comes from.
  public enum Origin: Sendable, Hashable, CustomStringConvertible {
    /// Linked into the program; cannot be redefined.
    case builtIn
    /// A plugin file, by path.
    case file(String)
    /// A script, with the place of the definition.
    case script(String)

    public var description: String {
      switch self {
      case .builtIn: "built-in"
      case .file(let path): path
      case .script(let place): "script " + place
      }
    }
  }

  /// Which seam it adds to.
  public var kind: ExtensionKind
  /// Its declaration.
  public var entry: Entry
  /// Where it comes from.
  public var origin: Origin
  /// Makes an instance from checked arguments.
  public var make: @Sendable (Arguments) throws -> any Extension

  /// A registration with a function of its own in place of a Swift type's initializer.
  public init(
    kind: ExtensionKind, entry: Entry, origin: Origin, make: @escaping @Sendable (Arguments) throws -> any Extension
  ) {
    self.kind = kind
    self.entry = entry
    self.origin = origin
    self.make = make
  }

  /// The registration of a Swift type.
  public init(_ type: any Extension.Type, family: String? = nil, origin: Origin) {
    var entry = type.entry
    entry.family = entry.family ?? family
    self.init(kind: type.kind, entry: entry, origin: origin) { try type.init($0) }
  }

  /// The name that recipes and scripts use.
  public var name: String { entry.name }
  /// The family that the declaration names, if any.
  public var family: String? { entry.family }
}
