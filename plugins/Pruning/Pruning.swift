import PareKit

/// The pruning family.
public enum Pruning {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Prune.self, Finetune.self, OneShot.self, Linear.self, Cubic.self,
    Activation.self, APoZ.self, BatchNormScale.self, Combined.self, Fisher.self, FPGM.self, GradientNorm.self, LAMP.self,
    Magnitude.self, OptimalBrainSurgeon.self, Random.self, Sensitivity.self, SparseGPT.self, Taylor.self, Wanda.self,
    UniformAllocation.self, ErdosRenyi.self, L1.self, GroupLasso.self, BatchNormL1.self)
}
