import PareKit

/// The distillation family.
public enum Distillation {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(Distill.self, KnowledgeDistillation.self, AttentionTransfer.self, LogitRegression.self)
}
