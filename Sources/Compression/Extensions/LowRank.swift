import Graph

/// Which factors replace this layer?
public protocol Decomposition: Extension {
  /// The statistics that `factor` and `spectrum` read.
  var needs: Statistics { get }
  /// The singular values (or what the decomposition has instead), descending, from which a rank is chosen.
  func spectrum(_ layer: LayerView) throws -> [Double]
  /// Returns the layers that take the place of `layer`, from its input to its output; bias included.
  func factor(_ layer: LayerView, rank: Int) throws -> Module
}

extension Decomposition {
  public static var kind: ExtensionKind { .decomposition }
  /// Nothing but the weights by default.
  public var needs: Statistics { [] }
}

/// How many components?
public protocol RankSelector: Extension {
  /// Returns a rank in 1...spectrum.count.
  ///
  /// - Parameter spectrum: descending.
  func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int
}

extension RankSelector {
  public static var kind: ExtensionKind { .rank }
}
