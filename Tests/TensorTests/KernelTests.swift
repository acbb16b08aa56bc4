import Glibc
import Support
import Tensor
import TestSupport
import Testing

/// The CPU backend's own kernels against the plain reference: every operation, element type, layout, instruction set.
@Suite(.serialized) struct KernelTests {
  static let floats: [DType] = [.f32, .f64, .f16, .bf16]
  static let integers: [DType] = [.i8, .u8, .i16, .u16, .i32, .i64]

  /// Numbers with everything in them that is special: zeros, infinities, NaN, denormals, ties, ends of the integers.
  static func special(_ dtype: DType) throws -> Tensor {
    var values: [Double] = [0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, -3, 7, 100, 127, 128, -128, -129, 255, 256, 1e-3, 65504]
    if dtype.isFloating {
      values += [.infinity, -.infinity, .nan, 1e-40, -1e-40, .leastNonzeroMagnitude, 88.7, 89, -87, -103, 1e10, 3e9, -3e9, 1e19, 1e30, -1e30, 65520]
    } else {
      values += [2_147_483_647, -2_147_483_648, 9e18, -9e18]
    }
    return try Tensor(values + (0..<90).map { Double($0) * 0.37 - 16 }).converted(to: dtype)
  }

  /// Values densely, transposed, with steps, channels-last; where asked also so many that several threads take part.
  static func layouts(_ dtype: DType, seed: UInt64, long isLong: Bool = false) throws -> [Tensor] {
    let wide = try (Tensor.randn([2, 5, 6, 7], seed: seed) * 20).converted(to: dtype)
    let long = try (Tensor.randn([3, isLong ? 33_000 : 700], seed: seed + 1) * 20).converted(to: dtype)
    return try [
      wide, wide.channelsLast(), wide.transposed(0, 3), wide.slice(axis: 3, from: 1, to: 7, step: 2),
      wide.flipped(axis: 2), wide.select(axis: 0, index: 1), Tensor.zeros([0, 3], dtype), Tensor.scalar(3, dtype), long,
      long.transposed(),
    ]
  }

  /// What is wrong with the CPU backend's result beside the reference's; errors must be the same ones.
  static func check(_ what: String, relative: Double = 0, absolute: Double = 0, _ body: () throws -> Tensor) throws -> String? {
    let expected = Result { try Compute.withBackend(.reference) { () throws -> Tensor in try body() } }
    let got = Result { try body() }
    switch (got, expected) {
    case (.success(let a), .success(let b)):
      return try difference(a, b, absolute: absolute, relative: relative).map { "\(what): \($0)" }
    case (.failure(let a), .failure(let b)):
      return (a as? PareError)?.code == (b as? PareError)?.code ? nil : "\(what): threw \(a) instead of \(b)"
    default: return "\(what): \(got) instead of \(expected)"
    }
  }

  /// How far a result may be from the reference's: the functions' errors, and one rounding of a half.
  static func tolerance(_ dtype: DType) -> Double {
    switch dtype {
    case .f16: 0x1p-10
    case .bf16: 0x1p-7
    case .f32: 6e-7
    default: 1e-15
    }
  }

