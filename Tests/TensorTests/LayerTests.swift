import Foundation
import Support
import Tensor
import TestSupport
import Testing

/// Layers with the outputs and gradients of PyTorch in f64: Tests/Golden/layers/generate.py.
struct LayerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Values: Decodable, Sendable {
    let shape: [Int]
    let values: [Double]

    func tensor() throws -> Tensor { try Tensor(values, shape: Shape(shape)) }
  }
  let name: String
  let inputs: [Values]
  let outputs: [Values]
  let gradients: [Values]
  var testDescription: String { name }

  static let all: [LayerCase] = {
    guard let data = FileManager.default.contents(atPath: TestFiles.golden("layers/layers.json")) else { return [] }
    return (try? JSONDecoder().decode([LayerCase].self, from: data)) ?? []
  }()
}

/// The layer of each case.
private let layers: [String: @Sendable ([Tensor]) throws -> [Tensor]] = [
  "conv1d": { [try $0[0].conv(weight: $0[1], bias: $0[2], strides: [2], padding: [1], dilations: [2])] },
  "conv3d": { [try $0[0].conv(weight: $0[1], bias: $0[2], strides: [2, 1, 2], padding: [1, 0, 2])] },
  "conv3d grouped dilated": { [try $0[0].conv(weight: $0[1], dilations: [2, 1, 2], groups: 2)] },
  "conv3d asymmetric": { [try $0[0].conv(weight: $0[1], padding: [1, 2, 0, 2, 0, 1])] },
  "convTranspose1d": {
    [try $0[0].convTranspose(weight: $0[1], bias: $0[2], strides: [3], padding: [1], outputPadding: [2], groups: 2)]
  },
  "convTranspose2d": {
    [try $0[0].convTranspose(weight: $0[1], bias: $0[2], strides: [2, 3], padding: [1, 0], outputPadding: [1, 2], groups: 2)]
  },
  "convTranspose2d dilated": { [try $0[0].convTranspose(weight: $0[1], outputPadding: [1], dilations: [2])] },
  "convTranspose3d": {
    [try $0[0].convTranspose(
      weight: $0[1], bias: $0[2], strides: [2, 1, 2], padding: [1, 1, 0], outputPadding: [1, 0, 1], dilations: [2, 1, 1], groups: 2)]
  },
  "maxPool1d": { [try $0[0].maxPool(kernel: [3], strides: [2], padding: [1], dilations: [2], ceil: true)] },
  "maxPool3d": { [try $0[0].maxPool(kernel: [2, 3, 2], strides: [2, 1, 2], padding: [1, 1, 0], ceil: true)] },
  "averagePool1d": { [try $0[0].averagePool(kernel: [3], strides: [2], padding: [1])] },
  "averagePool3d": { [try $0[0].averagePool(kernel: [2, 3, 2], strides: [2, 1, 2], padding: [1, 1, 0])] },
  "averagePool3d with pad": {
    [try $0[0].averagePool(kernel: [2, 3, 2], strides: [2], padding: [1], ceil: true, countIncludePad: true)]
  },
  "lpPool1d": { [try $0[0].lpPool(p: 3, kernel: [4], strides: [2])] },
  "lpPool2d": { [try $0[0].lpPool(kernel: [3, 2], strides: [2])] },
  "maxPool1d indices": { both(try $0[0].maxPoolWithIndices(kernel: [3], strides: [2], padding: [1])) },
  "maxPool2d indices": { both(try $0[0].maxPoolWithIndices(kernel: [3, 2], strides: [2], padding: [1], dilations: [1, 2])) },
  "maxPool3d indices": { both(try $0[0].maxPoolWithIndices(kernel: [2, 3, 2], strides: [2, 1, 2], padding: [1, 1, 0])) },
  "maxUnpool": {
    let (y, i) = try $0[0].maxPoolWithIndices(kernel: [2])
    return [try (y * y).maxUnpool(indices: i, sizes: [5, 6])]
  },
  "adaptiveAveragePool2d": { [try $0[0].adaptiveAveragePool([3, 4])] },
  "adaptiveAveragePool3d": { [try $0[0].adaptiveAveragePool([3, nil, 2])] },
  "adaptiveMaxPool2d": { [try $0[0].adaptiveMaxPool([3, 4])] },
  "adaptiveMaxPool1d": { [try $0[0].adaptiveMaxPool([6])] },
  "unfold": { [try $0[0].unfolded(kernel: [3, 2], strides: [2, 1], padding: [1, 0], dilations: [1, 2])] },
  "fold": { [try $0[0].folded(sizes: [7, 5], kernel: [3, 2], strides: [2, 1], padding: [1, 0])] },
  "windows": { [try $0[0].windows(axis: 1, size: 4, step: 2)] },
  "nearest": { [try $0[0].resized(axes: [2, 3], sizes: [6, 3], Interpolation(.nearest, coordinates: .asymmetric, rounding: .floor))] },
  "bilinear": { [try $0[0].resized(axes: [2, 3], sizes: [7, 3], Interpolation(.linear))] },
  "bilinear corners": { [try $0[0].resized(axes: [2, 3], sizes: [7, 3], Interpolation(.linear, coordinates: .alignCorners))] },
  "bicubic": { [try $0[0].resized(axes: [2, 3], sizes: [7, 3], Interpolation(.cubic))] },
  "bilinear antialias": {
    [try $0[0].resized(axes: [2, 3], sizes: [4, 3], Interpolation(.linear, excludeOutside: true, antialias: true))]
  },
  "bicubic antialias": {
    [try $0[0].resized(
      axes: [2, 3], sizes: [4, 11], Interpolation(.cubic, cubicCoefficient: -0.5, excludeOutside: true, antialias: true))]
  },
  "trilinear": { [try $0[0].resized(axes: [2, 3, 4], sizes: [5, 3, 6], Interpolation(.linear))] },
  "gridSample volume": { [try $0[0].gridSampled($0[1])] },
  "attention": { [try Tensor.attention(query: $0[0], key: $0[1], value: $0[2])] },
  "attention causal": { [try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], causal: true, scale: 0.3, block: 2)] },
  "attention mask": { [try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], mask: $0[3], block: 2)] },
  "attention row mask": { [try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], mask: $0[3], block: 2)] },
  "attention grouped": { [try Tensor.attention(query: $0[0], key: $0[1], value: $0[2])] },
  "multiHeadAttention": { [try Tensor.multiHeadAttention(query: $0[0], key: $0[1], value: $0[2], heads: 3)] },
  "lstm": { try lstm($0, .forward) },
  "lstm bidirectional": { try lstm($0, .bidirectional) },
  "gru": { try gru($0, .forward) },
  "gru bidirectional": { try gru($0, .bidirectional) },
  "rnn": {
    let y = try $0[0].rnn(w: $0[1], r: $0[2], b: Tensor.concat([$0[3], $0[4]], axis: 1), initialH: $0[5])
    return [try sideBySide(y.y), y.h]
  },
  "dft inverse": { [try $0[0].dft(inverse: true)] },
  "dft axis 0, longer": { [try $0[0].dft(axis: 0, length: 8)] },
  "rfft": { [try $0[0].rfft()] },
  "rfft shorter": { [try $0[0].rfft(length: 6)] },
  "irfft even": { [try $0[0].irfft()] },
  "irfft odd": { [try $0[0].irfft(length: 9)] },
  "stft": { [try $0[0].stft(frame: 12, step: 5, window: WindowFunction.hann(12, dtype: .f64))] },
  "hann": { _ in [try WindowFunction.hann(9, periodic: false, dtype: .f64)] },
  "blackman": { _ in [try WindowFunction.blackman(8, dtype: .f64)] },
]

