import Compression
import Distillation
import LowRank
import Pruning
import Quantization
import Search

/// The built-in families: the only place of the program that names them.
enum BuiltIns {
  static func register() throws {
    for (family, plugin) in [
      ("pruning", Pruning.plugin), ("quantization", Quantization.plugin), ("distillation", Distillation.plugin),
      ("lowrank", LowRank.plugin), ("search", Search.plugin),
    ] {
      try plugin.register(in: .shared, family: family, origin: .builtIn)
    }
  }
}
