import Compression
import LuaBridge
import Support
import Tensor

/// Reductions, order and counts.
extension TensorMethods {
  private static func position(
    _ name: String, _ first: @escaping (Tensor, Int, Bool) throws -> Tensor, _ last: @escaping (Tensor, Int, Bool) throws -> Tensor
  ) -> Function {
    let what = name == "argmax" ? "largest" : "smallest"
    return Function(
      "x:" + name,
      options: reductionOptions + [.boolean("select_last_index", default: false, doc: "Of equal elements the last instead of the first")],
      "0-based position of the \(what) element, along an axis (default -1)", example: "x:\(name){axis=1}"
    ) { call in
      let x = try call.receiver(TensorHandle.self).value
      let (options, raw) = try call.options(raw: ["axis"])
      guard let given = try axes(raw["axis"] ?? .integer(-1), rank: x.rank, call.function.name), given.count == 1 else {
        throw PareError(.argument, "\(call.function.name): axis", argument: "axis", expected: "one axis")
      }
      let keep = try options.boolean("keepdim")
      return try call.push(options.boolean("select_last_index") ? last(x, given[0], keep) : first(x, given[0], keep))
    }
  }

  private static func running(_ name: String, _ summary: String, _ operation: @escaping (Tensor, Int, Bool, Bool) throws -> Tensor) -> Function {
    Function(
      "x:" + name, [.integer("axis")],
      options: [
        .boolean("exclusive", default: false, doc: "Each position without its own element"),
        .boolean("reverse", default: false, doc: "From the end"),
      ], summary, example: "x:\(name)(1, {reverse=true})"
    ) { call in
      let x = try call.receiver(TensorHandle.self).value
      let options = try call.options()
      return try call.push(operation(x, call.axis(1, rank: x.rank), options.boolean("exclusive"), options.boolean("reverse")))
    }
  }

  static var statistics: [Function] {
    [
      Function(
        "x:std", options: reductionOptions + [.boolean("unbiased", default: true, doc: "Divides by n - 1")], "Standard deviation",
        example: "x:std{axis=1}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let (options, raw) = try call.options(raw: ["axis"])
        return try call.push(
          x.std(
            axes: axes(raw["axis"], rank: x.rank, "x:std"), unbiased: options.boolean("unbiased"), keepDims: options.boolean("keepdim")))
      },
      reduction("prod", "Product") { try $0.prod(axes: $1, keepDims: $2) },
      reduction("logsumexp", "Logarithm of the sum of e^x") { try $0.logSumExp(axes: $1, keepDims: $2) },
      Function(
        "x:norm", [.number("p", optional: true)],
        options: [.number("p", default: 2, doc: "From 0; 1/0 and -1/0 give the largest and smallest magnitude")] + reductionOptions,
        "The p-norm", example: "x:norm{p=1, axis=2}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let (options, raw) = try call.options(raw: ["axis"], at: call.isOptions(1) ? 1 : 2)
        let p = try call.isOptions(1) ? options.number("p") : call.optionalNumber(1) ?? options.number("p")
        return try call.push(x.norm(p, axes: axes(raw["axis"], rank: x.rank, "x:norm"), keepDims: options.boolean("keepdim")))
      },
      position("argmax", { try $0.argmax(axis: $1, keepDims: $2) }, { try $0.lastArgmax(axis: $1, keepDims: $2) }),
      position("argmin", { try $0.argmin(axis: $1, keepDims: $2) }, { try $0.lastArgmin(axis: $1, keepDims: $2) }),
      Function(
        "x:median", options: reductionOptions, "Middle element, the lower of two; with an axis also its 0-based index",
        example: "values, indices = x:median{axis=1}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let (options, raw) = try call.options(raw: ["axis"])
        guard let given = try axes(raw["axis"], rank: x.rank, "x:median") else { return try call.push(x.median()) }
        guard given.count == 1 else { throw PareError(.argument, "x:median: axis", argument: "axis", expected: "one axis") }
        let (values, indices) = try x.median(axis: given[0], keepDims: options.boolean("keepdim"))
        return try call.push(values) + call.push(indices)
      },
      running("cumsum", "Running sums along an axis") { try $0.cumsum(axis: $1, exclusive: $2, reverse: $3) },
      running("cumprod", "Running products along an axis") { try $0.cumprod(axis: $1, exclusive: $2, reverse: $3) },
      Function(
        "x:histogram",
        options: [
          .integer("bins", default: 10, in: 1...), .number("min", optional: true, doc: "Default: the smallest element"),
          .number("max", optional: true, doc: "Default: the largest element"),
        ], "How many elements fall into each of equal parts, and the parts' edges", example: "counts, edges = x:histogram{bins=20}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        let (low, high) = try (options.optionalNumber("min"), options.optionalNumber("max"))
        let bins = try options.integer("bins")
        var range: ClosedRange<Double>?
        if low != nil || high != nil {
          let lower = try low ?? x.detached().converted(to: .f64).min().item()
          let upper = try high ?? x.detached().converted(to: .f64).max().item()
          guard lower < upper else {
            throw PareError(.argument, "x:histogram: min and max", argument: "min", expected: "min below max", got: "\(lower) and \(upper)")
          }
          range = lower...upper
        }
        let (counts, edges) = try x.histogram(bins: bins, range: range)
        return try call.push(counts) + call.push(edges)
      },
      Function(
        "x:unique", "Different elements in order, for each element the 0-based position of its value there, and counts",
        example: "values, inverse, counts = x:unique()"
      ) { call in
        let (values, inverse, counts) = try call.receiver(TensorHandle.self).value.uniqueWithInverse()
        return try call.push(values) + call.push(inverse) + call.push(counts)
      },
      Function(
        "x:bincount", options: [.integer("minimum", default: 0, in: 0..., doc: "Least size of the result"), .tensor("weights", optional: true)],
        "How often each of 0, 1, ... comes", example: "labels:bincount{minimum=10}"
      ) { call in
        let x = try whole(call.receiver(TensorHandle.self).value, "x:bincount")
        let options = try call.options()
        return try call.push(x.bincount(minimum: options.integer("minimum"), weights: options.optionalTensor("weights")))
      },
      Function(
        "x:one_hot", [.integer("classes", in: 0..., optional: true)], options: [TensorConstructors.dtype],
        "A row of zeros with a one for each 0-based index (default: as many classes as needed)", example: "labels:one_hot(10)"
      ) { call in
        let x = try whole(call.receiver(TensorHandle.self).value, "x:one_hot")
        let largest = try x.count == 0 ? -1 : x.max().item()
        // Beyond 2^53 a number is not told from its neighbour; no tensor has as many classes.
        guard let most = Int(exactly: largest), most < 1 << 53 else {
          throw PareError(.argument, "x:one_hot: an index of \(largest)", expected: "indices below 2^53")
        }
        let classes = try call.optionalInteger(1) ?? most + 1
        return try call.push(x.oneHot(classes: classes, dtype: TensorConstructors.type(call.options(), call)))
      },
    ]
  }
}
