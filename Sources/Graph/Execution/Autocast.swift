import Support
import Tensor

/// Which float type an operator computes in while a model runs in mixed precision.
public enum PrecisionPolicy: Sendable, Hashable {
  /// The narrow type: convolutions, matrix products, attention.
  case narrow
  /// Whatever comes, the wider of two: operators that move or choose values.
  case follows
  /// f32: normalizations, softmax, losses, reductions, and everything that does not say otherwise.
  case full
}

/// Mixed precision: some operators compute in bf16 or f16, the others and all parameters stay in f32.
///
/// The policy is that of PyTorch's autocast: operands of convolutions and products are rounded to the narrow type, the
/// product is accumulated in f32 and rounded; what is sensitive to range or to small sums runs in f32. The tape passes
/// through the conversions, so that gradients of parameters are f32.
///
/// - Reference: Micikevicius et al. 2018, "Mixed Precision Training"; the PyTorch documentation, "Autocast Op Reference".
public struct Autocast: Sendable, Hashable {
  /// bf16 or f16.
  public let dtype: DType
  /// Layers, by name, that stay in f32.
  private let kept: Set<String>

  /// - Parameters:
  ///   - keeping: layers that stay in f32; a name stands for all layers below it too ("layer1" for "layer1.0.conv1").
  ///   - model: whose layers they are.
  /// - Throws: `argument` for another type, `not_found` for a name that is no layer.
  public init(_ dtype: DType, keeping: [String] = [], in model: Model) throws {
    guard dtype == .bf16 || dtype == .f16 else {
      throw PareError(.argument, "mixed precision", argument: "precision", expected: "bf16 or f16", got: dtype.name)
    }
    self.dtype = dtype
    var kept: Set<String> = []
    for name in keeping {
      let found = model.nodes.map(\.name).filter { $0 == name || $0.hasPrefix(name + ".") }
      guard !found.isEmpty else {
        throw PareError(
          .notFound, "keep_f32: no layer '\(name)'", argument: "keep_f32",
          suggestion: Suggestion.didYouMean(name, among: model.nodes.map(\.name)), layer: name)
      }
      kept.formUnion(found)
    }
    self.kept = kept
  }

  /// Converts the floating inputs of an operator to the type it computes in. f64 is left alone.
  func cast(_ inputs: inout [Tensor?], for node: Node, _ policy: PrecisionPolicy) throws {
    let wanted: DType
    switch policy {
    case .narrow: wanted = kept.contains(node.name) ? .f32 : dtype
    case .full: wanted = .f32
    case .follows:
      // The same for all: nothing to convert.
      guard inputs.contains(where: { $0?.dtype == .f32 }) else { return }
      wanted = .f32
    }
    for index in inputs.indices {
      guard let input = inputs[index], [.f32, .bf16, .f16].contains(input.dtype), input.dtype != wanted else { continue }
      inputs[index] = try input.converted(to: wanted)
    }
  }

  /// Outputs and taps are handed back in f32.
  func widened(_ value: Tensor) throws -> Tensor {
    value.dtype == .bf16 || value.dtype == .f16 ? try value.converted(to: .f32) : value
  }
}
