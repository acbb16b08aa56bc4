import Compression
import LuaBridge
import Support
import Tensor

/// Methods of tensors.
enum TensorMethods {
  // MARK: Operands

  /// A tensor, or a number as a 0-d tensor of the other operand's type.
  static func operand(_ call: Call, _ index: Int, _ dtype: DType) throws -> Tensor {
    if let handle: TensorHandle = call.handle(index) { return handle.value }
    return try Tensor.scalar(call.number(index), dtype)
  }

  static func tensor(_ value: LuaValue, _ what: String) throws -> Tensor {
    if case .object(let object) = value, let handle = try object.object(as: TensorHandle.self) { return handle.value }
    if case .number(let number) = value { return try Tensor.scalar(number) }
    if case .integer(let number) = value { return try Tensor.scalar(Double(number)) }
    throw PareError(.argument, "\(what) returned no tensor", expected: "a tensor", got: value.typeName)
  }

  static func tensors(_ table: LuaTable, in name: String) throws -> [Tensor] {
    try table.list.enumerated().map { index, value in
      guard case .object(let object) = value, let handle = try object.object(as: TensorHandle.self) else {
        throw PareError(.argument, "\(name): item \(index + 1)", expected: "a tensor", got: value.typeName)
      }
      return handle.value
    }
  }

  /// Pushes one element as a Lua number: an integer for integer types, a boolean for bool.
  static func push(element tensor: Tensor, _ lua: LuaCall) throws {
    switch tensor.dtype {
    case .bool: lua.push(try tensor.item() != 0)
    case .i64: lua.push(Int(try tensor.values(as: Int64.self).first ?? 0))
    case let type where type.isInteger: lua.push(Int(try tensor.item()))
    default: lua.push(try tensor.item())
    }
  }

  /// Axes from the option `axis`: one or a list, counted from 1 or from the end.
  static func axes(_ raw: LuaValue?, rank: Int, _ name: String) throws -> [Int]? {
    func position(_ value: LuaValue) throws -> Int {
      switch value {
      case .integer(let index): return try Axis.position(index, rank: rank, in: name)
      case .number(let number):
        if let index = Int(exactly: number) { return try Axis.position(index, rank: rank, in: name) }
      default: break
      }
      throw PareError(.argument, "\(name): axis", argument: "axis", expected: "an integer or a list of integers", got: value.typeName)
    }
    switch raw {
    case nil: return nil
    case .table(let table)?: return try table.list.map(position)
    case let value?: return [try position(value)]
    }
  }

  // MARK: Families of methods

  static func unary(
    _ name: String, _ summary: String, _ operation: @escaping (Tensor) throws -> Tensor
  ) -> Function {
    Function("x:" + name, summary) { call in
      let handle: TensorHandle = try call.receiver()
      return try call.push(operation(handle.value))
    }
  }

  static func comparison(
    _ name: String, _ summary: String, _ operation: @escaping (Tensor, Tensor) throws -> Tensor
  ) -> Function {
    Function("x:" + name, [.tensor("y", doc: "A tensor or a number")], summary) { call in
      let handle: TensorHandle = try call.receiver()
      return try call.push(operation(handle.value, operand(call, 1, handle.value.dtype)))
    }
  }

  static let reductionOptions: [ParameterSpec] = [
    .integer("axis", optional: true, doc: "Axis or list of axes, from 1; all when absent"),
    .boolean("keepdim", default: false, doc: "Keeps reduced axes with size 1"),
  ]

  static func reduction(
    _ name: String, _ summary: String, _ operation: @escaping (Tensor, [Int]?, Bool) throws -> Tensor
  ) -> Function {
    Function("x:" + name, options: reductionOptions, summary, example: "x:\(name){axis=1, keepdim=true}") { call in
      let handle: TensorHandle = try call.receiver()
      let (options, raw) = try call.options(raw: ["axis"])
      let axes = try axes(raw["axis"], rank: handle.value.rank, call.function.name)
      return try call.push(operation(handle.value, axes, options.boolean("keepdim")))
    }
  }

