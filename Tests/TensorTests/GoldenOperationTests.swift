import Foundation
import Support
import Tensor
import TestSupport
import Testing

/// Operations against what PyTorch and NumPy gave; the cases and their generator are in Tests/Golden/tensor.
private struct GoldenCase: Decodable {
  struct Array: Decodable {
    let dtype: String
    let shape: [Int]
    let values: [Number]

    func tensor() throws -> Tensor {
      let dtype = try #require(DType(rawValue: dtype))
      return try Tensor(values.map { $0.value }, shape: Shape(shape)).converted(to: dtype)
    }
  }

  /// A number, or "inf", "-inf", "nan", which JSON has not.
  struct Number: Decodable {
    let value: Double
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      value = try (try? container.decode(Double.self)) ?? Double(container.decode(String.self)) ?? .nan
    }
  }

  let name: String
  let inputs: [Array]
  let outputs: [Array]

  static let all: [GoldenCase] = {
    do { return try JSONDecoder().decode([GoldenCase].self, from: Data(TestFiles.read(TestFiles.golden("tensor/cases.json")))) } catch {
      Issue.record(error)
      return []
    }
  }()
}

private typealias Operation = @Sendable ([Tensor]) throws -> [Tensor]

private func one(_ f: @escaping @Sendable ([Tensor]) throws -> Tensor) -> Operation { { [try f($0)] } }

private let elements: [String: Operation] = [
  "exp2": one { try $0[0].exp2() }, "expm1": one { try $0[0].expm1() }, "sinh": one { try $0[0].sinh() },
  "cosh": one { try $0[0].cosh() }, "asinh": one { try $0[0].asinh() }, "tan": one { try $0[0].tan() },
  "atan": one { try $0[0].atan() }, "trunc": one { try $0[0].trunc() }, "isinf": one { try $0[0].isInfinite() },
  "isnan": one { try $0[0].isNaN() }, "asin": one { try $0[0].asin() }, "acos": one { try $0[0].acos() },
  "atanh": one { try $0[0].atanh() }, "log2": one { try $0[0].log2() }, "log10": one { try $0[0].log10() },
  "log1p": one { try $0[0].log1p() }, "acosh": one { try $0[0].acosh() }, "atan2": one { try $0[0].atan2($0[1]) },
  "floor_divide": one { try $0[0].floorDivide($0[1]) }, "floor_divide tenths": one { try $0[0].floorDivide(0.1) },
  "remainder": one { try $0[0].remainder($0[1]) }, "fmod": one { try $0[0].fmod($0[1]) },
  "floor_divide integers": one { try $0[0].floorDivide($0[1]) }, "remainder integers": one { try $0[0].remainder($0[1]) },
  "fmod integers": one { try $0[0].fmod($0[1]) }, "lerp 0.3": one { try $0[0].lerp($0[1], weight: 0.3) },
  "lerp tensor": one { try $0[0].lerp($0[1], weight: $0[2]) }, "bitwise and": one { try $0[0].and($0[1]) },
  "bitwise or": one { try $0[0].or($0[1]) }, "bitwise xor": one { try $0[0].xor($0[1]) },
  "bitwise not": one { try $0[0].bitNot() }, "shift left": one { try $0[0].shiftedLeft($0[1]) },
  "shift right": one { try $0[0].shiftedRight($0[1]) },
]

