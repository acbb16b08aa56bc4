import PareKit
import Quantization
import Testing

@Suite struct QuantizeTests {
  @Test func symmetricGridAgreesWithNumPy() throws {
    let quantizer: any Quantizer = try BuiltIns.make(.quantizer, "uniform")
    for row in try Golden.load().quantization {
      let weight = try Tensor(row.weight.map(Float.init), shape: [3, 8])
      let result = try quantizer.quantize(weight, bits: row.bits, axis: 0)
      #expect(try result.scale.floats() == row.scale.map(Float.init))
      #expect(try result.values.values(as: Int64.self).map(Int.init) == row.integers)
      #expect(result.values.dtype == .i8)
      // Half a step is the most that rounding may cost, and 0 costs nothing.
      let back = try quantizer.dequantize(result, axis: 0).floats()
      for (index, value) in row.weight.enumerated() {
        #expect(abs(Double(back[index]) - value) <= row.scale[index / 8] * 0.5000001)
        if value == 0 { #expect(back[index] == 0) }
      }
    }
  }

  @Test func affineGridAgreesWithNumPy() throws {
    let quantizer: any Quantizer = try BuiltIns.make(.quantizer, "uniform", ["symmetric": false])
    for row in try Golden.load().quantization {
      let result = try quantizer.quantize(Tensor(row.weight.map(Float.init), shape: [3, 8]), bits: row.bits, axis: nil)
      #expect(try result.scale.floats() == [Float(row.affineScale)])
      #expect(try result.zero?.values(as: UInt8.self) == [UInt8(row.affineZero)])
      #expect(try result.values.values(as: Int64.self).map(Int.init) == row.affine)
    }
  }

  @Test func constantsAndZerosHaveAGrid() throws {
    for symmetric in [true, false] {
      let quantizer: any Quantizer = try BuiltIns.make(.quantizer, "uniform", ["symmetric": .boolean(symmetric)])
      let zero = try quantizer.quantize(Tensor.zeros([2, 3]), bits: 8, axis: 0)
      #expect(try zero.scale.floats().allSatisfy { $0 > 0 })
      #expect(try quantizer.dequantize(zero, axis: 0).floats().allSatisfy { $0 == 0 })
      let constant = try quantizer.quantize(Tensor.full([2, 3], -3), bits: 8, axis: 0)
      #expect(try quantizer.dequantize(constant, axis: 0).floats().allSatisfy { abs($0 + 3) < 0.02 })
    }
  }

  @Test func minmaxSeesEveryBatch() throws {
    let observer: any RangeObserver = try BuiltIns.make(.observer, "minmax")
    var seen = try observer.start()
    for values in [[0.5, 2], [-3, 1], [0, 0]] as [[Float]] { try seen.update(Tensor(values, shape: [2])) }
    #expect(try seen.range() == (-3, 2))
    #expect(BuiltIns.code { _ = try observer.start().range() } == .argument)
  }

  @Test func percentileAgreesWithNumPyToABin() throws {
    let golden = try Golden.load().percentiles
    for cut in golden.cuts {
      let observer: any RangeObserver = try BuiltIns.make(.observer, "percentile", ["percentile": .number(cut.percentile)])
      var seen = try observer.start()
      for start in stride(from: 0, to: golden.values.count, by: 100) {
        let part = golden.values[start..<min(start + 100, golden.values.count)]
        try seen.update(Tensor(part.map(Float.init), shape: [part.count]))
      }
      let range = try seen.range()
      // The range doubles at most to twice the largest value; a bin is a 2048th of that, both ways.
      let bin = 4 * (golden.values.map(abs).max() ?? 0) / 2048
      #expect(abs(range.low - cut.low) <= bin + 0.02)
      #expect(abs(range.high - cut.high) <= bin + 0.02)
    }
  }

  @Test func weightsBecomeIntegersAndOutputsStayNear() throws {
    let data = try Zoo.digits()
    let model = try Zoo.cnn()
    let quantized = try BuiltIns.apply("quantize", ["bits": 8], to: model, data: data)
    for name in ["conv1", "conv2", "fc1", "fc2"] {
      #expect(try quantized.layer(named: name).representation == "int")
      let weight = try model.weight("\(name).weight")
      let scales = try #require(quantized.parameter(named: "\(name).weight").value as? IntegerRepresentation).scales.floats()
      let row = weight.count / weight.shape[0]
      let pairs = zip(try weight.floats(), try quantized.weight("\(name).weight").floats())
      for (index, pair) in pairs.enumerated() { #expect(abs(pair.0 - pair.1) <= scales[index / row] * 0.5000001) }
    }
    #expect(quantized.nodes.count { $0.op == "QuantizeLinear" } == quantized.nodes.count { $0.op == "DequantizeLinear" })
    #expect(quantized.nodes.count { $0.op == "QuantizeLinear" } > 0)
    #expect(quantized.outputs == model.outputs)
    let batch = try data.validation.all()
    let expected = try model(batch.x)
    let spread = try expected.max().item() - expected.min().item()
    #expect(try quantized(batch.x).largestDifference(from: expected) < 0.05 * spread)
    #expect(try quantized.cost().bytes * 3 < model.cost().bytes)
  }

  @Test func pairsStandBehindTheReluAndKeepTheChain() throws {
    let quantized = try BuiltIns.apply("quantize", ["bits": 8], to: Zoo.cnn(), data: Zoo.digits())
    var producers: [String: Node] = [:]
    for node in quantized.nodes { for output in node.outputs { producers[output] = node } }
    for node in quantized.nodes where ["Conv", "Gemm"].contains(node.op) {
      #expect(producers[node.inputs[0]]?.op == "DequantizeLinear")
    }
    for node in quantized.nodes where node.op == "QuantizeLinear" {
      let origin = producers[node.inputs[0]]?.op ?? "input"
      #expect(["input", "Relu", "MaxPool", "Flatten"].contains(origin))
    }
    // The grid before and after a MaxPool or Flatten is one and the same.
    for node in quantized.nodes where ["MaxPool", "Flatten"].contains(node.op) {
      let before = try #require(producers[node.inputs[0]])
      let after = try #require(quantized.nodes.first { $0.op == "QuantizeLinear" && $0.inputs[0] == node.outputs[0] })
      #expect(before.inputs[1] == after.inputs[1] && before.inputs[2] == after.inputs[2])
    }
  }

  @Test func weightsOnlyNeedsNoData() throws {
    let quantized = try BuiltIns.apply("quantize", ["weights": ["bits": 4]], to: Zoo.cnn())
    #expect(!quantized.nodes.contains { $0.op == "QuantizeLinear" })
    #expect(try (quantized.parameter(named: "fc1.weight").value as? IntegerRepresentation)?.bits == 4)
    #expect(try quantized.cost().bytes * 6 < Zoo.cnn().cost().bytes)
    let other = try BuiltIns.apply("quantize", ["bits": 4, "activations": false], to: Zoo.cnn())
    #expect(try other.hash() == quantized.hash())
  }

  @Test func lowBitActivationsStayOnTheirGrid() throws {
    let data = try Zoo.digits()
    let quantized = try BuiltIns.apply("quantize", ["bits": 8, "activations": ["bits": 3]], to: Zoo.cnn(), data: data)
    let pair = try #require(quantized.nodes.first { $0.op == "DequantizeLinear" })
    let batch = try data.validation.take(16).all()
    let execution = try Interpreter(quantized).run([quantized.inputs[0].name: batch.x], taps: [pair.outputs[0]])
    #expect(try Set(#require(execution.taps[pair.outputs[0]]).floats()).count <= 8)
  }

  @Test func zerosStayZerosThroughQuantizationAndTraining() throws {
    let data = try Zoo.digits()
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.7], to: Zoo.cnn())
    let quantized = try BuiltIns.apply("quantize", ["bits": 8], to: pruned, data: data)
    let tuned = try BuiltIns.apply("finetune", ["epochs": 1], to: quantized, data: data)
    for name in ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"] {
      let gone = try pruned.zeros(of: name)
      #expect(try zip(gone, quantized.zeros(of: name)).allSatisfy { !$0 || $1 })
      #expect(try zip(gone, tuned.zeros(of: name)).allSatisfy { !$0 || $1 })
      #expect(try tuned.parameter(named: name).value is IntegerRepresentation)
    }
    // Training reaches the integers: some of them move.
    #expect(try tuned.weight("fc1.weight").largestDifference(from: quantized.weight("fc1.weight")) > 0)
  }

  @Test func batchNormIsFolded() throws {
    let data = try Zoo.digits()
    let quantized = try BuiltIns.apply("quantize", ["bits": 8], to: Zoo.withBatchNorm(), data: data)
    #expect(!quantized.nodes.contains { $0.op == "BatchNormalization" })
  }

  static let refused: [([String: Value], PareError.Code)] = [
    (["bits": 9], .argument), (["bits": 1], .argument), (["weights": ["bit": 4]], .argument),
    (["weights": ["bits": 12]], .argument), (["activations": true], .argument), (["keep": ["nothing"]], .notFound),
    (["observer": "minmix"], .notFound), (["layers": ["fc1": 4]], .argument),
    (["keep": ["conv1", "conv2", "fc1", "fc2"]], .nothingChanged), (["calibration": 0], .argument),
    (["weights": ["bits": 4, "group": 0]], .argument),
    (["weights": ["bits": 4, "granularity": "channel", "group": 32]], .argument),
  ]

  @Test(arguments: refused.indices)
  func refuses(index: Int) throws {
    let (values, code) = Self.refused[index]
    #expect(BuiltIns.code { _ = try BuiltIns.apply("quantize", values, to: Zoo.cnn(), data: Zoo.digits()) } == code)
  }
}