private func both(_ result: (values: Tensor, indices: Tensor)) -> [Tensor] { [result.values, result.indices] }

/// [T, D, B, H] as PyTorch has it: [T, B, D * H].
private func sideBySide(_ y: Tensor) throws -> Tensor {
  try y.transposed(1, 2).reshaped([y.shape[0], y.shape[2], -1])
}

private func onnx(_ x: Tensor, _ gates: Int) throws -> Tensor {
  try Tensor.stack((0..<x.shape[0]).map { try x.select(axis: 0, index: $0).reorderedGates(gates) })
}

private func lstm(_ x: [Tensor], _ direction: Recurrence.Direction) throws -> [Tensor] {
  let bias = try Tensor.concat([onnx(x[3], 4), onnx(x[4], 4)], axis: 1)
  let (y, h, c) = try x[0].lstm(
    w: onnx(x[1], 4), r: onnx(x[2], 4), b: bias, initialH: x[5], initialC: x[6], Recurrence(direction))
  return [try sideBySide(y), h, c]
}

private func gru(_ x: [Tensor], _ direction: Recurrence.Direction) throws -> [Tensor] {
  let bias = try Tensor.concat([onnx(x[3], 3), onnx(x[4], 3)], axis: 1)
  let (y, h) = try x[0].gru(
    w: onnx(x[1], 3), r: onnx(x[2], 3), b: bias, initialH: x[5], Recurrence(direction, linearBeforeReset: true))
  return [try sideBySide(y), h]
}