private let activations: [String: Operation] = [
  "gelu": one { try $0[0].gelu() }, "gelu tanh": one { try $0[0].gelu(.tanh) }, "silu": one { try $0[0].silu() },
  "mish": one { try $0[0].mish() }, "softplus": one { try $0[0].softplus() },
  "softplus beta threshold": one { try $0[0].softplus(beta: 2.5, threshold: 4) },
  "logsigmoid": one { try $0[0].logSigmoid() }, "leaky_relu": one { try $0[0].leakyRelu(0.2) },
  "leaky_relu steep": one { try $0[0].leakyRelu(3) }, "prelu": one { try $0[0].prelu($0[1]) },
  "prelu one": one { try $0[0].prelu($0[1]) }, "relu6": one { try $0[0].relu6() }, "elu": one { try $0[0].elu(alpha: 0.7) },
  "selu": one { try $0[0].selu() }, "celu": one { try $0[0].celu(alpha: 0.7) },
  "hardsigmoid": one { try $0[0].hardSigmoid(alpha: 1.0 / 6) }, "hardswish": one { try $0[0].hardSwish() },
  "hardtanh": one { try $0[0].hardtanh(min: -0.5, max: 2) }, "softsign": one { try $0[0].softsign() },
  "threshold": one { try $0[0].thresholded(0.1, value: 20) }, "hardshrink": one { try $0[0].hardShrink(0.4) },
  "softshrink": one { try $0[0].softShrink(0.4) }, "glu": one { try $0[0].glu(axis: 1) },
  "softmin": one { try $0[0].softmin(axis: 0) },
]

private let reductions: [String: Operation] = [
  "std": one { try $0[0].std() }, "std axis": one { try $0[0].std(axes: [1], unbiased: false, keepDims: true) },
  "logsumexp": one { try $0[0].logSumExp(axes: [0, 2]) }, "logsumexp edges": one { try $0[0].logSumExp(axes: [1]) },
  "norm 0": one { try $0[0].norm(0, axes: [0, 2]) }, "norm 1": one { try $0[0].norm(1, axes: [0, 2]) },
  "norm 2": one { try $0[0].norm(2, axes: [0, 2]) }, "norm 3": one { try $0[0].norm(3, axes: [0, 2]) },
  "norm inf": one { try $0[0].norm(.infinity, axes: [0, 2]) }, "norm -inf": one { try $0[0].norm(-.infinity, axes: [0, 2]) },
  "argmax last": one { try $0[0].lastArgmax(axis: 1) }, "argmin last": one { try $0[0].lastArgmin(axis: 1) },
  "median": one { try $0[0].median() },
  "median axis": { let (v, i) = try $0[0].median(axis: 0); return [v, i] },
  "median nan": one { try $0[0].median(axis: 1).values }, "cumprod": one { try $0[0].cumprod(axis: 1) },
  "cumprod integers": one { try $0[0].cumprod(axis: 0) }, "bincount": one { try $0[0].bincount(minimum: 7) },
  "bincount weights": one { try $0[0].bincount(weights: $0[1]) },
  "unique": { let (v, i, c) = try $0[0].uniqueWithInverse(); return [v, i, c] },
  "unique floats": { let (v, i, c) = try $0[0].uniqueWithInverse(); return [v, i, c] },
  "histogram": { let (c, e) = try $0[0].histogram(bins: 5, range: -2...2); return [c, e] },
  "histogram own range": { let (c, e) = try $0[0].histogram(bins: 7); return [c, e] },
]

private let indexing: [String: Operation] = [
  "gather": one { try $0[0].gatherElements(axis: 1, indices: $0[1]) },
  "scatter": one { try $0[0].scatterElements(axis: 1, indices: $0[1], values: $0[2]) },
  "scatter add": one { try $0[0].scatterElements(axis: 0, indices: $0[1], values: $0[2], reduction: .add) },
  "scatter mul": one { try $0[0].scatterElements(axis: 0, indices: $0[1], values: $0[2], reduction: .mul) },
  "scatter max": one { try $0[0].scatterElements(axis: 0, indices: $0[1], values: $0[2], reduction: .max) },
  "scatter min": one { try $0[0].scatterElements(axis: 0, indices: $0[1], values: $0[2], reduction: .min) },
  "gather_nd": one { try $0[0].gatherND(indices: $0[1]) }, "gather_nd full": one { try $0[0].gatherND(indices: $0[1]) },
  "gather_nd batch": one { try $0[0].gatherND(indices: $0[1], batchAxes: 1) },
  "scatter_nd": one { try $0[0].scatterND(indices: $0[1], values: $0[2]) },
  "scatter_nd add": one { try $0[0].scatterND(indices: $0[1], values: $0[2], reduction: .add) },
  "scatter_nd mul": one { try $0[0].scatterND(indices: $0[1], values: $0[2], reduction: .mul) },
  "scatter_nd max": one { try $0[0].scatterND(indices: $0[1], values: $0[2], reduction: .max) },
  "take": one { try $0[0].take($0[1]) }, "masked_fill": one { try $0[0].maskedFill($0[1], -7) },
  "masked_select": one { try $0[0].maskedSelect($0[1]) }, "nonzero": one { try $0[0].nonzeroIndices() },
  "triu": one { try $0[0].triu(diagonal: 1) }, "tril": one { try $0[0].tril(diagonal: -1) },
  "diagonal": one { try $0[0].diagonal(offset: 1, 0, 2) }, "diagonal below": one { try $0[0].diagonal(offset: -2) },
  "diag_embed": one { try $0[0].diagonalMatrix(offset: -1) }, "embedding": one { try $0[0].embedding($0[1]) },
  "one_hot": one { try $0[0].oneHot(classes: 4, dtype: .i64) },
]

