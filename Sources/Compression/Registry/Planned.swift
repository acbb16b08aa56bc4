/// Published methods that people ask for by name and that are not there yet: they are refused as such, not as typos. A
/// name leaves this list when its entry comes.
enum Planned {
  static let names: [ExtensionKind: Set<String>] = [
    .criterion: [
      "snip", "grasp", "synflow", "obd", "hrank", "thinet", "lasso_channel", "movement", "group_fisher",
      "obdc", "chip", "resrep", "dsnot", "l0",
    ],
    .schedule: [
      "iterative", "exponential", "cosine", "rewind", "rigl", "set", "surgery", "ac_dc", "soft", "group_lasso", "growing_reg",
    ],
    .quantizer: ["power_of_two", "codebook", "log", "apot", "nf4", "ternary", "binary"],
    .observer: ["aciq"],
    .algorithm: [
      "bn_reestimation", "smoothquant", "brecq", "qdrop", "lapq", "awq", "hqq", "autoround",
    ],
    .loss: [
      "hint", "fsp", "crd", "pkt", "vid", "nst", "correlation", "ab", "ft", "ofd", "review",
      "cwd", "mgd", "wsld", "transformer_attention", "hidden_states", "minilm",
    ],
    .decomposition: [
      "svd_channel", "svd_spatial", "tucker2", "cp", "tensor_train", "weighted_svd", "depthwise_separable",
    ],
    .rank: ["vbmf", "budget"],
    .strategy: ["grid", "greedy", "annealing", "nsga2", "tpe", "ddpg"],
    .proxy: ["naswot", "zen"],
    .allocation: ["uniform_plus", "measured", "hawq"],
  ]
}
