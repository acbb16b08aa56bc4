import Graph
import OrderedCollections
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// Quantized layers run in integers, and the integers are those of plain integer arithmetic.
///
/// The rounding of a result is: accumulator (exact) plus bias, times the scales, plus the zero point, to the nearest
/// integer, half to even, saturated. (QuantizeLinear adds the zero point behind the rounding: an exact half with an odd
/// zero point goes the other way.) Scales here are powers of two, so that every float on the way is exact.
@Suite struct IntegerSessionTests {
  /// A quantized tensor, row-major.
  struct Integers {
    var values: [Int]
    var shape: [Int]
    var scale: Double
    var zero: Int
  }

  struct Builder {
    var model = Model(inputs: [], outputs: [], nodes: [])
    var random = RandomSource(seed: 5)

    mutating func scalar(_ name: String, _ scale: Double, _ zero: Int) throws {
      model.parameters["\(name).scale"] = Parameter("\(name).scale", try Tensor.scalar(scale), isTrainable: false)
      model.parameters["\(name).zero"] = Parameter(
        "\(name).zero", try Tensor([UInt8(zero)], shape: []), isTrainable: false)
    }

    mutating func quantize(_ from: String, _ grid: String) {
      model.nodes.append(
        Node(name: "\(from).q", op: "QuantizeLinear", inputs: [from, "\(grid).scale", "\(grid).zero"], outputs: ["\(from).q"]))
    }

    mutating func dequantize(_ from: String, _ grid: String) {
      model.nodes.append(
        Node(name: "\(from).d", op: "DequantizeLinear", inputs: [from, "\(grid).scale", "\(grid).zero"], outputs: ["\(from).d"]))
    }

    /// Integer weights with a power-of-two scale per output, and a bias of whole accumulator steps.
    mutating func weights(_ name: String, _ sizes: [Int], input: Double, bits: Int = 8) throws -> (w: [Int], scales: [Double], bias: [Int]) {
      let half = 1 << (bits - 1)
      let w = (0..<sizes.reduce(1, *)).map { _ in random.integer(below: 2 * half - 1) - half + 1 }
      let scales = (0..<sizes[0]).map { _ in [0x1p-7, 0x1p-8, 0x1p-6][random.integer(below: 3)] }
      let bias = (0..<sizes[0]).map { _ in random.integer(below: 2001) - 1000 }
      model.parameters["\(name).weight"] = Parameter(
        "\(name).weight",
        try IntegerRepresentation(
          values: Tensor(w.map { Int8($0) }, shape: Shape(sizes)),
          scales: Tensor(scales.map { Float($0) }, shape: Shape([sizes[0]])), axis: 0, bits: bits))
      model.parameters["\(name).bias"] = Parameter(
        "\(name).bias", try Tensor(zip(bias, scales).map { Float(Double($0) * $1 * input) }, shape: Shape([sizes[0]])))
      return (w, scales, bias)
    }
  }

  static func requantize(_ value: Double, _ grid: (scale: Double, zero: Int)) -> Int {
    min(255, max(0, Int((value / grid.scale + Double(grid.zero)).rounded(.toNearestOrEven))))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var channels = 3
    var outputs = 8
    var size = 8
    var kernel = 3
    var padding = 1
    var stride = 1
    var groups = 1
    var inputZero = 0
    var outputZero = 0
    var relu = true
    var clip: Double?
    var bits = 8
    var testDescription: String {
      "\(channels)-\(outputs) \(size)x\(size) k\(kernel) p\(padding) s\(stride) g\(groups) z\(inputZero)/\(outputZero) relu \(relu) clip \(clip ?? -1) bits \(bits)"
    }
  }

  static let cases = [
    Case(), Case(inputZero: 12), Case(outputZero: 100, relu: false), Case(inputZero: 128, outputZero: 3),
    Case(channels: 1, outputs: 16), Case(channels: 16, outputs: 32), Case(channels: 13, outputs: 27, inputZero: 7),
    Case(channels: 16, outputs: 16, groups: 16), Case(channels: 8, outputs: 12, groups: 4, inputZero: 3),
    Case(channels: 16, outputs: 24, kernel: 1, padding: 0), Case(channels: 8, outputs: 8, stride: 2),
    Case(channels: 4, outputs: 8, relu: false, clip: 6), Case(channels: 16, outputs: 16, bits: 4),
  ]

