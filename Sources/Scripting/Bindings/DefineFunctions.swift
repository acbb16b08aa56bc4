import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// The declarations of `define.*`.
enum DefineFunctions {
  static var all: [Function] {
    [
      Defined.function(
        .criterion, [.init(name: "score", signature: "function(layer, p) return tensor end")], needs: true,
        example: "define.criterion{ name=\"mine\", score=function(layer, p) return layer.weight:abs() end }"
      ) { try ScriptedCriterion($0, $1) },
      Defined.function(
        .schedule, [.init(name: "value", signature: "function(step, total, p) return fraction end")],
        example: "define.schedule{ name=\"late\", value=function(step, total, p) return step < total and 0 or 1 end }"
      ) { try ScriptedSchedule($0, $1) },
      Defined.function(
        .quantizer,
        [
          .init(name: "quantize", signature: "function(w, p) return q, scale, zero end"),
          .init(name: "dequantize", isOptional: true, signature: "function(q, scale, zero, p) return w end"),
        ], example: "define.quantizer{ name=\"mine\", quantize=function(w, p) return q, scale, zero end }"
      ) { try ScriptedQuantizer($0, $1) },
      Defined.function(
        .observer,
        [
          .init(name: "start", signature: "function(p) return state end"),
          .init(name: "update", signature: "function(state, x) return state end"),
          .init(name: "range", signature: "function(state) return lo, hi end"),
        ], example: "define.observer{ name=\"mine\", start=..., update=..., range=... }"
      ) { try ScriptedObserver($0, $1) },
      Defined.function(
        .loss, [.init(name: "value", signature: "function(student, teacher, labels, p) return loss end")], needs: true,
        example: "define.loss{ name=\"l2\", value=function(student, teacher) local d = student.logits - teacher.logits; return (d * d):mean() end }"
      ) { try ScriptedLoss($0, $1) },
      Defined.function(
        .decomposition,
        [
          .init(name: "factor", signature: "function(layer, rank, p) return module end"),
          .init(name: "spectrum", isOptional: true, signature: "function(layer, p) return values end"),
        ], needs: true, example: "define.decomposition{ name=\"mine\", factor=function(layer, rank, p) return module end }"
      ) { try ScriptedDecomposition($0, $1) },
      Defined.function(
        .rank, [.init(name: "choose", signature: "function(layer, spectrum, p) return rank end")],
        example: "define.rank{ name=\"half\", choose=function(layer, spectrum, p) return #spectrum // 2 end }"
      ) { try ScriptedRank($0, $1) },
      Defined.function(
        .strategy,
        [
          .init(name: "start", signature: "function(space, rng, p) return state end"),
          .init(name: "ask", signature: "function(state) return candidate, state end"),
          .init(name: "tell", signature: "function(state, candidate, values) return state end"),
        ], example: "define.strategy{ name=\"mine\", start=..., ask=..., tell=... }"
      ) { try ScriptedStrategy($0, $1) },
      Defined.function(
        .dataset, [.init(name: "open", signature: "function(p) return {train=, validation=, test=} end")],
        example: "define.dataset{ name=\"mine\", open=function(p) return {train=..., validation=..., test=...} end }"
      ) { try ScriptedDataset($0, $1) },
      Defined.function(
        .metric, [.init(name: "value", signature: "function(outputs, labels) return number end")],
        example: "define.metric{ name=\"mine\", value=function(outputs, labels) return 1 end }"
      ) { try ScriptedMetric($0, $1) },
      Defined.function(
        .method,
        [
          .init(name: "apply", signature: "function(m, context, p) return m end")
        ], needs: true, callbacks: true,
        example: "define.method{ name=\"halve\", apply=function(m, context, p) return m:with{[\"fc.weight\"]=m.parameters[\"fc.weight\"] / 2} end }"
      ) { try ScriptedMethod($0, $1) },
    ]
      + [ExtensionKind.algorithm, .allocation, .regularizer, .proxy, .representation, .operator].map { kind in
        Function("define." + kind.rawValue, variadic: true, "Swift only") { _ in
          throw PareError(
            .unsupported, "define.\(kind) is not there: this kind is written in Swift", argument: kind.rawValue,
            suggestion: "plugin.load(\"my_\(kind).swift\")")
        }
      }
  }
}
