import Compression
import LuaBridge
import Support
import Tensor

/// Elementary functions and activations of each element.
extension TensorMethods {
  /// A method with another operand, a tensor or a number.
  static func binary(
    _ name: String, _ summary: String, example: String = "", _ operation: @escaping (Tensor, Tensor) throws -> Tensor
  ) -> Function {
    Function("x:" + name, [.tensor("y", doc: "A tensor or a number")], summary, example: example) { call in
      let x = try call.receiver(TensorHandle.self).value
      return try call.push(operation(x, number(call, 1, x)))
    }
  }

  /// Another operand: a tensor, or a number that the receiver's dtype holds.
  private static func number(_ call: Call, _ index: Int, _ x: Tensor) throws -> Tensor {
    if let handle: TensorHandle = call.handle(index) { return handle.value }
    let value = try call.number(index)
    let scalar = try Tensor.scalar(value, x.dtype)
    guard try x.dtype.isFloating || scalar.item() == value else {
      throw call.refused(index, expected: "a number of \(x.dtype)")
    }
    return scalar
  }

  static var elementMath: [Function] {
    [
      unary("square", "x times x") { try $0.square() }, unary("exp2", "2 to the power") { try $0.exp2() },
      unary("expm1", "e to the power, minus 1, precise near 0") { try $0.expm1() },
      unary("log1p", "Logarithm of 1 + x, precise near 0") { try $0.log1p() },
      unary("log2", "Logarithm to base 2") { try $0.log2() }, unary("log10", "Logarithm to base 10") { try $0.log10() },
      unary("sin", "Sine") { try $0.sin() }, unary("cos", "Cosine") { try $0.cos() }, unary("tan", "Tangent") { try $0.tan() },
      unary("asin", "Inverse sine") { try $0.asin() }, unary("acos", "Inverse cosine") { try $0.acos() },
      unary("atan", "Inverse tangent") { try $0.atan() }, unary("sinh", "Hyperbolic sine") { try $0.sinh() },
      unary("cosh", "Hyperbolic cosine") { try $0.cosh() }, unary("asinh", "Inverse hyperbolic sine") { try $0.asinh() },
      unary("acosh", "Inverse hyperbolic cosine") { try $0.acosh() },
      unary("atanh", "Inverse hyperbolic tangent") { try $0.atanh() },
      unary("ceil", "Smallest integer not below") { try $0.ceil() }, unary("trunc", "Nearest integer toward 0") { try $0.trunc() },
      unary("isnan", "Whether NaN, as bool") { try $0.isNaN() }, unary("isinf", "Whether infinite, as bool") { try $0.isInfinite() },
      unary("isfinite", "Whether neither NaN nor infinite, as bool") { try $0.isFinite() },
      binary("atan2", "Angle of the point (y, x) whose height is this tensor") { try $0.atan2($1) },
      binary("floor_divide", "Quotient rounded down", example: "x:floor_divide(3)") { try $0.floorDivide($1) },
      binary("remainder", "What is left, with the sign of the divisor", example: "x:remainder(3)") { try $0.remainder($1) },
      binary("fmod", "What is left, with the sign of the dividend", example: "x:fmod(3)") { try $0.fmod($1) },
      Function("x:lerp", [.tensor("end"), .tensor("weight", doc: "A tensor or a number")], "x + weight (end - x)", example: "x:lerp(y, 0.1)") { call in
        let x = try call.receiver(TensorHandle.self).value, end = try call.tensor(1)
        if let weight: TensorHandle = call.handle(2) { return try call.push(x.lerp(end, weight: weight.value)) }
        return try call.push(x.lerp(end, weight: call.number(2)))
      },
      binary("logical_and", "Whether both are not 0, as bool") { try truth($0).and(truth($1)) },
      binary("logical_or", "Whether one is not 0, as bool") { try truth($0).or(truth($1)) },
      binary("logical_xor", "Whether exactly one is not 0, as bool") { try truth($0).xor(truth($1)) },
      unary("logical_not", "Whether 0, as bool") { try truth($0).not() },
      binary("bitwise_and", "Bits that both have") { try $0.and($1) }, binary("bitwise_or", "Bits that one has") { try $0.or($1) },
      binary("bitwise_xor", "Bits that exactly one has") { try $0.xor($1) },
      unary("bitwise_not", "The opposite bits") { try $0.bitNot() },
      binary("bitwise_left_shift", "Integers shifted up", example: "x:bitwise_left_shift(2)") { try $0.shiftedLeft($1) },
      binary("bitwise_right_shift", "Integers shifted down, the sign kept") { try $0.shiftedRight($1) },
    ]
  }