private let structure: [String: Operation] = [
  "roll": one { try $0[0].rolled(2, axis: 1) }, "roll back": one { try $0[0].rolled(-7, axis: 0) },
  "flip": one { try $0[0].flipped(axes: [0, 2]) }, "repeat_interleave": one { try $0[0].repeated(3, axis: 1) },
  "tile": one { try $0[0].tiled([2, 3]) }, "chunk": { try $0[0].chunked(3, axis: 1) },
  "pad reflect": one { try $0[0].padded([1, 3, 2, 0], mode: .reflect) },
  "pad edge": one { try $0[0].padded([1, 3, 2, 0], mode: .edge) }, "pad wrap": one { try $0[0].padded([1, 3, 2, 0], mode: .wrap) },
  "pad wrap far": one { try $0[0].padded([5, 4], mode: .wrap) },
  "unfold": one { try $0[0].unfolded(kernel: [2, 3], strides: [2, 1], padding: [1, 2], dilations: [1, 2]) },
  "pixel_shuffle": one { try $0[0].depthToSpace(block: 2, order: .crd) },
  "pixel_unshuffle": one { try $0[0].spaceToDepth(block: 2, order: .crd) },
  "depth_to_space": one { try $0[0].depthToSpace(block: 2) }, "meshgrid": { try Tensor.meshgrid($0) },
  "linspace": one { _ in try Tensor.linspace(-1, 2, count: 7, dtype: .f64) },
  "logspace": one { _ in try Tensor.logspace(-2, 3, count: 4, base: 2, dtype: .f64) },
  "eye": one { _ in try Tensor.eye(3, 4, diagonal: 1, dtype: .f64) },
  "matmul vector batch": one { try $0[0].matmul($0[1]) }, "matmul batch vector": one { try $0[0].matmul($0[1]) },
  "outer": one { try $0[0].outer($0[1]) }, "dot": one { try $0[0].dot($0[1]) }, "kron": one { try $0[0].kron($0[1]) },
]

private let normalizations: [String: Operation] = [
  "layer_norm": one { try $0[0].layerNorm(axis: 1, scale: $0[1], shift: $0[2], epsilon: 1e-3) },
  "layer_norm plain": one { try $0[0].layerNorm() }, "rms_norm": one { try $0[0].rmsNorm(scale: $0[1], epsilon: 1e-3) },
  "group_norm": one { try $0[0].groupNorm(groups: 2, scale: $0[1], shift: $0[2]) },
  "instance_norm": one { try $0[0].instanceNorm(scale: $0[1], shift: $0[2]) },
  "local_response_norm": one { try $0[0].localResponseNorm(size: 3, alpha: 0.1, beta: 0.6, bias: 1.5) },
]

