import Graph
import OrderedCollections
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// Sessions whose layers run in the kernels of their weights' representations give what the interpreter gives.
@Suite struct LayerKernelTests {
  /// A table in which every kernel is a hundred times faster than the dense layer.
  static func eager() throws -> BreakEvenTable {
    let names = ["sparse.f32", "block16x1.f32", "sparse4.u8", "sparse4.u8.tiles", "sparse-linear.f32", "codes2.f32", "codes4.f32", "codes8.f32", "signs.f32"]
    return try BreakEvenTable(curves: Dictionary(uniqueKeysWithValues: names.map { ($0, [.init(density: 1, share: 0.01)]) }))
  }

  /// Normal numbers of which a share stays, in blocks of `block` outputs.
  static func sparse(_ sizes: [Int], density: Double, block: Int = 1, seed: UInt64) throws -> Tensor {
    var random = RandomSource(seed: seed)
    var values = try Tensor.randn(Shape(sizes), seed: seed).values(as: Float.self)
    let row = sizes.dropFirst().reduce(1, *)
    for first in stride(from: 0, to: sizes[0], by: block) {
      for i in 0..<row where random.uniform() >= density {
        for o in first..<min(first + block, sizes[0]) { values[o * row + i] = 0 }
      }
    }
    return try Tensor(values, shape: Shape(sizes))
  }