  /// An activation with numbers as its parameters, by position or by name: `x:elu(0.5)`, `x:elu{alpha=0.5}`.
  private static func activation(
    _ name: String, _ parameters: [(name: String, default: Double)], _ summary: String,
    _ operation: @escaping (Tensor, [Double]) throws -> Tensor
  ) -> Function {
    Function(
      "x:" + name, parameters.map { .number($0.name, optional: true, doc: "default \($0.default)") },
      options: parameters.map { .number($0.name, default: $0.default) }, summary,
      example: "x:\(name){" + parameters.map { "\($0.name)=\($0.default)" }.joined(separator: ", ") + "}"
    ) { call in
      let x = try call.receiver(TensorHandle.self).value
      if call.isOptions(1) {
        let options = try call.options(at: 1)
        return try call.push(operation(x, parameters.map { try options.number($0.name) }))
      }
      let options = try call.options()
      return try call.push(
        operation(x, parameters.enumerated().map { try call.optionalNumber($0.offset + 1) ?? options.number($0.element.name) }))
    }
  }

  private static func along(_ name: String, _ summary: String, _ operation: @escaping (Tensor, Int) throws -> Tensor) -> Function {
    Function("x:" + name, [.integer("axis", optional: true)], summary + " along an axis (default -1)") { call in
      let x = try call.receiver(TensorHandle.self).value
      return try call.push(operation(x, Axis.position(call.optionalInteger(1) ?? -1, rank: x.rank, in: call.function.name)))
    }
  }

  static var activations: [Function] {
    [
      Function(
        "x:gelu", options: [.choice("approximate", among: Tensor.GeluForm.allCases.map(\.rawValue), default: "none")],
        "Gaussian error linear unit", example: "x:gelu{approximate=\"tanh\"}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.gelu(Tensor.GeluForm(rawValue: call.options().string("approximate")) ?? .none))
      },
      unary("silu", "x sigmoid(x)") { try $0.silu() }, unary("mish", "x tanh(softplus(x))") { try $0.mish() },
      activation("softplus", [("beta", 1), ("threshold", 20)], "log(1 + e^(beta x)) / beta; x above the threshold") {
        try $0.softplus(beta: $1[0], threshold: $1[1])
      },
      unary("log_sigmoid", "Logarithm of the sigmoid") { try $0.logSigmoid() },
      activation("leaky_relu", [("slope", 0.01)], "Negative values times a slope") { try $0.leakyRelu($1[0]) },
      Function("x:prelu", [.tensor("slope", doc: "One, or one per channel")], "Negative values times learned slopes", example: "x:prelu(a)") { call in
        try call.push(call.receiver(TensorHandle.self).value.prelu(call.tensor(1)))
      },
      unary("relu6", "Limits to 0...6") { try $0.relu6() },
      activation("hardtanh", [("min", -1), ("max", 1)], "Limits to min...max, without gradient at the bounds") {
        try $0.hardtanh(min: $1[0], max: $1[1])
      },
      activation("elu", [("alpha", 1)], "alpha (e^x - 1) below 0") { try $0.elu(alpha: $1[0]) },
      unary("selu", "Self-normalizing exponential linear unit") { try $0.selu() },
      activation("celu", [("alpha", 1)], "alpha (e^(x/alpha) - 1) below 0") { try $0.celu(alpha: $1[0]) },
      activation("hard_sigmoid", [("alpha", 1.0 / 6), ("beta", 0.5)], "alpha x + beta, limited to 0...1") {
        try $0.hardSigmoid(alpha: $1[0], beta: $1[1])
      },
      unary("hard_swish", "x hard_sigmoid(x)") { try $0.hardSwish() }, unary("softsign", "x / (1 + |x|)") { try $0.softsign() },
      Function("x:threshold", [.number("threshold"), .number("value")], "x above the threshold, value elsewhere", example: "x:threshold(0.1, 0)") { call in
        try call.push(call.receiver(TensorHandle.self).value.thresholded(call.number(1), value: call.number(2)))
      },
      activation("thresholded_relu", [("alpha", 1)], "x above alpha, 0 elsewhere") { try $0.thresholdedRelu(alpha: $1[0]) },
      activation("hard_shrink", [("lambda", 0.5)], "0 where |x| <= lambda") { try $0.hardShrink($1[0]) },
      activation("soft_shrink", [("lambda", 0.5)], "x moved by lambda toward 0") { try $0.softShrink($1[0]) },
      along("glu", "First half times the sigmoid of the second") { try $0.glu(axis: $1) },
      along("softmin", "Softmax of -x") { try $0.softmin(axis: $1) },
    ]
  }
}
