/// The seams of Pare: what a plugin, in Swift or in Lua, can add to.
public enum ExtensionKind: String, CaseIterable, Sendable, Comparable, CustomStringConvertible {
  /// Turns a model into another.
  case method
  /// How important is each weight or group?
  case criterion
  /// How much, at which step?
  case schedule
  /// Which grid, which rounding?
  case quantizer
  /// How the rounded weights of a layer are found (Swift only).
  case algorithm
  /// Which range, from calibration data?
  case observer
  /// How much for which layer (Swift only)?
  case allocation
  /// How far is the student from the teacher?
  case loss
  /// What is added to the loss while training (Swift only)?
  case regularizer
  /// Which factors replace this layer?
  case decomposition
  /// How many components?
  case rank
  /// Which candidate next?
  case strategy
  /// What does a candidate look like before it is trained (Swift only)?
  case proxy
  /// How good is a model on a split?
  case metric
  /// Where do samples come from?
  case dataset
  /// How is a parameter stored (Swift only)?
  case representation
  /// What does a graph node compute (Swift only)?
  case `operator`

  public var description: String { rawValue }

  /// In the order of their names.
  public static func < (a: ExtensionKind, b: ExtensionKind) -> Bool { a.rawValue < b.rawValue }
}