private let losses: [String: Operation] = {
  var table: [String: Operation] = [
    "l1_loss": one { try $0[0].l1Loss($0[1]) }, "smooth_l1_loss": one { try $0[0].smoothL1Loss($0[1], beta: 0.5) },
    "huber_loss": one { try $0[0].huberLoss($0[1], delta: 1.5) },
    "bce_with_logits": one { try $0[0].binaryCrossEntropyWithLogits($0[1]) },
    "bce_with_logits weights": one { try $0[0].binaryCrossEntropyWithLogits($0[1], weight: $0[2], positiveWeight: $0[3]) },
    "kl_div": one { try $0[0].klDivergence($0[1]) }, "kl_div zero": one { try $0[0].klDivergence($0[1], reduction: .none) },
    "kl_div log": one { try $0[0].klDivergence($0[1], logTarget: true, reduction: .sum) },
    "cross_entropy plain": one { try $0[0].crossEntropy(labels: $0[1], weight: nil) },
    "cross_entropy one": one { try $0[0].crossEntropy(labels: $0[1], weight: nil) },
    "cross_entropy images": one { try $0[0].crossEntropy(labels: $0[1], weight: $0[2]) },
    "cross_entropy soft": one { try $0[0].crossEntropy(target: $0[1], weight: $0[2], smoothing: 0.1) },
    "cross_entropy soft images": one { try $0[0].crossEntropy(target: $0[1]) },
    "cosine_similarity": one { try Tensor.cosineSimilarity($0[0], $0[1], axis: 1) },
    "cosine_similarity zero": one { try Tensor.cosineSimilarity($0[0], $0[1], axis: 0) },
  ]
  for r in Tensor.LossReduction.allCases {
    table["mse_loss \(r)"] = one { try $0[0].mseLoss($0[1], reduction: r) }
    table["nll_loss \(r)"] = one { try $0[0].nllLoss(labels: $0[1], weight: $0[2], reduction: r) }
    table["cross_entropy \(r)"] = one {
      try $0[0].crossEntropy(labels: $0[1], weight: $0[2], ignoreIndex: 2, smoothing: 0.2, reduction: r)
    }
  }
  return table
}()

private let operations = [elements, activations, reductions, indexing, structure, normalizations, losses]
  .reduce(into: [String: Operation]()) { $0.merge($1) { first, _ in first } }

private func operation(_ name: String) -> Operation? {
  if let known = operations[name] { return known }
  guard name.hasPrefix("einsum ") else { return nil }
  let equation = name.dropFirst(7).split(separator: "(")[0]
  return one { try Tensor.einsum(String(equation), $0) }
}

/// The same values with the axes in another order in memory.
private func strided(_ x: Tensor) throws -> Tensor {
  x.rank < 2 ? x : try x.transposed(0, x.rank - 1).contiguous().transposed(0, x.rank - 1)
}

@Suite struct GoldenOperationTests {
  @Test func everyCaseHasAnOperationAndBack() {
    let names = Set(GoldenCase.all.map { $0.name })
    #expect(names.count > 150)
    #expect(names.filter { operation($0) == nil }.sorted() == [])
    #expect(operations.keys.filter { !names.contains($0) }.sorted() == [])
  }

  @Test(arguments: GoldenCase.all.map { $0.name }) func valuesArePyTorchs(_ name: String) throws {
    let golden = try #require(GoldenCase.all.first { $0.name == name })
    let inputs = try golden.inputs.map { try $0.tensor() }
    let run = try #require(operation(name))
    for form in ["plain", "strided", "f32"] {
      let given =
        switch form {
        case "strided": try inputs.map(strided)
        case "f32": try inputs.map { try $0.dtype == .f64 ? $0.converted(to: .f32) : $0 }
        default: inputs
        }
      // What single precision rounds apart is another question.
      if form == "f32", inputs.isEmpty || ["floor_divide tenths", "tan", "exp2", "median", "median axis", "histogram", "histogram own range"].contains(name) {
        continue
      }
      let outputs = try run(given)
      try #require(outputs.count == golden.outputs.count)
      for (got, wanted) in zip(outputs, golden.outputs) {
        let wanted = try wanted.tensor()
        if form == "f32" {
          #expect(got.dtype == (wanted.dtype == .f64 && name != "unique" ? .f32 : wanted.dtype), "\(form)")
          #expect(try difference(got, wanted, absolute: 2e-6, relative: 2e-5, checkingDType: false) == nil, "\(form)")
        } else {
          #expect(try difference(got, wanted, absolute: 1e-14, relative: 1e-12) == nil, "\(form)")
        }
      }
    }
  }
}
