import Glibc
import Support
import Tensor

/// The triangles that turn bins of a spectrum into bands even on the mel scale: `[dft_length / 2 + 1, bands]`.
struct MelWeightMatrixOperator: Operator {
  static let name = "MelWeightMatrix"
  var arity: ClosedRange<Int> { 5...5 }

  private func dtype(_ node: Node) throws -> DType { try ElementTypes.dtype(node.int("output_datatype", default: 1), node, "output_datatype") }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let bands = try inputs.required(0, node).contents?.first, length = try inputs.required(1, node).contents?.first?.value
    return [ValueType(try dtype(node), [length.map { .fixed($0 / 2 + 1) } ?? .symbol("\(node.name)_bins"), bands ?? .symbol("\(node.name)_bands")])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let given = try (0..<5).map { try inputs.required($0, node).item() }
    let (bands, length, rate) = (given[0], given[1], given[2])
    guard (1...0x1p20).contains(bands), (1...0x1p24).contains(length), rate > 0, bands * length <= 0x1p30 else {
      throw node.failure(.argument, "\(bands) bands of a spectrum of \(length)", argument: "num_mel_bins", expected: "numbers from 1")
    }
    let bins = Int(length) / 2 + 1, count = Int(bands)
    let low = Self.mel(given[3]), high = Self.mel(given[4])
    // Corners of the triangles, as bins.
    let corners = (0..<(count + 2)).map { place in
      let mel = low + Double(place) * (high - low) / Double(count + 2)
      return Int(((length + 1) * 700 * (pow(10, mel / 2595) - 1) / rate).rounded(.down))
    }
    var weights = [Double](repeating: 0, count: bins * count)
    for band in 0..<count {
      let (left, centre, right) = (corners[band], corners[band + 1], corners[band + 2])
      if centre == left, (0..<bins).contains(centre) { weights[centre * count + band] = 1 }
      for bin in max(0, left)..<max(0, left, min(bins, centre + 1)) where centre > left {
        weights[bin * count + band] = Double(bin - left) / Double(centre - left)
      }
      for bin in max(0, centre)..<max(0, centre, min(bins, right)) where right > centre {
        weights[bin * count + band] = Double(right - bin) / Double(right - centre)
      }
    }
    return [try Tensor(weights, shape: [bins, count]).converted(to: dtype(node))]
  }

  /// Hertz to mel.
  private static func mel(_ frequency: Double) -> Double { 2595 * log10(1 + frequency / 700) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MelWeightMatrixOperator.self) }
