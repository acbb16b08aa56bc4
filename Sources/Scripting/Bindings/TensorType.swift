import LuaBridge
import Support
import Tensor

/// How tensors act in Lua: indexing, arithmetic, comparison, text.
enum TensorType {
  static func register(in environment: ScriptEnvironment) throws {
    var type = LuaType<TensorHandle>("tensor")
    type.methods = environment.declare(TensorMethods.all)
    type.properties = [
      ("shape", { handle, call in
        let shape = handle.value.shape
        try call.push(.table(Conversion.list(shape, call.state) { .integer($0) }))
        return 1
      }),
      ("dtype", { handle, call in call.push(handle.value.dtype.name); return 1 }),
      ("grad", { handle, call in
        guard let gradient = handle.gradient else { try call.push(.null); return 1 }
        try call.push(object: TensorHandle(gradient), bytes: gradient.byteCount)
        return 1
      }),
    ]
    type.index = { handle, call in
      guard let selected = try select(handle.value, call) else { return nil }
      if selected.isElement { try TensorMethods.push(element: selected.tensor, call) } else {
        try call.push(object: TensorHandle(selected.tensor), bytes: selected.tensor.byteCount)
      }
      return 1
    }
    type.metamethods = arithmetic + [
      ("__newindex", assign), ("__unm", { call in try push(operand(call, 1).tensor?.neg() ?? Tensor.scalar(0), call) }),
      ("__lt", { call in call.push(try number(call, 1, "<") < number(call, 2, "<")); return 1 }),
      ("__le", { call in call.push(try number(call, 1, "<=") <= number(call, 2, "<=")); return 1 }),
      ("__eq", { call in
        guard let a: TensorHandle = call.object(1), let b: TensorHandle = call.object(2) else { call.push(false); return 1 }
        call.push(try TensorMethods.same(a.value, b.value))
        return 1
      }),
      ("__len", { call in
        let tensor = try receiver(call)
        guard let length = tensor.shape.first else { throw PareError(.shape, "#x: a tensor without axes has no length") }
        call.push(length)
        return 1
      }),
      ("__concat", { call in call.push(try text(call, 1) + text(call, 2)); return 1 }),
      ("__tostring", { call in call.push(try text(of: receiver(call))); return 1 }),
    ]
    try environment.state.register(type)
  }

  private static func receiver(_ call: LuaCall) throws -> Tensor {
    guard let handle: TensorHandle = call.object(1) else {
      throw PareError(.argument, "not a tensor, or closed", got: call.typeName(1))
    }
    return handle.value
  }

  private static func push(_ tensor: Tensor, _ call: LuaCall) throws -> Int {
    try call.push(object: TensorHandle(tensor), bytes: tensor.byteCount)
    return 1
  }

  // MARK: Arithmetic

  private static func operand(_ call: LuaCall, _ index: Int) throws -> (tensor: Tensor?, number: Double) {
    if let handle: TensorHandle = call.object(index) { return (handle.value, 0) }
    if let number = call.number(index) { return (nil, number) }
    throw PareError(.argument, "arithmetic on a tensor", expected: "a tensor or a number", got: call.brief(index))
  }

  private static func binary(
    _ both: @escaping (Tensor, Tensor) throws -> Tensor, _ right: @escaping (Tensor, Double) throws -> Tensor,
    _ left: @escaping (Double, Tensor) throws -> Tensor
  ) -> LuaBody {
    { call in
      let a = try operand(call, 1), b = try operand(call, 2)
      switch (a.tensor, b.tensor) {
      case (let x?, let y?): return try push(both(x, y), call)
      case (let x?, nil): return try push(right(x, b.number), call)
      case (nil, let y?): return try push(left(a.number, y), call)
      case (nil, nil): throw PareError(.argument, "arithmetic on a tensor", expected: "a tensor", got: call.brief(1))
      }
    }
  }

  private static var arithmetic: [(name: String, body: LuaBody)] {
    [
      ("__add", binary({ try $0 + $1 }, { try $0 + $1 }, { try $0 + $1 })),
      ("__sub", binary({ try $0 - $1 }, { try $0 - $1 }, { try $0 - $1 })),
      ("__mul", binary({ try $0 * $1 }, { try $0 * $1 }, { try $0 * $1 })),
      ("__div", binary({ try $0 / $1 }, { try $0 / $1 }, { try $0 / $1 })),
      // Rounded down and with the divisor's sign, as Lua has them; `/` rounds integers toward 0.
      ("__idiv", binary(
        { $0.dtype.isInteger ? try $0.floorDivide($1) : try ($0 / $1).floor() },
        { $0.dtype.isInteger ? try $0.floorDivide($1) : try ($0 / $1).floor() },
        { $1.dtype.isInteger ? try number($0, beside: $1).floorDivide($1) : try ($0 / $1).floor() })),
      ("__mod", binary({ try $0.remainder($1) }, { try $0.remainder($1) }, { try number($0, beside: $1).remainder($1) })),
      ("__pow", binary({ try $0.pow($1) }, { try $0.pow($1) }, { try Tensor.scalar($0, $1.dtype).pow($1) })),
    ]
  }

