import PareKit

/// The quantization family.
public enum Quantization {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Quantize.self, Cluster.self, Ternarize.self, Binarize.self, Uniform.self, Nearest.self, MinMax.self, Percentile.self)
}
