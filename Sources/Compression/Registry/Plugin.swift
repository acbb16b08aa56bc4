import Graph
import Support

/// What a plugin file offers: `let plugin = Plugin(MyCriterion.self, MySchedule.self)`.
///
/// Kinds may be mixed; each type's kind follows from the protocol that it conforms to.
public struct Plugin: Sendable {
  /// The types of the extensions, in the order given.
  public let types: [any Extension.Type]

  /// A plugin of these types; `register` adds them to a registry.
  public init(_ types: any Extension.Type...) { self.types = types }

  /// Adds the entries to `registry`, all or none.
  ///
  /// - Parameter family: the family of entries that name none themselves.
  public func register(in registry: Registry = .shared, family: String? = nil, origin: Registration.Origin) throws {
    try registry.register(types.map { Registration($0, family: family, origin: origin) })
    for type in types {
      if let provider = type as? any RepresentationProvider.Type {
        try RepresentationKinds.register(provider.representation)
      }
      if let provider = type as? any OperatorProvider.Type { try OperatorRegistry.register(provider.operator) }
    }
  }
}