private func layer(_ name: String) -> (@Sendable ([Tensor]) throws -> [Tensor])? {
  if let found = layers[name] { return found }
  let words = name.split(separator: " ").map(String.init)
  if words.first == "dft" { return { [try $0[0].dft()] } }
  guard words.count >= 3, words[0] == "gridSample", let padding = Tensor.SamplePadding(rawValue: words[2]) else { return nil }
  let mode: Interpolation.Mode = words[1] == "bilinear" ? .linear : words[1] == "bicubic" ? .cubic : .nearest
  return { [try $0[0].gridSampled($0[1], mode: mode, padding: padding, alignCorners: words.last == "corners")] }
}

/// What the generator weighs the elements of an output with.
private func weight(_ y: Tensor) throws -> Tensor {
  try ((Tensor.arange(count: y.count, dtype: .f64) * 0.37).mod(1) + 0.5).reshaped(y.shape).converted(to: y.dtype)
}

@Suite struct LayerTests {
  @Test func casesAreThere() { #expect(LayerCase.all.count >= 80) }

  @Test(arguments: LayerCase.all) func equalsPyTorch(_ example: LayerCase) throws {
    let run = try #require(layer(example.name))
    let leaves = try example.inputs.map { try $0.tensor().tracked() }
    let outputs = try run(leaves)
    #expect(outputs.count == example.outputs.count)
    for (y, expected) in zip(outputs, example.outputs) {
      #expect(try difference(y, expected.tensor(), absolute: 1e-9, relative: 1e-9, checkingDType: false) == nil)
    }
    guard !example.gradients.isEmpty else { return }
    var loss = try Tensor.scalar(0, .f64)
    for y in outputs where y.dtype == .f64 { loss = try loss + (y * weight(y)).sum() }
    let gradients = try loss.backward()
    for (leaf, expected) in zip(leaves, example.gradients) {
      #expect(try difference(#require(gradients[leaf]), expected.tensor(), absolute: 1e-8, relative: 1e-8) == nil)
    }
  }

  /// The same layers in f32, with other layouts in memory and on the reference backend.
  @Test(arguments: LayerCase.all) func holdsForFloatsAndLayouts(_ example: LayerCase) throws {
    let run = try #require(layer(example.name))
    let inputs = try example.inputs.map { try $0.tensor() }
    let strided = try inputs.map { x in
      x.rank < 2 ? x : try x.transposed(0, -1).contiguous().transposed(0, -1)
    }
    let outputs = try run(strided)
    for (y, expected) in zip(outputs, example.outputs) {
      #expect(try difference(y, expected.tensor(), absolute: 1e-9, relative: 1e-9, checkingDType: false) == nil)
    }
    // A window's own dtype is fixed in its case; a nearest sample may lie on the other side in f32.
    if example.inputs.isEmpty || example.name == "stft" || example.name.hasPrefix("gridSample nearest") { return }
    for layout in [false, true] {
      let narrow = try inputs.map { layout && $0.rank == 4 ? try $0.converted(to: .f32).channelsLast() : try $0.converted(to: .f32) }
      for (y, expected) in zip(try run(narrow), example.outputs) {
        #expect(y.dtype == .f32 || y.dtype == .i64)
        #expect(try difference(y, expected.tensor(), absolute: 2e-4, relative: 1e-4, checkingDType: false) == nil)
      }
    }
  }
}
