import Support
import Tensor

/// The short-time Fourier transform of `[N, length, 1]`: `[N, frames, bins, 2]`.
struct STFTOperator: Operator {
  static let name = "STFT"
  var arity: ClosedRange<Int> { 2...4 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    let frame = inputs.optional(3)?.contents?.first?.value ?? inputs.optional(2)?.shape?.first?.value
    var result: [Dimension] = [shape[0], .symbol("\(node.name)_frames"), .symbol("\(node.name)_bins"), 2]
    let onesided = try node.flag("onesided", default: true)
    if let frame { result[2] = .fixed(onesided ? frame / 2 + 1 : frame) }
    if shape.count > 1, let length = shape[1].value, let frame, let step = inputs.optional(1)?.contents?.first?.value, step > 0 {
      guard frame <= length else { throw node.failure(.shape, "a frame of \(frame) in a signal of \(length)") }
      result[1] = .fixed((length - frame) / step + 1)
    }
    return [ValueType(x.dtype, result)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), window = inputs.optional(2)
    guard x.rank == 2 || (x.rank == 3 && x.shape[2] == 1) else {
      throw node.failure(.unsupported, "a signal of shape \(x.shape)", expected: "real: [N, length] or [N, length, 1]")
    }
    guard let step = try inputs.required(1, node).integers().first, let frame = try inputs.optional(3)?.integers().first ?? window?.count else {
      throw node.failure(.format, "neither window nor frame_length is given", argument: "frame_length")
    }
    let signal = try x.rank == 3 ? x.squeezed(2) : x
    return [try signal.stft(frame: frame, step: step, window: window, onesided: node.flag("onesided", default: true))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(STFTOperator.self) }