  @Test(arguments: floats + integers + [.bool]) func unary(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      for op in UnaryOperation.allCases {
        let exact: [UnaryOperation] = [
          .neg, .abs, .sqrt, .relu, .sign, .floor, .ceil, .round, .trunc, .isNaN, .isFinite, .isInfinite,
        ]
        // Their argument is rounded on the way to an exponential, which makes more of it.
        let composed: [UnaryOperation] = [.gelu, .geluTanh, .mish, .silu, .softplus]
        let tolerance = !dtype.isFloating || exact.contains(op)
          ? 0 : KernelTests.tolerance(dtype) * (composed.contains(op) && !dtype.isHalfPrecision ? 30 : 1)
        for x in try [KernelTests.special(dtype)] + KernelTests.layouts(dtype, seed: 1, long: op == .neg || op == .not) {
          let wrong = try KernelTests.check("\(op) \(x.shape)", relative: tolerance, absolute: tolerance * 1e-6) {
            try Compute.backend.unary(op, x)
          }
          #expect(wrong == nil)
        }
      }
    }
  }

  @Test(arguments: floats + integers + [.bool]) func binary(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      let special = try KernelTests.special(dtype)
      let all = try special.reshaped([special.count, 1])
      let long = dtype == .f32
      let wide = try KernelTests.layouts(dtype, seed: 3, long: long), other = try KernelTests.layouts(dtype, seed: 5, long: long)
      let row = try Tensor.randn([7], seed: 7).converted(to: dtype)
      let channel = try (Tensor.randn([5, 1, 1], seed: 8) * 10).converted(to: dtype)
      for op in BinaryOperation.allCases {
        let slopes: [BinaryOperation] = [.siluGradient, .geluGradient, .geluTanhGradient, .mishGradient]
        let inexact = slopes + [.pow, .atan2, .floorMod, .sigmoidGradient, .tanhGradient]
        let tolerance = !dtype.isFloating || !inexact.contains(op) ? 0 : KernelTests.tolerance(dtype) * (slopes.contains(op) ? 30 : 1)
        func check(_ a: Tensor, _ b: Tensor) throws {
          var (a, b) = (a, b)
          if slopes.contains(op), dtype.isFloating { a = try a.tanh() }
          // What a gradient is multiplied with is a result of sigmoid or tanh; integers are divided by what is not 0.
          if op == .sigmoidGradient || op == .tanhGradient, dtype.isFloating { b = try b.tanh() * 0.5 }
          if [.div, .mod, .floorDiv, .floorMod].contains(op), dtype.isInteger { b = try Tensor.where(b.eq(0), Tensor.scalar(3, dtype), b) }
          let shape = try Shape.broadcast(a.shape, b.shape, "test")
          let wrong = try KernelTests.check("\(op) \(a.shape) \(b.shape)", relative: tolerance, absolute: tolerance * 10) {
            try Compute.backend.binary(op, a, b, shape)
          }
          #expect(wrong == nil)
        }
        try check(special, all)
        for (a, b) in zip(wide, other) { try check(a, b) }
        try check(wide[0], wide[1])
        try check(wide[1], other[0])
        try check(wide[8], wide[9].transposed())
        try check(wide[0], row)
        try check(channel, wide[1])
        try check(wide[2], Tensor.scalar(2, dtype))
        for number in [2.0, 0.5, -1, 1, 0, 3] where dtype.isFloating || number == number.rounded() && number >= 0 {
          for swapped in [false, true] {
            for a in [special, wide[3]] {
              let wrong = try KernelTests.check("\(op) \(number) \(swapped)", relative: tolerance, absolute: tolerance * 1e-6) {
                try Compute.backend.binary(op, a, number: number, swapped: swapped)
              }
              #expect(wrong == nil)
            }
          }
        }
      }
    }
  }

  @Test(arguments: floats + integers + [.bool]) func comparisons(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      let special = try KernelTests.special(dtype)
      let column = try special.reshaped([special.count, 1])
      let wide = try KernelTests.layouts(dtype, seed: 3), other = try KernelTests.layouts(dtype, seed: 5)
      for op in Comparison.allCases {
        for (a, b) in zip([special] + wide, [column] + other) {
          let shape = try Shape.broadcast(a.shape, b.shape, "test")
          #expect(try KernelTests.check("\(op) \(a.shape)") { try Compute.backend.compare(op, a, b, shape) } == nil)
        }
        for number in [0, 0.1, -0.1, 0.5, 1, 255, 255.5, 3e9, -3e9, 1e30, -1e30, 0x1p63, -0x1p63, .infinity, -.infinity, .nan, 1e-45] {
          #expect(try KernelTests.check("\(op) \(number)") { try Compute.backend.compare(op, special, number: number) } == nil)
        }
      }
    }
  }

  @Test(arguments: floats + integers + [.bool]) func choiceAndClip(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      let wide = try KernelTests.layouts(dtype, seed: 3), other = try KernelTests.layouts(dtype, seed: 5)
      for (a, b) in zip(wide, other) {
        let mask = try Tensor.randn(a.shape, seed: 4).gt(0)
        #expect(try KernelTests.check("select \(a.shape)") { try Compute.backend.select(mask, a, b, a.shape) } == nil)
        let one = try Tensor.scalar(1, dtype)
        #expect(try KernelTests.check("select 1 \(a.shape)") { try Compute.backend.select(mask, one, b, a.shape) } == nil)
      }
      #expect(try KernelTests.check("select row") {
        try Compute.backend.select(Tensor([true, false, true, true, false, true, false]), wide[0], other[1], wide[0].shape)
      } == nil)
      for x in try [KernelTests.special(dtype)] + wide {
        for (low, high) in [(-1.5, 2.5), (0, 1e30), (-.infinity, 5), (3, -3), (-1e10, 300)] {
          #expect(try KernelTests.check("clip \(low) \(high)") { try Compute.backend.clip(x, low, high) } == nil)
        }
      }
    }
  }

  @Test(arguments: floats + integers + [.bool]) func conversions(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      for target in DType.allCases {
        for x in try [KernelTests.special(dtype)] + KernelTests.layouts(dtype, seed: 9) {
          #expect(try KernelTests.check("\(dtype) to \(target) \(x.shape)") { try Compute.backend.convert(x, to: target) } == nil)
        }
      }
    }
  }

  /// Every pair of layouts, small and of many tiles, with the elements' sizes 1, 2, 4 and 8.
  @Test(arguments: [DType.u8, .bf16, .f32, .f64]) func copies(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      for shape in [[2, 3, 17, 40], [3, 20, 16, 16], [1, 64, 65, 1], [2, 1, 3, 5], [0, 2, 3, 4], [1, 3, 150, 230]] as [Shape] {
        let x = try (Tensor.rand(shape, seed: 1) * 200).converted(to: dtype)
        let expected = try x.scalars()
        let views = try [x, x.channelsLast(), x.transposed(1, 3).contiguous().transposed(1, 3), x.transposed(2, 3).contiguous().transposed(2, 3)]
        for view in views {
          #expect(try view.scalars() == expected)
          for target in views { #expect(try view.laidOut(target.layout).scalars() == expected) }
        }
        // Into parts of a larger tensor, and out of one.
        let host = try Tensor.zeros(try Shape(shape.dimensions.map { $0 * 2 }), dtype)
        var part = host
        for axis in 0..<4 { part = try part.slice(axis: axis, from: axis % 2, step: 2) }
        for view in views {
          try Compute.backend.copy(view, into: part)
          #expect(try part.scalars() == expected)
        }
        #expect(try x.flipped(axis: 1).flipped(axis: 3).contiguous().flipped(axis: 3).flipped(axis: 1).scalars() == expected)
        let wide = try x.slice(axis: 0, from: 0, to: Swift.min(1, shape[0])).expanded(to: shape)
        #expect(try wide.channelsLast().scalars() == Compute.withBackend(.reference) { () throws -> [Double] in try wide.scalars() })
      }
    }
  }
}

