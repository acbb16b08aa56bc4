import Compression
import LuaBridge
import Support
import Tensor

/// `tensor{...}`, `tensor.zeros{...}` and what else makes tensors.
enum TensorConstructors {
  private static let types = DType.allCases.map(\.name)
  static let dtype = ParameterSpec.string(
    "dtype", default: "f32", suggesting: types, doc: "Element type: f32, f64, f16, bf16, i8, u8, i16, i32, i64, bool")
  /// A type that must be said.
  static let requiredType = ParameterSpec.string("dtype", suggesting: types)
  private static let seed = ParameterSpec.integer("seed", default: 0, in: 0..., doc: "All numbers are drawn from it")
  private static let shape = ParameterSpec.list("shape", doc: "Sizes of the axes")

  static func type(_ name: String, in function: String) throws -> DType {
    if let type = DType(rawValue: name) { return type }
    let all = DType.allCases.map(\.name)
    throw PareError(
      .dtype, "\(function): unknown element type '\(name)'", argument: "dtype", expected: all.joined(separator: ", "),
      got: "'\(name)'", suggestion: Suggestion.didYouMean(name, among: all))
  }

  static func type(_ options: Arguments, _ call: Call) throws -> DType {
    try type(options.string("dtype"), in: call.function.name)
  }

  static let make = Function(
    "tensor", [.table("values", doc: "Nested lists of numbers, or a number")],
    options: [.string("dtype", suggesting: types, optional: true, doc: dtype.doc)],
    "Makes a tensor from nested lists; f32 unless dtype is said", example: "x = tensor{{1, 2}, {3, 4}}"
  ) { call in
    let given = try call.options().optionalString("dtype").map { try type($0, in: "tensor") }
    if let handle: TensorHandle = call.handle(1) {
      return try call.push(given.map { try handle.value.converted(to: $0) } ?? handle.value)
    }
    if let number = call.lua.number(1) {
      return try call.push(exact(call.lua, 1, given) ?? Tensor.scalar(number, given ?? .f32))
    }
    if let value = call.lua.boolean(1) { return try call.push(Tensor.scalar(value ? 1 : 0, given ?? .bool)) }
    guard call.lua.isTable(1) else { throw call.refused(1, expected: "nested lists of numbers") }
    if let stacked = try stacked(call) { return try call.push(given.map { try stacked.converted(to: $0) } ?? stacked) }
    let numbers = try call.lua.numbers(1, name: "tensor") { try TensorHandle.scalar(call.lua, $0) }
    let natural: DType = numbers.allBooleans && !numbers.values.isEmpty ? .bool : .f32
    return try call.push(TensorConstructors.tensor(numbers.values, Shape(numbers.shape), given ?? natural, wide: numbers.wide))
  }

  /// A list whose first item is a tensor with axes is a stack.
  private static func stacked(_ call: Call) throws -> Tensor? {
    guard let table = call.lua.table(1), case .object(let first) = try table[index: 1],
      let handle = try first.object(as: TensorHandle.self), handle.value.rank > 0
    else { return nil }
    return try Tensor.stack(TensorMethods.tensors(table, in: "tensor"), axis: 0)
  }

  /// The integer in an argument as i64 without axes, with the digits that a Double has no room for; nil for other types.
  static func exact(_ lua: LuaCall, _ index: Int, _ dtype: DType?) throws -> Tensor? {
    guard dtype == .i64, let integer = lua.integer(index) else { return nil }
    return try Tensor([Int64(integer)], shape: [])
  }

  /// - Parameter wide: integers by position that `values` has only roughly.
  static func tensor(_ values: [Double], _ shape: Shape, _ dtype: DType, wide: [Int: Int] = [:]) throws -> Tensor {
    switch dtype {
    case .f32: try Tensor(values.map(Float.init), shape: shape)
    case .f64: try Tensor(values, shape: shape)
    case .i64:
      try Tensor(
        values.enumerated().map { position, value in
          guard let exact = wide[position].map(Int64.init) ?? Int64(exactly: value) else {
            throw PareError(.argument, "tensor: an i64 tensor holds integers", expected: "an integer", got: "\(value)")
          }
          return exact
        }, shape: shape)
    case .bool: try Tensor(values.map { $0 != 0 }, shape: shape)
    default: try Tensor(values, shape: shape).converted(to: dtype)
    }
  }

