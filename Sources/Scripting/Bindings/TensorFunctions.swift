import Compression
import LuaBridge
import Support
import Tensor

/// `tensor.*` beside the plain constructors: grids, einsum, differentiation of functions.
extension TensorConstructors {
  static var functions: [Function] {
    [
      Function(
        "tensor.eye", [.integer("rows", in: 0...), .integer("columns", in: 0..., optional: true)],
        options: [.integer("diagonal", default: 0), dtype], "Ones on a diagonal, zeros elsewhere", example: "tensor.eye(3)"
      ) { call in
        // The number of columns may be left out before the options.
        let isShort = call.isOptions(2)
        let options = try isShort ? call.options(at: 2) : call.options()
        return try call.push(
          Tensor.eye(
            call.integer(1), isShort ? nil : call.optionalInteger(2), diagonal: options.integer("diagonal"), dtype: type(options, call)))
      },
      Function(
        "tensor.linspace", [.number("first"), .number("last"), .integer("count", in: 0...)], options: [dtype],
        "Numbers from first to last, both included, in even steps", example: "tensor.linspace(0, 1, 11)"
      ) { call in
        try call.push(Tensor.linspace(call.number(1), call.number(2), count: call.integer(3), dtype: type(call.options(), call)))
      },
      Function(
        "tensor.logspace", [.number("first"), .number("last"), .integer("count", in: 0...)], options: [.number("base", default: 10), dtype],
        "Powers whose exponents go from first to last in even steps", example: "tensor.logspace(-3, 3, 7)"
      ) { call in
        let options = try call.options()
        return try call.push(
          Tensor.logspace(
            call.number(1), call.number(2), count: call.integer(3), base: options.number("base"), dtype: type(options, call)))
      },
      Function(
        "tensor.meshgrid", [.tensor("axis")], variadic: true, "One tensor per axis with its coordinate at every point of the grid",
        example: "rows, columns = tensor.meshgrid(tensor.arange(1, 3), tensor.arange(1, 4))"
      ) { call in
        let grids = try Tensor.meshgrid((0..<call.count).map { try call.tensor($0 + 1) })
        for grid in grids { _ = try call.push(grid) }
        return grids.count
      },
      Function(
        "tensor.einsum", [.string("equation"), .tensor("operand")], variadic: true,
        "Einstein's sum: products of tensors whose axes are named by letters", example: "tensor.einsum(\"ij,jk->ik\", a, b)"
      ) { call in
        let operands = call.count > 1 ? try (2...call.count).map { try call.tensor($0) } : []
        return try call.push(Tensor.einsum(call.string(1), operands))
      },
      Function(
        "tensor.straight_through", [.tensor("value"), .tensor("x")], "value in the forward pass; the gradient goes to x unchanged",
        example: "q = tensor.straight_through(x:round(), x)"
      ) { call in
        try call.push(Tensor.straightThrough(call.tensor(1), of: call.tensor(2)))
      },
      Function(
        "tensor.checkpoint", [.function("f"), .tensor("x")], variadic: true,
        "f(x, ...) without keeping what its backward pass needs, which computes it again",
        example: "y = tensor.checkpoint(function(x, w) return x:matmul(w):relu() end, x, w)"
      ) { call in
        let function = try call.function(1)
        let inputs = call.count > 1 ? try (2...call.count).map { try call.tensor($0) } : []
        return try call.push(Tensor.checkpoint(inputs) { try value(of: function, $0, "the function of tensor.checkpoint") })
      },
      Function(
        "tensor.hvp", [.function("f"), .tensor("x"), .tensor("v")],
        options: [.choice("method", among: ["exact", "differences"], default: "exact", doc: "Recorded gradients, or central differences of gradients")],
        "The Hessian of f at x times v", example: "tensor.hvp(function(x) return (x ^ 4):sum() end, x, v)"
      ) { call in
        let function = try call.function(1)
        let method: Tensor.SecondDerivative = try call.options().string("method") == "exact" ? .exact : .differences
        return try call.push(
          Tensor.hessianVectorProduct(of: { try value(of: function, [$0], "the function of tensor.hvp") }, at: call.tensor(2), call.tensor(3), method: method))
      },
    ]
  }

  /// Calls a script's function of tensors for one tensor.
  private static func value(of function: LuaFunction, _ inputs: [Tensor], _ what: String) throws -> Tensor {
    let state = try function.state()
    let arguments = try inputs.map { try state.value(object: TensorHandle($0), bytes: $0.byteCount) }
    return try TensorMethods.tensor(state.call(function, arguments).first ?? .null, what)
  }
}