extension KernelTests {
  /// Sums of the reference and of the kernels are both in f64; the reference adds one element after the other.
  static func sumTolerance(_ dtype: DType) -> Double { dtype == .f64 ? 1e-12 : tolerance(dtype) * 2 }

  @Test(arguments: floats + integers + [.bool]) func reductions(_ dtype: DType) throws {
    let shapes: [Shape] = [[3, 4, 5, 6], [0, 3, 2, 2], [1, 1, 1, 300], [40, 33, 3, 2], [2, 70, 9, 8]]
    try onEveryInstructionSet { _ in
      for (number, shape) in shapes.prefix(dtype == .f32 ? 5 : 3).enumerated() {
        let x = try (Tensor.randn(shape, seed: 11) * 3).converted(to: dtype)
        for view in try [x, x.channelsLast(), x.transposed(0, 2), x.slice(axis: 1, step: 2)] {
          for pattern in 0..<16 {
            let axes = (0..<4).map { pattern >> $0 & 1 == 1 }
            for op in Reduction.allCases where op != .prod || dtype.isInteger || number == 0 {
              let wrong = try KernelTests.check(
                "\(op) \(axes) \(view.shape) \(view.strides)", relative: KernelTests.sumTolerance(dtype),
                absolute: dtype.isFloating ? KernelTests.tolerance(dtype) * 20 : 0) { try Compute.backend.reduce(op, view, axes: axes) }
              #expect(wrong == nil)
            }
          }
          for axis in 0..<4 where view.count > 0 {
            for largest in [false, true] {
              let wrong = try KernelTests.check("arg \(axis) \(view.strides)") {
                try Compute.backend.argExtreme(view, axis: axis, largest: largest)
              }
              #expect(wrong == nil)
            }
          }
        }
      }
    }
  }