  static var all: [Function] { makers + functions + files }

  private static var makers: [Function] {
    [
      Function("tensor.zeros", [shape], options: [dtype], "Zeros", example: "tensor.zeros({2, 3}, {dtype=\"f64\"})") { call in
        try call.push(Tensor.zeros(call.shape(1), type(call.options(), call)))
      },
      Function("tensor.ones", [shape], options: [dtype], "Ones", example: "tensor.ones{2}") { call in
        try call.push(Tensor.ones(call.shape(1), type(call.options(), call)))
      },
      Function(
        "tensor.full", [shape, .number("value")], options: [dtype], "One value everywhere", example: "tensor.full({2}, 7)"
      ) { call in
        let dtype = try type(call.options(), call)
        let shape = try call.shape(1), value = try call.number(2)
        guard let exact = try exact(call.lua, 2 + call.offset, dtype) else { return try call.push(Tensor.full(shape, value, dtype)) }
        return try call.push(exact.expanded(to: shape).contiguous())
      },
      Function(
        "tensor.randn", [shape], options: [seed, dtype], "Normal random numbers, mean 0, deviation 1",
        example: "tensor.randn({64, 10}, {seed=1})"
      ) { call in
        let options = try call.options()
        return try call.push(
          Tensor.randn(call.shape(1), seed: UInt64(options.integer("seed")), dtype: type(options, call)))
      },
      Function(
        "tensor.rand", [shape], options: [seed, dtype], "Uniform random numbers in 0..<1",
        example: "tensor.rand({100}, {seed=3})"
      ) { call in
        let options = try call.options()
        return try call.push(
          Tensor.rand(call.shape(1), seed: UInt64(options.integer("seed")), dtype: type(options, call)))
      },
      Function(
        "tensor.arange", [.number("first"), .number("last", optional: true), .number("step", optional: true)],
        options: [dtype], "Numbers from first to last, both included", example: "tensor.arange(1, 10)", arange),
      Function(
        "tensor.concat", [.list("tensors"), .integer("axis", optional: true)], "Joins tensors along an axis (default 1)",
        example: "tensor.concat({a, b}, 1)"
      ) { call in
        let tensors = try TensorMethods.tensors(call.table(1), in: "tensor.concat")
        guard let first = tensors.first else { throw call.refused(1, expected: "at least one tensor") }
        return try call.push(
          Tensor.concat(tensors, axis: Axis.position(call.optionalInteger(2) ?? 1, rank: first.rank, in: "tensor.concat")))
      },
      Function(
        "tensor.stack", [.list("tensors"), .integer("axis", optional: true)], "Joins tensors along a new axis (default 1)",
        example: "tensor.stack({a, b})"
      ) { call in
        let tensors = try TensorMethods.tensors(call.table(1), in: "tensor.stack")
        guard let first = tensors.first else { throw call.refused(1, expected: "at least one tensor") }
        let axis = try Axis.position(call.optionalInteger(2) ?? 1, rank: first.rank + 1, in: "tensor.stack")
        return try call.push(Tensor.stack(tensors, axis: axis))
      },
      Function(
        "tensor.where", [.tensor("condition"), .tensor("a"), .tensor("b")], "Elements of a where the condition holds, else of b",
        example: "tensor.where(x:gt(0), x, x * 0.1)"
      ) { call in
        let condition = try call.tensor(1)
        let like: DType = (call.handle(2, TensorHandle.self) ?? call.handle(3, TensorHandle.self))?.value.dtype ?? .f32
        return try call.push(
          Tensor.where(
            condition.dtype == .bool ? condition : condition.ne(0), TensorMethods.operand(call, 2, like),
            TensorMethods.operand(call, 3, like)))
      },
      Function(
        "tensor.no_grad", [.function("f")], variadic: true, "Runs f without recording gradients; returns what f returns",
        example: "y = tensor.no_grad(function() return x * 2 end)"
      ) { call in
        let body = try call.function(1)
        let arguments = call.count > 1 ? (2...call.count).map(call.value) : []
        let results = try Tensor.withoutGradient { () throws -> [LuaValue] in try call.state.call(body, arguments) }
        for result in results { try call.lua.push(result) }
        return results.count
      },
      Function(
        "tensor.custom", options: [.function("forward", doc: "function(x, p) return y end"),
          .function("gradient", doc: "function(g, x, y, p) return gx end")],
        style: .table, "Makes a function with a gradient of its own",
        example: "f = tensor.custom{forward=function(x, p) return y end, gradient=function(g, x, y, p) return gx end}",
        custom),
      Function("tensor.memory", "Bytes that tensors hold now, held at most, and keep for reuse", example: "tensor.memory().peak") { call in
        let memory = Compute.memory()
        return try call.push(
          Conversion.record(
            call.state, ["current": .integer(memory.current), "peak": .integer(memory.peak), "cached": .integer(memory.cached)]))
      },
      Function(
        "tensor.threads", [.integer("count", in: 1...256, optional: true)], "Sets, and returns, the threads to compute with",
        example: "tensor.threads(2)"
      ) { call in
        if !call.isNone(1) {
          guard let count = try call.optionalInteger(1), (1...256).contains(count) else {
            throw call.refused(1, expected: "1 to 256")
          }
          Compute.threads = count
        }
        call.lua.push(Compute.threads)
        return 1
      },
    ]
  }

