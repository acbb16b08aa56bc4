import PareKit

/// The quantization family.
public enum Quantization {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(
    Quantize.self, Cluster.self, Ternarize.self, Binarize.self, Uniform.self,
    AdaRound.self, BiasCorrection.self, Equalization.self, GPTQ.self, Nearest.self, Stochastic.self,
    Entropy.self, MeanSquaredError.self, MinMax.self, MovingAverage.self, Percentile.self)
}