  @Test(arguments: cases, [1, 2])
  func convolutionIsIntegerArithmetic(_ c: Case, threads: Int) throws {
    for batch in 1...5 where threads == 1 || batch == 3 {
      var builder = Builder()
      let input = 0x1p-4, output = (scale: 0x1p-3, zero: c.outputZero)
      try builder.scalar("in", input, c.inputZero)
      try builder.scalar("out", output.scale, c.outputZero)
      let (w, scales, bias) = try builder.weights(
        "conv", [c.outputs, c.channels / c.groups, c.kernel, c.kernel], input: input, bits: c.bits)
      builder.model.inputs = [Port("x", ValueType(.u8, [.symbol("N"), .fixed(c.channels), .fixed(c.size), .fixed(c.size)]))]
      builder.dequantize("x", "in")
      builder.model.nodes.append(
        Node(
          name: "conv", op: "Conv", inputs: ["x.d", "conv.weight", "conv.bias"], outputs: ["y"],
          attributes: [
            "pads": .ints([Int](repeating: c.padding, count: 4)), "strides": .ints([c.stride, c.stride]), "group": .int(c.groups),
          ]))
      var last = "y"
      if c.relu {
        builder.model.nodes.append(Node(name: "relu", op: "Relu", inputs: [last], outputs: ["r"]))
        last = "r"
      }
      if let clip = c.clip {
        builder.model.nodes.append(
          Node(name: "clip", op: "Clip", inputs: [last], outputs: ["k"], attributes: ["min": .float(0), "max": .float(clip)]))
        last = "k"
      }
      builder.quantize(last, "out")
      builder.model.outputs = [Port("\(last).q", ValueType(.u8, nil))]

      let x = (0..<(batch * c.channels * c.size * c.size)).map { _ in builder.random.integer(below: 256) }
      let size = (c.size + 2 * c.padding - c.kernel) / c.stride + 1
      var expected: [Int] = []
      let perGroup = c.channels / c.groups, outputsPerGroup = c.outputs / c.groups
      for n in 0..<batch {
        for o in 0..<c.outputs {
          for i in 0..<size {
            for j in 0..<size {
              var sum = bias[o]
              for k in 0..<perGroup {
                let channel = o / outputsPerGroup * perGroup + k
                for a in 0..<c.kernel {
                  for b in 0..<c.kernel {
                    let (row, column) = (i * c.stride + a - c.padding, j * c.stride + b - c.padding)
                    guard (0..<c.size).contains(row), (0..<c.size).contains(column) else { continue }
                    let q = x[((n * c.channels + channel) * c.size + row) * c.size + column] - c.inputZero
                    sum += q * w[((o * perGroup + k) * c.kernel + a) * c.kernel + b]
                  }
                }
              }
              var value = Double(sum) * input * scales[o]
              if c.relu { value = max(value, 0) }
              if let clip = c.clip { value = min(max(value, 0), clip) }
              expected.append(IntegerSessionTests.requantize(value, output))
            }
          }
        }
      }
      let session = try Session(builder.model, threads: threads, batch: batch)
      let tensor = try Tensor(x.map { UInt8($0) }, shape: Shape([batch, c.channels, c.size, c.size]))
      let got = try session(tensor).values(as: UInt8.self).map { Int($0) }
      #expect(got == expected)
      #expect(Set(got).count > 10, "the case saturates everywhere")
      let profile = try session.profile(["x": tensor], runs: 1)
      #expect(profile.contains { $0.op.hasPrefix("Conv") && $0.op.hasSuffix("QuantizeLinear") && !$0.implementation.contains("as dense") })
      // Integers all the way: nothing is dequantized.
      #expect(!profile.contains { $0.op == "DequantizeLinear" })
    }
  }

