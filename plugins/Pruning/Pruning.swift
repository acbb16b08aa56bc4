import PareKit

/// The pruning family.
public enum Pruning {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Prune.self, Finetune.self, Magnitude.self, Random.self, OneShot.self, Linear.self, Cubic.self)
}