  /// Wide, narrow, long: every way in which the work is cut; the threads do not change a bit, nor the instruction set.
  @Test(arguments: [DType.f32, .f64, .bf16, .i32]) func reductionsOfManyElements(_ dtype: DType) throws {
    var kept: [[[Double]]] = []
    try onEveryInstructionSet { _ in
      for (place, shape) in ([[200_001], [3, 40_000], [9_000, 17], [700, 150], [50, 16, 300], [4, 3000, 3]] as [Shape]).enumerated() {
        let x = try (Tensor.randn(shape, seed: 12) * 3).converted(to: dtype)
        var results: [[Double]] = []
        for pattern in 1..<(1 << shape.rank) {
          let axes = (0..<shape.rank).map { pattern >> $0 & 1 == 1 }
          for op in [Reduction.sum, .max, .min] + (dtype.isFloating ? [.mean, .sumOfSquares, .sumOfMagnitudes] : []) {
            let wrong = try KernelTests.check("\(op) \(axes) \(shape)", relative: KernelTests.sumTolerance(dtype),
              absolute: dtype.isFloating ? KernelTests.tolerance(dtype) * 100 : 0) { try Compute.backend.reduce(op, x, axes: axes) }
            #expect(wrong == nil)
            let one = try Compute.withThreads(1) { () throws -> [Double] in try Compute.backend.reduce(op, x, axes: axes).scalars() }
            #expect(try Compute.backend.reduce(op, x, axes: axes).scalars() == one)
            results.append(one)
          }
        }
        if kept.count <= place { kept.append(results) } else { #expect(kept[place] == results) }
      }
    }
  }

  @Test func oneNaNIsFoundEverywhere() throws {
    try onEveryInstructionSet { _ in
      for count in [1, 7, 16, 64, 65, 130, 1000] {
        for place in Swift.Set([0, count / 3, count - 1]) {
          var values = (0..<count).map { Double(($0 * 37) % 101) }
          values[place] = .nan
          for dtype in [DType.f32, .f64, .f16] {
            let x = try Tensor(values).converted(to: dtype)
            let columns = try x.reshaped([count, 1]).expanded(to: [count, 5]).contiguous()
            for largest in [false, true] {
              let op: Reduction = largest ? .max : .min
              #expect(try Compute.backend.reduce(op, x, axes: [true]).item().isNaN)
              #expect(try Compute.backend.argExtreme(x, axis: 0, largest: largest).item() == Double(place))
              #expect(try Compute.backend.reduce(op, columns, axes: [true, false]).scalars().allSatisfy { $0.isNaN })
              #expect(try Compute.backend.argExtreme(columns, axis: 0, largest: largest).scalars() == Array(repeating: Double(place), count: 5))
            }
          }
        }
      }
    }
  }
}

extension KernelTests {
  @Test(arguments: floats + [.i32]) func softmax(_ dtype: DType) throws {
    try onEveryInstructionSet { _ in
      for shape in [[3, 70, 5, 6], [4, 1, 3], [2, 0, 3], [5, 300], [70]] as [Shape] {
        let x = try (Tensor.randn(shape, seed: 13) * 6).converted(to: dtype)
        let g = try Tensor.randn(shape, seed: 14).channelsLast().converted(to: dtype)
        for view in try [x, x.channelsLast(), x.transposed(0, -1), x.slice(axis: 0, step: 2)] {
          let gradient = try view.shape == shape ? g : Tensor.randn(view.shape, seed: 15).converted(to: dtype)
          for axis in shape.indices {
            for log in [false, true] {
              let tolerance = KernelTests.tolerance(dtype) * 4
              #expect(try KernelTests.check("softmax \(axis) \(log) \(view.strides)", relative: tolerance, absolute: tolerance) {
                try Compute.backend.softmax(view, axis: axis, log: log)
              } == nil)
              #expect(try KernelTests.check("gradient \(axis) \(log) \(view.strides)", relative: tolerance, absolute: tolerance * 8) {
                try Compute.backend.softmaxGradient(gradient, output: view.softmax(axis: axis), axis: axis, log: log)
              } == nil)
            }
          }
        }
      }
      for row in [[-.infinity, -.infinity], [.infinity, 1], [.nan, 1], [1000, -1000]] as [[Double]] {
        let x = try Tensor(row, shape: [2]).converted(to: dtype)
        for view in try [x, x.reshaped([2, 1]).expanded(to: [2, 3])] where dtype.isFloating {
          #expect(try KernelTests.check("softmax \(row)", relative: 1e-6) { try view.softmax(axis: 0) } == nil)
          #expect(try KernelTests.check("log \(row)", relative: 1e-6) { try view.logSoftmax(axis: 0) } == nil)
        }
      }
    }
  }

  /// Errors of the f32 functions in units in the last place, as `Math.h` states them, over numbers of every exponent.
  @Test func functionsKeepTheirErrors() throws {
    let step = 99_991
    let all = stride(from: 0, through: Int(UInt32.max), by: step).map { Float(bitPattern: UInt32($0)) }
    let x = try Tensor(all)
    let limits: [(UnaryOperation, Double, (Double) -> Double)] = [
      (.exp, 1.1, Glibc.exp), (.log, 0.8, Glibc.log), (.tanh, 2.4, Glibc.tanh), (.sigmoid, 2.4, { 1 / (1 + Glibc.exp(-$0)) }),
      (.erf, 1.3, Glibc.erf), (.sin, 1.6, Glibc.sin), (.cos, 1.6, Glibc.cos),
    ]
    try onEveryInstructionSet { _ in
      for (op, limit, function) in limits {
        let values = try Compute.backend.unary(op, x).values(as: Float.self)
        var worst = (ulps: 0.0, at: Float(0))
        for (v, got) in zip(all, values) {
          let exact = function(Double(v))
          let near = Float(exact)
          if near.isNaN || near.isInfinite {
            #expect(got.isNaN == near.isNaN && (near.isNaN || got == near || got.magnitude == .greatestFiniteMagnitude), "\(op)(\(v)) = \(got)")
            continue
          }
          let ulps = (Double(got) - exact).magnitude / Double(Swift.max(near.ulp, .leastNonzeroMagnitude))
          if !(ulps <= worst.ulps) { worst = (ulps, v) }
        }
        #expect(worst.ulps <= limit, "\(op)(\(worst.at)) is wrong by \(worst.ulps) ulp")
      }
    }
  }

  @Test func powersAndRemainders() throws {
    let bases = try Tensor.randn([400, 1], seed: 21).exp() * 3, exponents = try Tensor.randn([300], seed: 22) * 9
    let (b, e) = (try bases.values(as: Float.self), try exponents.values(as: Float.self))
    try onEveryInstructionSet { _ in
      let powers = try bases.pow(exponents).values(as: Float.self)
      let remainders = try (bases * 1000).mod(exponents).values(as: Float.self)
      for i in b.indices {
        for j in e.indices {
          let exact = Glibc.pow(Double(b[i]), Double(e[j]))
          let (power, near) = (powers[i * 300 + j], Float(exact))
          if near.isInfinite || near < .leastNormalMagnitude { continue }
          #expect((Double(power) - exact).magnitude <= 0.51 * Double(near.ulp), "\(b[i])^\(e[j])")
          #expect(remainders[i * 300 + j] == Glibc.fmodf(b[i] * 1000, e[j]), "\(b[i] * 1000) mod \(e[j])")
        }
      }
    }
  }
}

extension DType {
  fileprivate var isHalfPrecision: Bool { self == .f16 || self == .bf16 }
}
