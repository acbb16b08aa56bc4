import PareKit

/// The search family.
public enum Search {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(LayerSearch.self, RandomSearch.self, Evolution.self, GradientNorm.self, SynFlow.self)
}
