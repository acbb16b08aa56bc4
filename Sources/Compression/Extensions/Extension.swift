/// What every extension has in common: a declaration and an initializer from checked arguments.
///
/// Conform to one of the protocols below, which say what kind of extension it is.
public protocol Extension: Sendable {
  /// The kind; derived from the protocol that the type conforms to.
  static var kind: ExtensionKind { get }
  /// Name, summary, reference, parameters.
  static var entry: Entry { get }
  /// Makes the extension from arguments that were checked against `entry`.
  init(_ arguments: Arguments) throws
}
