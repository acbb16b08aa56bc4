import PareKit

/// The pruning family.
public enum Pruning {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Prune.self, Finetune.self, Magnitude.self, Taylor.self, Random.self, OneShot.self, Linear.self, Cubic.self,
    UniformAllocation.self, ErdosRenyi.self, L1.self, GroupLasso.self, BatchNormL1.self)
}