  /// `max` and `min`: the value alone, or along one axis values and 0-based indices.
  private static func extremum(
    _ name: String, _ value: @escaping (Tensor, [Int]?, Bool) throws -> Tensor, _ largest: Bool
  ) -> Function {
    Function(
      "x:" + name, options: reductionOptions, "\(largest ? "Largest" : "Smallest") element; with one axis also its 0-based index",
      example: "values, indices = x:\(name){axis=1}"
    ) { call in
      let x = try call.receiver(TensorHandle.self).value
      let (options, raw) = try call.options(raw: ["axis"])
      let axes = try axes(raw["axis"], rank: x.rank, call.function.name)
      let keep = try options.boolean("keepdim")
      _ = try call.push(value(x, axes, keep))
      guard let axis = axes?.first, axes?.count == 1 else { return 1 }
      _ = try call.push(largest ? x.argmax(axis: axis, keepDims: keep) : x.argmin(axis: axis, keepDims: keep))
      return 2
    }
  }

  // MARK: The methods

  static var all: [Function] {
    elementwise + comparisons + reductions + views + linear + conversion + gradients + elementMath + activations + statistics
      + indexing + structure + normalization + losses + layers + linearAlgebra + order
  }

  private static var elementwise: [Function] {
    [
      unary("abs", "Absolute value") { try $0.abs() }, unary("neg", "Negative") { try $0.neg() },
      unary("sqrt", "Square root") { try $0.sqrt() }, unary("rsqrt", "1 / square root") { try $0.rsqrt() },
      unary("exp", "e to the power") { try $0.exp() }, unary("log", "Natural logarithm") { try $0.log() },
      unary("tanh", "Hyperbolic tangent") { try $0.tanh() }, unary("sigmoid", "1 / (1 + e^-x)") { try $0.sigmoid() },
      unary("relu", "Negative values become 0") { try $0.relu() }, unary("erf", "Error function") { try $0.erf() },
      unary("sign", "-1, 0 or 1") { try $0.sign() }, unary("floor", "Largest integer not above") { try $0.floor() },
      unary("round", "Nearest integer, halves to even") { try $0.round() },
      unary("reciprocal", "1 / x") { try $0.reciprocal() },
      Function("x:pow", [.number("exponent")], "Power", example: "x:pow(2)") { call in
        let x = try call.receiver(TensorHandle.self).value
        if let y: TensorHandle = call.handle(1) { return try call.push(x.pow(y.value)) }
        return try call.push(x.pow(call.number(1)))
      },
      Function("x:clip", [.number("min"), .number("max")], "Limits values to min...max", example: "x:clip(0, 6)") { call in
        try call.push(call.receiver(TensorHandle.self).value.clip(min: call.number(1), max: call.number(2)))
      },
      comparison("maximum", "The larger of two, element by element") { try $0.maximum($1) },
      comparison("minimum", "The smaller of two, element by element") { try $0.minimum($1) },
      Function("x:softmax", [.integer("axis", optional: true)], "Softmax along an axis (default -1)", example: "x:softmax()") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.softmax(axis: Axis.position(call.optionalInteger(1) ?? -1, rank: x.rank, in: "x:softmax")))
      },
      Function("x:log_softmax", [.integer("axis", optional: true)], "Logarithm of the softmax (default axis -1)") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(
          x.logSoftmax(axis: Axis.position(call.optionalInteger(1) ?? -1, rank: x.rank, in: "x:log_softmax")))
      },
    ]
  }

  private static var comparisons: [Function] {
    [
      comparison("eq", "Equal, as bool") { try $0.eq($1) }, comparison("ne", "Not equal, as bool") { try $0.ne($1) },
      comparison("lt", "Less, as bool") { try $0.lt($1) }, comparison("le", "Less or equal, as bool") { try $0.le($1) },
      comparison("gt", "Greater, as bool") { try $0.gt($1) }, comparison("ge", "Greater or equal, as bool") { try $0.ge($1) },
      Function("x:equal", [.tensor("y")], "Whether dtype, shape and every element are equal", example: "x:equal(y)") { call in
        call.lua.push(try same(call.receiver(TensorHandle.self).value, call.tensor(1)))
        return 1
      },
      Function(
        "x:allclose", [.tensor("y"), .number("tolerance", in: 0...Double.infinity, optional: true)],
        "Whether no element differs by more than the tolerance (default 1e-6)", example: "x:allclose(y, 1e-4)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value, y = try call.tensor(1)
        let tolerance = try call.optionalNumber(2) ?? 1e-6
        guard x.shape == y.shape else { call.lua.push(false); return 1 }
        let a = try x.detached().scalars(), b = try y.detached().scalars()
        call.lua.push(zip(a, b).allSatisfy { $0 == $1 || abs($0 - $1) <= tolerance })
        return 1
      },
    ]
  }

  static func same(_ a: Tensor, _ b: Tensor) throws -> Bool {
    guard a.dtype == b.dtype, a.shape == b.shape else { return false }
    guard a.dtype.isFloating else {
      return try a.withBytes { first in try b.withBytes { second in first.elementsEqual(second) } }
    }
    // By value: 0 and -0 are equal, NaN is not.
    return try a.detached().eq(b.detached()).all().item() != 0
  }

  private static var reductions: [Function] {
    [
      reduction("sum", "Sum") { try $0.sum(axes: $1, keepDims: $2) },
      reduction("mean", "Mean") { try $0.mean(axes: $1, keepDims: $2) },
      reduction("any", "Whether any element is not 0, as bool") { try truth($0).any(axes: $1, keepDims: $2) },
      reduction("all", "Whether every element is not 0, as bool") { try truth($0).all(axes: $1, keepDims: $2) },
      extremum("max", { try $0.max(axes: $1, keepDims: $2) }, true),
      extremum("min", { try $0.min(axes: $1, keepDims: $2) }, false),
      Function(
        "x:var", options: reductionOptions + [.boolean("unbiased", default: true, doc: "Divides by n - 1")], "Variance",
        example: "x:var{axis=1}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let (options, raw) = try call.options(raw: ["axis"])
        return try call.push(
          x.variance(
            axes: axes(raw["axis"], rank: x.rank, "x:var"), unbiased: options.boolean("unbiased"),
            keepDims: options.boolean("keepdim")))
      },
    ]
  }

  static func truth(_ x: Tensor) throws -> Tensor { x.dtype == .bool ? x : try x.ne(0) }

  private static var views: [Function] {
    [
      Function("x:reshape", [.list("shape")], "The same elements in another shape; one size may be -1", example: "x:reshape{4, -1}") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.reshaped(call.integers(1)))
      },
      Function("x:flatten", "The same elements in one axis") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.reshaped(Shape([x.count])))
      },
      Function("x:transpose", [.integer("a"), .integer("b")], "Two axes exchanged", example: "x:transpose(1, 2)") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.transposed(call.axis(1, rank: x.rank), call.axis(2, rank: x.rank)))
      },
      Function("x:t", "The transpose of a matrix", example: "x:matmul(x:t())") { call in
        let x = try call.receiver(TensorHandle.self).value
        guard x.rank == 2 else {
          throw PareError(.shape, "x:t", expected: "a matrix (2 axes)", got: "shape \(x.shape)", suggestion: "use x:transpose(a, b)")
        }
        return try call.push(x.transposed(0, 1))
      },
      Function("x:permute", [.list("axes")], "All axes in a new order", example: "x:permute{3, 1, 2}") { call in
        let x = try call.receiver(TensorHandle.self).value
        let axes = try call.integers(1).map { try Axis.position($0, rank: x.rank, in: "x:permute") }
        guard axes.sorted() == Array(0..<x.rank) else {
          throw call.refused(1, expected: "every axis from 1 to \(x.rank) once")
        }
        return try call.push(x.permuted(axes))
      },
      Function(
        "x:slice", [.integer("axis"), .integer("first"), .integer("last")], "Positions first to last along an axis, both included",
        example: "x:slice(1, 2, 3)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let axis = try call.axis(1, rank: x.rank)
        let first = try Axis.position(call.integer(2), rank: x.shape[axis], in: "x:slice", what: "first")
        let last = try Axis.position(call.integer(3), rank: x.shape[axis], in: "x:slice", what: "last")
        guard first <= last else {
          throw PareError(.argument, "x:slice: first is behind last", argument: "first", got: "\(first + 1) and \(last + 1)")
        }
        return try call.push(x.slice(axis: axis, from: first, to: last + 1))
      },
      Function("x:squeeze", [.integer("axis")], "Without an axis of size 1", example: "x:squeeze(1)") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.squeezed(call.axis(1, rank: x.rank)))
      },
      Function("x:unsqueeze", [.integer("axis")], "With a new axis of size 1 at that place", example: "x:unsqueeze(1)") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.unsqueezed(call.axis(1, rank: x.rank + 1)))
      },
      Function("x:expand", [.list("shape")], "Axes of size 1 repeated, without copying", example: "x:expand{3, 4}") { call in
        try call.push(call.receiver(TensorHandle.self).value.expanded(to: call.shape(1)))
      },
      Function(
        "x:index", [.integer("axis"), .tensor("indices")], "Elements along an axis at 0-based indices",
        example: "x:index(1, tensor({2, 0}, {dtype=\"i64\"}))"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.gather(axis: call.axis(1, rank: x.rank), indices: indices(call, 2)))
      },
    ]
  }

  /// Positions as i64; floats of integral value are taken.
  static func indices(_ call: Call, _ index: Int) throws -> Tensor { try whole(call.tensor(index), "\(call.function.name): indices") }

  static func whole(_ numbers: Tensor, _ what: String) throws -> Tensor {
    if numbers.dtype.isFloating {
      guard try numbers.detached().scalars().allSatisfy({ Int(exactly: $0) != nil }) else {
        throw PareError(.dtype, what, argument: "indices", expected: "integers", got: "\(numbers.dtype) with fractions")
      }
    }
    return try numbers.detached().converted(to: .i64)
  }

  private static var linear: [Function] {
    [
      Function("x:matmul", [.tensor("y")], "Matrix product; leading axes are batches", example: "x:matmul(w:t())") { call in
        try call.push(call.receiver(TensorHandle.self).value.matmul(call.tensor(1)))
      },
      Function("x:dot", [.tensor("y")], "Sum of the products of two vectors") { call in
        try call.push(call.receiver(TensorHandle.self).value.dot(call.tensor(1)))
      },
      Function("x:outer", [.tensor("y")], "All products of two vectors, as a matrix", example: "tensor{1, 2}:outer(tensor{3, 4})") { call in
        try call.push(call.receiver(TensorHandle.self).value.outer(call.tensor(1)))
      },
      Function("x:kron", [.tensor("y")], "Kronecker product") { call in
        try call.push(call.receiver(TensorHandle.self).value.kron(call.tensor(1)))
      },
    ]
  }

  private static var conversion: [Function] {
    [
      Function("x:to", [TensorConstructors.requiredType], "The same values in another element type", example: "x:to(\"f16\")") { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.converted(to: TensorConstructors.type(call.string(1), in: "x:to")))
      },
      Function("x:item", "The one element as a Lua number", example: "x:sum():item()") { call in
        let x = try call.receiver(TensorHandle.self).value
        guard x.count == 1 else {
          throw PareError(.shape, "x:item", expected: "one element", got: "shape \(x.shape)")
        }
        try push(element: x, call.lua)
        return 1
      },
      Function("x:totable", "The elements as nested Lua tables", example: "x:totable()[2][1]") { call in
        let x = try call.receiver(TensorHandle.self).value
        guard x.rank > 0 else { try push(element: x, call.lua); return 1 }
        let lua = call.lua
        if x.dtype.isInteger {
          try lua.push(nested: x.values(as: Int64.self)[...], shape: x.shape.dimensions) { lua.push(Int($0)) }
        } else {
          try lua.push(nested: x.scalars()[...], shape: x.shape.dimensions) { lua.push($0) }
        }
        return 1
      },
    ]
  }

  private static var gradients: [Function] {
    [
      Function("x:requires_grad", "A tracked leaf with these values, whose grad a backward pass fills", example: "w = x:requires_grad()") { call in
        let x = try call.receiver(TensorHandle.self).value
        guard x.dtype.isFloating else {
          throw PareError(.dtype, "x:requires_grad", expected: "f32, f64, f16 or bf16", got: x.dtype.name)
        }
        let handle = TensorHandle(x.detached().tracked())
        call.environment.leaves.add(handle)
        try call.lua.push(object: handle, bytes: x.byteCount)
        return 1
      },
      Function("x:detach", "The same values without their history") { call in
        try call.push(call.receiver(TensorHandle.self).value.detached())
      },
      Function(
        "x:backward", [.tensor("seed", optional: true)],
        options: [.boolean("create_graph", default: false, doc: "Records the pass, so that gradients can be differentiated again")],
        "Computes the gradients of this value and fills the leaves' grad", example: "loss:backward(); print(w.grad)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        // `x:backward{create_graph=true}` has no seed.
        let isSeeded = !call.isNone(1) && !call.isOptions(1)
        let options = try call.isOptions(1) ? call.options(at: 1) : call.options()
        let seed = isSeeded ? try call.tensor(1) : nil
        call.environment.leaves.fill(try x.backward(seed: seed, createGraph: options.boolean("create_graph")))
        return 0
      },
    ]
  }
}