  @Test(arguments: [0, 9], [1, 2, 3, 4, 5])
  func linearIsIntegerArithmetic(_ zero: Int, _ batch: Int) throws {
    var builder = Builder()
    let input = 0x1p-6
    try builder.scalar("in", input, zero)
    let (w, scales, bias) = try builder.weights("fc", [10, 48], input: input)
    builder.model.inputs = [Port("x", ValueType(.u8, [.symbol("N"), 48]))]
    builder.dequantize("x", "in")
    builder.model.nodes.append(
      Node(name: "fc", op: "Gemm", inputs: ["x.d", "fc.weight", "fc.bias"], outputs: ["y"], attributes: ["transB": .int(1)]))
    builder.model.outputs = [Port("y", ValueType(.f32, nil))]
    let x = (0..<(batch * 48)).map { _ in builder.random.integer(below: 256) }
    let expected = (0..<batch).flatMap { n in
      (0..<10).map { o in
        let sum = (0..<48).reduce(bias[o]) { $0 + (x[n * 48 + $1] - zero) * w[o * 48 + $1] }
        return Float(Double(sum) * input * scales[o])
      }
    }
    let session = try Session(builder.model, threads: 1, batch: batch)
    let got = try session(Tensor(x.map { UInt8($0) }, shape: Shape([batch, 48]))).values(as: Float.self)
    #expect(got == expected)
    #expect(try !session.profile(runs: 1).contains { $0.op == "DequantizeLinear" })
  }

  /// A product of three axes with a quantized residual behind it and a function that does not scale: the residual is added
  /// as rows of floats inside the kernel.
  @Test(arguments: [1, 3])
  func aResidualOfMoreAxesIsAddedAsRows(_ batch: Int) throws {
    var builder = Builder()
    try builder.scalar("in", 0.03, 121)
    try builder.scalar("out", 0x1p-8, 0)
    let dense = try Tensor.randn([12, 12], seed: 3) * 0.2
    builder.model.parameters["w"] = Parameter(
      "w", try IntegerRepresentation.quantizing(dense, scales: Tensor.full([12], 0.006, .f32), axis: 1))
    builder.model.inputs = [Port("x", ValueType(.f32, [.symbol("N"), 5, 12]))]
    builder.quantize("x", "in")
    builder.dequantize("x.q", "in")
    for (op, inputs, output) in [("MatMul", ["x.q.d", "w"], "m"), ("Add", ["m", "x.q.d"], "s"), ("Sigmoid", ["s"], "g")] {
      builder.model.nodes.append(Node(name: output, op: op, inputs: inputs, outputs: [output]))
    }
    builder.quantize("g", "out")
    builder.dequantize("g.q", "out")
    builder.model.outputs = [Port("g.q.d", ValueType(.f32, nil))]
    let x = try Tensor.randn([batch, 5, 12], seed: 6)
    let expected = try #require(Interpreter(builder.model).run(["x": x]).outputs["g.q.d"]).scalars()
    for threads in [1, 2] {
      let got = try Session(builder.model, threads: threads, batch: batch)(x).scalars()
      // A tie may go the other way: one step.
      #expect(zip(got, expected).allSatisfy { ($0 - $1).magnitude <= 0x1p-8 + 1e-6 })
    }
  }

