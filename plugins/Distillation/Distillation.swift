import PareKit

/// The distillation family.
public enum Distillation {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Distill.self, AttentionTransfer.self, CorrelationDistillation.self, DecoupledKnowledge.self, KnowledgeDistillation.self,
    LogitRegression.self, RelationalKnowledge.self, SimilarityPreserving.self)
}
