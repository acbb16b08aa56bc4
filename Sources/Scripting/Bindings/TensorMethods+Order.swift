import Compression
import LuaBridge
import Support
import Tensor

extension TensorMethods {
  /// Sorting, selection, quantiles and clustering. Positions in results count from 0.
  static var order: [Function] {
    [
      Function(
        "x:sort", options: [axisOption, .boolean("descending", default: false)],
        "The elements in order along an axis, NaN last, and their 0-based indices", example: "values, indices = x:sort{axis=1}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        let axis = try Axis.position(options.integer("axis"), rank: x.rank, in: "x:sort")
        let (values, indices) = try x.sortedWithIndices(axis: axis, descending: options.boolean("descending"))
        return try call.push(values) + call.push(indices)
      },
      Function(
        "x:sorted", options: [axisOption, .boolean("descending", default: false)],
        "The elements in order along an axis, without indices", example: "x:sorted{descending=true}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        return try call.push(
          x.sorted(axis: Axis.position(options.integer("axis"), rank: x.rank, in: "x:sorted"), descending: options.boolean("descending")))
      },
      Function(
        "x:argsort", options: [axisOption, .boolean("descending", default: false)],
        "The 0-based indices that sort along an axis; equal elements keep their order", example: "x:argsort()"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        return try call.push(
          x.argsort(axis: Axis.position(options.integer("axis"), rank: x.rank, in: "x:argsort"), descending: options.boolean("descending")))
      },
      Function(
        "x:topk", [.integer("k", in: 0...)], options: [axisOption, .boolean("largest", default: true)],
        "The k largest elements along an axis, in order, and their 0-based indices", example: "values, indices = x:topk(5)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        let axis = try Axis.position(options.integer("axis"), rank: x.rank, in: "x:topk")
        guard try call.integer(1) <= x.shape[axis] else {
          throw PareError(
            .argument, "x:topk: argument 1 'k'", argument: "k", expected: "at most the axis' \(x.shape[axis]) elements",
            got: "\(try call.integer(1))")
        }
        let (values, indices) = try x.topk(call.integer(1), axis: axis, largest: options.boolean("largest"))
        return try call.push(values) + call.push(indices)
      },
      Function(
        "x:kthvalue", [.integer("k", in: 1...)], options: [axisOption],
        "The k-th smallest element along an axis, k from 1, and its 0-based index", example: "value, index = x:kthvalue(2)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let axis = try Axis.position(call.options().integer("axis"), rank: x.rank, in: "x:kthvalue")
        let (value, index) = try x.kthValue(call.integer(1), axis: axis)
        return try call.push(value) + call.push(index)
      },
      Function(
        "x:quantile", [.number("q", in: 0...1)],
        options: [.integer("axis", optional: true, doc: "Along one axis; all elements when absent")],
        "The q-quantile, linearly interpolated; a list of q gives one for each", example: "x:quantile(0.9)  x:quantile{0.25, 0.75}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        var list: [Double]?
        if case .table(let table) = call.value(1) { list = try table.list.map { try fraction($0) } }
        let q = try list ?? [call.number(1)]
        let axis = try call.options().optionalInteger("axis").map { try Axis.position($0, rank: x.rank, in: "x:quantile") }
        let result = try axis.map { try x.quantile(q, axis: $0) } ?? x.quantile(q)
        return try call.push(list == nil ? result.squeezed(0) : result)
      },
      Function(
        "x:kmeans", [.integer("k", in: 1...)],
        options: [
          .choice("start", among: ["k-means++", "linear", "density", "random"], default: "k-means++"),
          .integer("iterations", default: 100, in: 0..., doc: "Most rounds"), .integer("seed", default: 0, in: 0...),
        ],
        "Groups points [n] or [n, d] by Lloyd's algorithm: centroids, 0-based assignment, sum of squared distances",
        example: "centroids, assignment, inertia = x:kmeans(16, {seed=1})"
      ) { call in
        let options = try call.options()
        let start = KMeansStart(rawValue: try options.string("start")) ?? .plusPlus
        let result = try call.receiver(TensorHandle.self).value.kMeans(
          call.integer(1), start: start, iterations: options.integer("iterations"), seed: UInt64(options.integer("seed")))
        return try call.push(result.centroids) + call.push(result.assignment) + call.push(LuaValue.number(result.inertia))
      },
    ]
  }

  private static let axisOption = ParameterSpec.integer("axis", default: -1, doc: "Axis, from 1 or -1 at the end")

  private static func fraction(_ value: LuaValue) throws -> Double {
    switch value {
    case .number(let number): return number
    case .integer(let number): return Double(number)
    default: throw PareError(.argument, "x:quantile: q", argument: "q", expected: "a number or a list of numbers", got: value.typeName)
    }
  }
}