  /// Two convolutions with batch normalization, residual addition and Relu, a pooling, and a linear layer.
  static func network(_ kernel: any LayerKernel.Type, block: Int) throws -> Model {
    var parameters = OrderedDictionary<String, Parameter>()
    func add(_ name: String, _ sizes: [Int], sparse isSparse: Bool = true) throws {
      let seed = Philox.stream(named: name)
      if isSparse {
        parameters[name] = Parameter(name, try CSRRepresentation(sparse(sizes, density: 0.3, block: block, seed: seed)))
      } else {
        parameters[name] = Parameter(name, try Tensor.rand(Shape(sizes), seed: seed) + 0.5)
      }
    }
    try add("w1", [33, 6, 3, 3])
    try add("b1", [33], sparse: false)
    try add("w2", [33, 33, 3, 3])
    for name in ["scale", "shift", "mean", "variance"] { try add(name, [33], sparse: false) }
    try add("w3", [36, 11, 1, 1])
    try add("w4", [10, 36])
    try add("b4", [10], sparse: false)
    let nodes = [
      Node(name: "c1", op: "Conv", inputs: ["x", "w1", "b1"], outputs: ["a"], attributes: ["pads": .ints([1, 1, 1, 1]), "strides": .ints([2, 1])]),
      Node(name: "r1", op: "Relu", inputs: ["a"], outputs: ["b"]),
      Node(name: "c2", op: "Conv", inputs: ["b", "w2"], outputs: ["c"], attributes: ["pads": .ints([2, 1, 2, 1]), "dilations": .ints([2, 1])]),
      Node(name: "bn", op: "BatchNormalization", inputs: ["c", "scale", "shift", "mean", "variance"], outputs: ["d"]),
      Node(name: "add", op: "Add", inputs: ["d", "b"], outputs: ["e"]),
      Node(name: "r2", op: "Relu", inputs: ["e"], outputs: ["f"]),
      Node(name: "c3", op: "Conv", inputs: ["f", "w3"], outputs: ["g"], attributes: ["group": .int(3)]),
      Node(name: "pool", op: "GlobalAveragePool", inputs: ["g"], outputs: ["h"]),
      Node(name: "flat", op: "Flatten", inputs: ["h"], outputs: ["i"]),
      Node(name: "fc", op: "Gemm", inputs: ["i", "w4", "b4"], outputs: ["y"], attributes: ["transB": .int(1), "alpha": .float(0.5)]),
    ]
    return Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), 6, 15, 13]))], outputs: [Port("y", ValueType(.f32, nil))], nodes: nodes,
      parameters: parameters)
  }

  @Test(arguments: [1, 2], [1, 3])
  func sparseNetworkEqualsInterpreter(threads: Int, batch: Int) throws {
    for (kernel, block) in [(SparseConvolution.self as any LayerKernel.Type, 1), (BlockConvolution.self, 16)] {
      let model = try Self.network(kernel, block: block)
      let session = try Session(
        model, threads: threads, batch: batch, kernels: [kernel, SparseLinear.self], table: Self.eager())
      let inputs = try session.syntheticInputs(seed: 4)
      try expectSame(session, model, inputs)
      let profile = try session.profile(inputs, runs: 1)
      let own = profile.filter { $0.implementation == kernel.name }.map(\.op)
      #expect(own.contains("Conv+BatchNormalization+Add+Relu"), "\(profile.map { ($0.op, $0.implementation) })")
      #expect(own.count >= 2)
      #expect(profile.contains { $0.implementation == SparseLinear.name })
      let again = try session.run(inputs)
      for (name, value) in try session.run(inputs) {
        #expect(try value.values(as: Float.self) == again[name]?.values(as: Float.self))
      }
    }
  }

  /// A residual that nobody reads later gives its memory to the sum; rows of tiles that threads share are computed once.
  @Test(arguments: [1, 2, 3], [(1, 28), (1, 7), (1, 2), (3, 14), (3, 10)])
  func residualsAreAddedInPlace(threads: Int, shape: (kernel: Int, size: Int)) throws {
    for (kernel, block) in [(SparseConvolution.self as any LayerKernel.Type, 1), (BlockConvolution.self, 16)] {
      var parameters = OrderedDictionary<String, Parameter>()
      for name in ["w1", "w2", "w3"] {
        let weights = try Self.sparse([64, 64, shape.kernel, shape.kernel], density: 0.25, block: block, seed: Philox.stream(named: name))
        parameters[name] = Parameter(name, try CSRRepresentation(weights))
      }
      let pad = shape.kernel / 2, pads: [String: Attribute] = ["pads": .ints([pad, pad, pad, pad])]
      let model = Model(
        inputs: [Port("x", ValueType(.f32, [1, 64, .fixed(shape.size), .fixed(shape.size)]))], outputs: [Port("y", ValueType(.f32, nil))],
        nodes: [
          Node(name: "c1", op: "Conv", inputs: ["x", "w1"], outputs: ["a"], attributes: pads),
          Node(name: "r1", op: "Relu", inputs: ["a"], outputs: ["b"]),
          Node(name: "c2", op: "Conv", inputs: ["b", "w2"], outputs: ["c"], attributes: pads),
          Node(name: "c3", op: "Conv", inputs: ["c", "w3"], outputs: ["d"], attributes: pads),
          Node(name: "add", op: "Add", inputs: ["d", "b"], outputs: ["e"]),
          Node(name: "pool", op: "GlobalAveragePool", inputs: ["e"], outputs: ["y"]),
        ], parameters: parameters)
      let session = try Session(model, threads: threads, kernels: [kernel], table: Self.eager())
      let inputs = try session.syntheticInputs(seed: 2)
      try expectSame(session, model, inputs)
      #expect(try session.profile(inputs, runs: 1).filter { $0.implementation == kernel.name }.count == 3)
      if shape == (1, 28) { #expect(session.arenaBytes < 3 * 64 * shape.size * shape.size * 4) }
    }
  }

  /// Images of a multiple of 16 channels go into blocks of 16, and out of them again where the model hands them out.
  @Test(arguments: [1, 3], [1, 2])
  func channelBlocksComeAndGo(kernel: Int, stride: Int) throws {
    let weights = try Self.sparse([48, 32, kernel, kernel], density: 0.3, block: 16, seed: 5)
    let attributes: [String: Attribute] = ["pads": .ints([1, 0, 0, 1]), "strides": .ints([stride, stride])]
    let model = Model(
      inputs: [Port("x", ValueType(.f32, [2, 32, 9, 11]))], outputs: [Port("y", ValueType(.f32, nil))],
      nodes: [Node(name: "c", op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: attributes)],
      parameters: ["w": Parameter("w", try CSRRepresentation(weights))])
    let session = try Session(model, threads: 2, batch: 2, kernels: [BlockConvolution.self], table: Self.eager())
    let inputs = try session.syntheticInputs(seed: 3)
    try expectSame(session, model, inputs)
    let steps = try session.profile(inputs, runs: 1).map(\.implementation)
    #expect(steps == ["image copy", BlockConvolution.name, "image copy"], "\(steps)")
  }

  /// The built-in table takes dense layers as they are, and very sparse ones by their own kernel; a mask changes nothing.
  /// Weights are packed from a copy that lives as long as the packing: small ones whose memory is soon taken again.
  @Test(arguments: [8, 12, 16, 20, 24, 33], [5, 8, 12, 16])
  func smallSparseProductsEqualInterpreter(inner: Int, outputs: Int) throws {
    let weights = try Self.sparse([inner, outputs], density: 0.2, seed: UInt64(inner * 100 + outputs))
    let model = Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), .fixed(inner)]))], outputs: [Port("y", ValueType(.f32, nil))],
      nodes: [Node(name: "fc", op: "MatMul", inputs: ["x", "w"], outputs: ["y"])],
      parameters: ["w": Parameter("w", try CSRRepresentation(weights))])
    for batch in [1, 3] {
      let session = try Session(model, threads: 1, batch: batch, kernels: [SparseLinear.self], table: Self.eager())
      let inputs = try session.syntheticInputs(seed: 3)
      try expectSame(session, model, inputs)
      #expect(try session.profile(inputs, runs: 1).contains { $0.implementation == SparseLinear.name })
    }
  }

  @Test func zerosDecide() throws {
    func implementation(_ make: (Tensor) throws -> Parameter, density: Double) throws -> String {
      let weights = try Self.sparse([64, 64, 3, 3], density: density, seed: 3)
      let model = Model(
        inputs: [Port("x", ValueType(.f32, [1, 64, 14, 14]))], outputs: [Port("y", ValueType(.f32, nil))],
        nodes: [Node(name: "c", op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: ["pads": .ints([1, 1, 1, 1])])],
        parameters: ["w": try make(weights)])
      let session = try Session(model, threads: 1)
      return try #require(session.profile(runs: 1).first { $0.op.hasPrefix("Conv") }).implementation
    }
    #expect(try implementation({ Parameter("w", $0) }, density: 1).hasPrefix("sparse") == false)
    #expect(try implementation({ Parameter("w", $0) }, density: 0.1) == "sparse.f32")
    #expect(try implementation({ Parameter("w", try CSRRepresentation($0)) }, density: 0.1) == "sparse.f32")
    #expect(try implementation({ Parameter("w", try CSRRepresentation($0)) }, density: 0.7).hasPrefix("sparse") == false)
    #expect(
      try implementation({ Parameter("w", try MaskedRepresentation($0, mask: $0)) }, density: 0.1).hasPrefix("sparse") == false)
  }

  /// Integers come out as from the dense layer, bit for bit: with a residual, a signed source, a floating result.
  @Test(arguments: [DType.u8, .i8], [true, false])
  func sparseIntegersEqualDenseOnes(_ dtype: DType, hasResidual: Bool) throws {
    var random = RandomSource(seed: 6)
    var values = (0..<16 * 8 * 9).map { _ in Int8(random.integer(below: 255) - 127) }
    for o in 0..<16 {
      for plane in 0..<2 {
        for tap in 0..<9 where random.uniform() < 0.6 { for k in 0..<4 { values[(o * 8 + plane * 4 + k) * 9 + tap] = 0 } }
      }
    }
    var parameters = OrderedDictionary<String, Parameter>()
    func scalar(_ name: String, _ scale: Float, _ zero: Int, _ type: DType = .u8) throws {
      parameters["\(name).s"] = Parameter("\(name).s", try Tensor([scale], shape: []), isTrainable: false)
      let point = try type == .u8 ? Tensor([UInt8(zero)], shape: []) : Tensor([Int8(zero)], shape: [])
      parameters["\(name).z"] = Parameter("\(name).z", point, isTrainable: false)
    }
    try scalar("in", 0x1p-4, dtype == .u8 ? 128 : 3, dtype)
    try scalar("out", 0x1p-2, 7)
    parameters["w"] = Parameter(
      "w", try IntegerRepresentation(
        values: Tensor(values, shape: [16, 8, 3, 3]),
        scales: Tensor((0..<16).map { Float([0x1p-7, 0x1p-8][$0 % 2]) }, shape: [16]), axis: 0))
    parameters["b"] = Parameter("b", try Tensor((0..<16).map { Float($0) * 0.25 }, shape: [16]))
    func node(_ op: String, _ from: [String], _ to: String, _ attributes: [String: Attribute] = [:]) -> Node {
      Node(name: to, op: op, inputs: from, outputs: [to], attributes: attributes)
    }
    var nodes = [
      node("DequantizeLinear", ["x", "in.s", "in.z"], "d"),
      node("Conv", ["d", "w", "b"], "c", ["pads": .ints([1, 1, 1, 1])]),
    ]
    var inputs = [Port("x", ValueType(dtype, [2, 8, 9, 10]))]
    if hasResidual {
      inputs.append(Port("r", ValueType(.u8, [2, 16, 9, 10])))
      nodes += [node("DequantizeLinear", ["r", "out.s", "out.z"], "rd"), node("Add", ["c", "rd"], "e")]
    }
    nodes += [node("Relu", [hasResidual ? "e" : "c"], "f"), node("QuantizeLinear", ["f", "out.s", "out.z"], "y")]
    for isFloat in [false, true] where !(isFloat && hasResidual) {
      let model = Model(
        inputs: inputs, outputs: [Port(isFloat ? "f" : "y", ValueType(isFloat ? .f32 : .u8, nil))],
        nodes: isFloat ? nodes.dropLast() : nodes, parameters: parameters)
      let dense = try Session(model, threads: 1, kernels: [], table: Self.eager())
      let x = (0..<2 * 8 * 90).map { _ in UInt8(random.integer(below: 256)) }
      var given = [
        "x": dtype == .u8
          ? try Tensor(x, shape: [2, 8, 9, 10]) : try Tensor(x.map { Int8(bitPattern: $0) }, shape: [2, 8, 9, 10])
      ]
      if hasResidual {
        given["r"] = try Tensor((0..<2 * 16 * 90).map { _ in UInt8(random.integer(below: 256)) }, shape: [2, 16, 9, 10])
      }
      let expected = try dense.run(given)
      for threads in [1, 2] {
        let session = try Session(model, threads: threads, kernels: [SparseIntegerConvolution.self], table: Self.eager())
        #expect(try session.profile(given, runs: 1).contains { $0.implementation == "sparse4.u8" })
        for (name, value) in try session.run(given) {
          let problem = try difference(value, #require(expected[name]))
          #expect(problem == nil, "\(name): \(problem ?? "")")
        }
      }
    }
  }

  @Test(arguments: [2, 3, 4, 8], [1, 5])
  func codedLinearEqualsInterpreter(bits: Int, batch: Int) throws {
    for transposed in [false, true] {
      let sizes = transposed ? [40, 70] : [70, 40]
      let axis = transposed ? 1 : 0
      let weights = try IntegerRepresentation.quantizing(
        Tensor.randn(Shape(sizes), seed: 9), scales: Tensor.rand([70], seed: 2) + 0.5,
        zeroPoints: transposed ? Tensor((0..<70).map { Int8($0 % 2) }, shape: [70]) : nil, axis: axis, bits: bits)
      let model = Model(
        inputs: [Port("x", ValueType(.f32, [.symbol("N"), 40]))], outputs: [Port("y", ValueType(.f32, nil))],
        nodes: [
          Node(name: "fc", op: "Gemm", inputs: ["x", "w", "b"], outputs: ["a"], attributes: ["transB": .int(transposed ? 0 : 1)]),
          Node(name: "r", op: "Relu", inputs: ["a"], outputs: ["y"]),
        ],
        parameters: ["w": Parameter("w", weights), "b": Parameter("b", try Tensor.randn([70], seed: 3))])
      let session = try Session(model, threads: 2, batch: batch, kernels: [CodedLinear.self], table: Self.eager())
      let inputs = try session.syntheticInputs(seed: 5)
      try expectSame(session, model, inputs)
      #expect(try session.profile(inputs, runs: 1).contains { $0.implementation == "codes.f32" })
    }
  }

  @Test func codedWeightsAreChecked() throws {
    func code(_ body: () throws -> CodedWeights) -> PareError.Code? {
      do { _ = try body() } catch { return (error as? PareError)?.code }
      return nil
    }
    let codes = [UInt8](repeating: 1, count: 2 * 64), table = [Float](repeating: 1, count: 16)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 4, table: table, group: 32, scales: [1, 2, 3, 4]) } == nil)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 63, bits: 4, table: table, group: 32, scales: [1, 2, 3, 4]) } == .argument)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 3, table: table, group: 32, scales: [1, 2, 3, 4]) } == .argument)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 2, table: table, group: 32, scales: [1, 2, 3, 4]) } == .argument)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 4, table: table, group: 48, scales: [1, 2, 3, 4]) } == .argument)
    #expect(code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 4, table: table, group: 64, scales: [1]) } == .argument)
    #expect(
      code { try CodedWeights(codes: codes, outputs: 2, inner: 64, bits: 4, table: table, group: 64, scales: [1, 2], offsets: [1]) }
        == .argument)
  }

  /// Weights of a linear layer of 70 outputs and 75 inputs in each representation whose codes are decoded in registers.
  static func coded(transposed: Bool) throws -> [(any Representation)] {
    let sizes = transposed ? [75, 70] : [70, 75], axis = transposed ? 1 : 0
    let w = try Tensor.randn(Shape(sizes), seed: 21), mask = try Tensor.randn(Shape(sizes), seed: 22).gt(0)
    let grid = transposed ? [3, 70] : [70, 3]
    func table(_ count: Int) throws -> Tensor { try Tensor((0..<count).map { Float($0 * $0) / Float(count) - 2 }, shape: [count]) }
    return [
      try IntegerRepresentation.quantizing(w, scales: Tensor.rand(Shape(grid), seed: 3) + 0.2, axis: axis, group: 32, bits: 4),
      try IntegerRepresentation.quantizing(
        w, scales: Tensor.rand(Shape(grid), seed: 3) + 0.2, zeroPoints: Tensor.full(Shape(grid), 6, .u8), axis: axis, group: 32,
        bits: 4, signed: false),
      try IntegerRepresentation.quantizing(w, scales: Tensor.full(Shape(transposed ? [1, 70] : [70, 1]), 0.5), axis: axis, group: 96, bits: 2),
      try CodebookRepresentation.nearest(w, table: table(3)), try CodebookRepresentation.nearest(w, table: table(16)),
      try CodebookRepresentation.nearest(w, table: table(256)), try CodebookRepresentation.nearest(w, table: table(15), mask: mask),
      try TernaryRepresentation(nearest: w, axis: axis), try TernaryRepresentation(nearest: w, axis: nil, mask: mask),
      try BinaryRepresentation(nearest: w, axis: axis),
    ]
  }

  @Test(arguments: [false, true], [1, 6])
  func codesOfEveryRepresentationEqualInterpreter(transposed: Bool, batch: Int) throws {
    for weights in try Self.coded(transposed: transposed) {
      let model = Model(
        inputs: [Port("x", ValueType(.f32, [.symbol("N"), 75]))], outputs: [Port("y", ValueType(.f32, nil))],
        nodes: [
          Node(
            name: "fc", op: "Gemm", inputs: ["x", "w", "b"], outputs: ["a"],
            attributes: ["transB": .int(transposed ? 0 : 1), "alpha": .float(0.5)]),
          Node(name: "r", op: "Relu", inputs: ["a"], outputs: ["y"]),
        ],
        parameters: ["w": Parameter("w", weights), "b": Parameter("b", try Tensor.randn([70], seed: 3))])
      try onEveryInstructionSet { _ in
        let session = try Session(model, threads: 2, batch: batch, kernels: [CodedLinear.self], table: Self.eager())
        let inputs = try session.syntheticInputs(seed: 5)
        try expectSame(session, model, inputs)
        #expect(try session.profile(inputs, runs: 1).contains { $0.implementation == "codes.f32" }, "\(weights.label)")
      }
    }
  }

  /// Two convolutions of signs with batch normalization, residual and Relu; the padded border adds nothing.
  @Test(arguments: [1, 3], [1, 2])
  func signConvolutionsEqualInterpreter(batch: Int, threads: Int) throws {
    var parameters = OrderedDictionary<String, Parameter>()
    for (name, value) in [("zero", 0), ("one", 1), ("minus", -1)] as [(String, Float)] {
      parameters[name] = Parameter(name, try Tensor([value], shape: []), isTrainable: false)
    }
    parameters["w1"] = Parameter("w1", try BinaryRepresentation(nearest: Tensor.randn([18, 40, 3, 3], seed: 2), axis: 0))
    parameters["w2"] = Parameter("w2", try BinaryRepresentation(nearest: Tensor.randn([18, 18, 1, 1], seed: 3), axis: nil))
    parameters["b"] = Parameter("b", try Tensor.randn([18], seed: 4))
    for name in ["scale", "shift", "mean", "variance"] {
      parameters[name] = Parameter(name, try Tensor.rand([18], seed: Philox.stream(named: name)) + 0.5)
    }
    func signs(_ from: String, _ to: String) -> [Node] {
      [
        Node(name: to + "p", op: "GreaterOrEqual", inputs: [from, "zero"], outputs: [to + "p"]),
        Node(name: to, op: "Where", inputs: [to + "p", "one", "minus"], outputs: [to]),
      ]
    }
    let window: [String: Attribute] = ["pads": .ints([1, 1, 1, 1]), "strides": .ints([1, 2])]
    let nodes = signs("x", "s") + [
      Node(name: "c1", op: "Conv", inputs: ["s", "w1", "b"], outputs: ["a"], attributes: window),
      Node(name: "bn", op: "BatchNormalization", inputs: ["a", "scale", "shift", "mean", "variance"], outputs: ["n"]),
      Node(name: "r", op: "Relu", inputs: ["n"], outputs: ["h"]),
    ] + signs("h", "t") + [
      Node(name: "c2", op: "Conv", inputs: ["t", "w2"], outputs: ["c"]),
      Node(name: "add", op: "Add", inputs: ["c", "h"], outputs: ["y"]),
    ]
    let model = Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), 40, 9, 8]))], outputs: [Port("y", ValueType(.f32, nil))], nodes: nodes,
      parameters: parameters)
    try onEveryInstructionSet { _ in
      let session = try Session(model, threads: threads, batch: batch, kernels: [BinaryConvolution.self], table: Self.eager())
      let inputs = try session.syntheticInputs(seed: 5)
      try expectSame(session, model, inputs)
      #expect(try session.profile(inputs, runs: 1).count { $0.implementation == "signs.f32" } == 2)
    }
    // Without the kernel the signs are made.
    let dense = try Session(model, threads: threads, batch: batch, kernels: [], table: Self.eager())
    try expectSame(dense, model, dense.syntheticInputs(seed: 6))
  }

  private func expectSame(_ session: Session, _ model: Model, _ inputs: [String: Tensor]) throws {
    for (name, value) in try Interpreter(model).run(inputs).outputs {
      let problem = try difference(#require(session.run(inputs)[name]), value, absolute: 2e-4, relative: 2e-5)
      #expect(problem == nil, "'\(name)': \(problem ?? "")")
    }
  }
}