  /// `arange(first, last)`: both ends included; the options may follow after two or three numbers.
  private static func arange(_ call: Call) throws -> Int {
    var numbers: [Double] = []
    var index = 1
    while index <= 3, !call.isNone(index), !call.lua.isTable(index) {
      numbers.append(try call.number(index))
      index += 1
    }
    let options = try call.options(at: index)
    guard numbers.count >= 1 else { throw call.refused(1) }
    let first = numbers.count > 1 ? numbers[0] : 1
    let last = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    guard first.isFinite, last.isFinite, step.isFinite, step != 0 else {
      throw PareError(.argument, "tensor.arange: first, last and step", expected: "finite numbers, a step that is not 0")
    }
    let exact = ((last - first) / step + 1e-9).rounded(.down) + 1
    guard exact < 0x1p40 else { throw PareError(.memory, "tensor.arange: too many elements", got: "\(exact)") }
    let count = Int(max(0, exact))
    // The shape is checked before anything of that size is made.
    let shape = try Shape([count])
    if step == 1 { return try call.push(Tensor.arange(first: first, count: count, dtype: type(options, call))) }
    let positions = try Tensor.arange(first: 0, count: count, dtype: .f64)
    return try call.push((positions * step + first).converted(to: type(options, call)).reshaped(shape))
  }

  private static func custom(_ call: Call) throws -> Int {
    let (_, raw) = try call.options(raw: ["forward", "gradient"])
    guard case .function(let forward)? = raw["forward"], case .function(let gradient)? = raw["gradient"] else {
      throw PareError(
        .argument, "tensor.custom needs two functions", argument: raw["forward"] == nil ? "forward" : "gradient",
        expected: "forward and gradient")
    }
    return try call.push(.function(call.state.function { [unowned environment = call.environment] lua in
      var inputs: [Tensor] = []
      var rest: [LuaValue] = []
      for index in 0..<lua.count {
        if rest.isEmpty, let handle: TensorHandle = lua.object(index + 1) {
          inputs.append(handle.value)
        } else {
          rest.append(lua.value(index + 1))
        }
      }
      let others = rest
      let state = environment.state
      func handles(_ tensors: [Tensor]) throws -> [LuaValue] {
        try tensors.map { try state.value(object: TensorHandle($0), bytes: $0.byteCount) }
      }
      guard !inputs.isEmpty else { throw PareError(.argument, "a custom function", expected: "a tensor first") }
      let output = try Tensor.custom(inputs: inputs) { plain in
        let results = try state.call(forward, handles(plain) + others)
        return try TensorMethods.tensor(results.first ?? .null, "forward of a custom function")
      } gradient: { g, plain, output in
        let state = try gradient.state()
        func handle(_ tensor: Tensor) throws -> LuaValue {
          try state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
        }
        let arguments = try [handle(g)] + plain.map(handle) + [handle(output)] + others
        let results = try state.call(gradient, arguments)
        return try plain.indices.map { index in
          guard index < results.count else { return nil }
          if case .null = results[index] { return nil }
          return try TensorMethods.tensor(results[index], "gradient of a custom function")
        }
      }
      try lua.push(object: TensorHandle(output), bytes: output.byteCount)
      return 1
    }))
  }
}