  /// Q and DQ stand where a quantizer puts them: before each layer. Pooling, flattening and the residual stay integers.
  static func network() throws -> Model {
    var builder = Builder()
    for (name, scale, zero) in [("in", 0.031, 121), ("a", 0.043, 0), ("b", 0.057, 0), ("c", 0.09, 0)] {
      try builder.scalar(name, scale, zero)
    }
    func add(_ op: String, _ inputs: [String], _ output: String, _ attributes: [String: Attribute] = [:]) {
      builder.model.nodes.append(Node(name: "\(output)_\(op)", op: op, inputs: inputs, outputs: [output], attributes: attributes))
    }
    func weights(_ name: String, _ sizes: [Int]) throws {
      let dense = try Tensor.randn(Shape(sizes), seed: 3, stream: Philox.stream(named: name)) * 0.2
      let scales = try Tensor.full(Shape([sizes[0]]), 0.006, .f32)
      builder.model.parameters["\(name).weight"] = Parameter(
        "\(name).weight", try IntegerRepresentation.quantizing(dense, scales: scales, axis: 0))
      builder.model.parameters["\(name).bias"] = Parameter(
        "\(name).bias", try Tensor.randn(Shape([sizes[0]]), seed: 4, stream: Philox.stream(named: name)))
    }
    try weights("conv1", [8, 3, 3, 3])
    try weights("conv2", [8, 8, 3, 3])
    try weights("fc1", [16, 128])
    try weights("fc2", [10, 16])
    let pads: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]
    builder.model.inputs = [Port("x", ValueType(.f32, [.symbol("N"), 3, 8, 8]))]
    builder.quantize("x", "in")
    builder.dequantize("x.q", "in")
    add("Conv", ["x.q.d", "conv1.weight", "conv1.bias"], "a0", pads)
    add("Relu", ["a0"], "a1")
    builder.quantize("a1", "a")
    builder.dequantize("a1.q", "a")
    add("Conv", ["a1.q.d", "conv2.weight", "conv2.bias"], "b0", pads)
    add("Add", ["b0", "a1.q.d"], "b1")
    add("Relu", ["b1"], "b2")
    add("MaxPool", ["b2"], "b3", ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    add("Flatten", ["b3"], "b4")
    builder.quantize("b4", "b")
    builder.dequantize("b4.q", "b")
    add("Gemm", ["b4.q.d", "fc1.weight", "fc1.bias"], "c0", ["transB": .int(1)])
    add("Relu", ["c0"], "c1")
    builder.quantize("c1", "c")
    builder.dequantize("c1.q", "c")
    add("Gemm", ["c1.q.d", "fc2.weight", "fc2.bias"], "y", ["transB": .int(1)])
    builder.model.outputs = [Port("y", ValueType(.f32, nil))]
    return builder.model
  }

  @Test(arguments: 1...5, [1, 2])
  func aQuantizedNetworkStaysInIntegers(_ batch: Int, threads: Int) throws {
    let model = try IntegerSessionTests.network()
    let session = try Session(model, threads: threads, batch: batch)
    let x = try Tensor.randn([batch, 3, 8, 8], seed: 6)
    let expected = try Interpreter(model).run(["x": x]).outputs["y"]
    let got = try session(x)
    let a = try got.scalars(), b = try #require(expected).scalars()
    // A tie that one engine rounds up and the other down moves a result by a step of one layer.
    let largest = b.map(\.magnitude).max() ?? 0
    let worst = zip(a, b).map { ($0 - $1).magnitude }.max() ?? 0
    #expect(worst <= 0.02 * largest)
    let ops = try session.profile(["x": x], runs: 1).map(\.op).filter { $0 != "Reorder" }
    #expect(
      ops == [
        "QuantizeLinear", "Conv+Relu+QuantizeLinear", "Conv+Add+Relu+QuantizeLinear", "MaxPool",
        "Gemm+Relu+QuantizeLinear", "Gemm",
      ])
    #expect(try session(x).values(as: Float.self) == got.values(as: Float.self))
  }

  @Test func weightsAloneAreDequantizedOnce() throws {
    var model = try IntegerSessionTests.network()
    model.nodes.removeAll { ["QuantizeLinear", "DequantizeLinear"].contains($0.op) }
    let renamed = ["x.q.d": "x", "a1.q.d": "a1", "b4.q.d": "b4", "c1.q.d": "c1"]
    for index in model.nodes.indices {
      model.nodes[index].inputs = model.nodes[index].inputs.map { renamed[$0] ?? $0 }
    }
    let session = try Session(model, threads: 1, batch: 2)
    let x = try Tensor.randn([2, 3, 8, 8], seed: 6)
    let expected = try #require(Interpreter(model).run(["x": x]).outputs["y"]).scalars()
    let worst = zip(try session(x).scalars(), expected).map { ($0 - $1).magnitude }.max() ?? 0
    #expect(worst <= 1e-4 * (expected.map(\.magnitude).max() ?? 0))
    #expect(try session.profile(["x": x], runs: 1).contains { $0.implementation.contains("(int as dense)") })
  }
}