  /// A number in a tensor's dtype.
  /// - Throws: `dtype` if an integer type cannot hold it.
  private static func number(_ value: Double, beside y: Tensor) throws -> Tensor { try Tensor.scalar(0, y.dtype) + value }

  /// The value of an operand of a comparison.
  private static func number(_ call: LuaCall, _ index: Int, _ sign: String) throws -> Double {
    let (tensor, number) = try operand(call, index)
    guard let tensor else { return number }
    guard tensor.count == 1 else {
      throw PareError(
        .shape, "'\(sign)' compares single values", expected: "one element", got: "a tensor of shape \(tensor.shape)",
        suggestion: "x:lt(y), x:le(y), x:gt(y), x:ge(y) compare element by element")
    }
    return try tensor.item()
  }

  // MARK: Text

  /// The value alone for a tensor without axes, else type, shape and numbers.
  static func text(of tensor: Tensor) throws -> String {
    guard tensor.rank == 0 else { return "\(tensor)" }
    if tensor.dtype == .i64 { return "\(try tensor.values(as: Int64.self).first ?? 0)" }
    let value = try tensor.item()
    switch tensor.dtype {
    case .bool: return value != 0 ? "true" : "false"
    case let type where type.isInteger: return "\(Int(value))"
    case .f64: return "\(value)"
    default: return "\(Float(value))"
    }
  }

  private static func text(_ call: LuaCall, _ index: Int) throws -> String {
    if let handle: TensorHandle = call.object(index) { return try text(of: handle.value) }
    return try call.state.describe(call.value(index))
  }

  // MARK: Indexing

  /// The position in `x[i]` or the positions in `x[{i, j}]`, from 0; nil where the key is neither.
  private static func positions(_ tensor: Tensor, _ call: LuaCall) throws -> [Int]? {
    if let index = call.integer(2) {
      guard let size = tensor.shape.first else {
        throw PareError(.shape, "x[\(index)]: a tensor without axes has no elements to index", suggestion: "use x:item()")
      }
      do {
        return [try Axis.position(index, rank: size, in: "x[\(index)]", what: "index")]
      } catch var error as PareError {
        // Where `ipairs` runs into the end.
        if index == size + 1 { error.suggestion = "#x is \(size): go through it by for i = 1, #x do ... end" }
        throw error
      }
    }
    guard call.isTable(2) else { return nil }
    let numbers = try call.numbers(2, name: "x[{...}]") { try TensorHandle.scalar(call, $0) }
    guard numbers.shape.count == 1, !numbers.values.isEmpty, numbers.values.count <= tensor.rank else {
      throw PareError(.argument, "x[{...}]", expected: "1 to \(tensor.rank) indices", got: "\(numbers.values.count)")
    }
    return try numbers.values.enumerated().map { axis, value in
      guard let index = Int(exactly: value) else {
        throw PareError(.argument, "x[{...}]: index \(axis + 1)", expected: "an integer", got: "\(value)")
      }
      return try Axis.position(index, rank: tensor.shape[axis], in: "x[{...}]: axis \(axis + 1)", what: "index")
    }
  }

  private static func select(_ tensor: Tensor, _ call: LuaCall) throws -> (tensor: Tensor, isElement: Bool)? {
    guard let positions = try positions(tensor, call) else { return nil }
    let selected = try positions.reduce(tensor) { try $0.select(axis: 0, index: $1) }
    return (selected, positions.count == tensor.rank)
  }

  private static func assign(_ call: LuaCall) throws -> Int {
    guard let handle: TensorHandle = call.object(1) else {
      throw PareError(.argument, "not a tensor, or closed", got: call.typeName(1))
    }
    guard let positions = try positions(handle.value, call) else {
      throw PareError(
        .argument, "a tensor takes values at positions", expected: "x[i] = v or x[{i, j}] = v",
        got: call.string(2).map { "x.\($0) = v" } ?? call.typeName(2))
    }
    guard !handle.value.isTracked else {
      throw PareError(.argument, "a tracked tensor is not assigned to", suggestion: "compute a new one, or x:detach() first")
    }
    if let value: TensorHandle = call.object(3) {
      try handle.value.set(value.value, at: positions)
    } else if let exact = try TensorConstructors.exact(call, 3, handle.value.dtype) {
      try handle.value.set(exact, at: positions)
    } else if let number = call.number(3) {
      try handle.value.set(number, at: positions)
    } else if let truth = call.boolean(3) {
      try handle.value.set(truth ? 1 : 0, at: positions)
    } else {
      throw PareError(.argument, "x[i] = v", argument: "v", expected: "a number or a tensor", got: call.brief(3))
    }
    return 0
  }
}
