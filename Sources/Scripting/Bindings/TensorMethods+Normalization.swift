import Compression
import LuaBridge
import Support
import Tensor

/// Normalizations by a sample's own statistics.
extension TensorMethods {
  private static let affine: [ParameterSpec] = [
    .tensor("scale", optional: true), .tensor("shift", optional: true), .number("epsilon", default: 1e-5, in: 0...),
  ]
  private static let trailing = ParameterSpec.integer("axis", default: -1, doc: "The first of the trailing axes that are normalized together")

  static var normalization: [Function] {
    [
      Function("x:layer_norm", options: [trailing] + affine, "Layer normalization", example: "x:layer_norm{scale=g, shift=b}") { call in
        let x = try call.receiver(TensorHandle.self).value
        let o = try call.options()
        return try call.push(
          x.layerNorm(
            axis: Axis.position(o.integer("axis"), rank: x.rank, in: "x:layer_norm"), scale: o.optionalTensor("scale"),
            shift: o.optionalTensor("shift"), epsilon: o.number("epsilon")))
      },
      Function(
        "x:rms_norm", options: [trailing, .tensor("scale", optional: true), .number("epsilon", default: 1e-5, in: 0...)],
        "Division by the root mean square", example: "x:rms_norm{scale=g}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let o = try call.options()
        return try call.push(
          x.rmsNorm(
            axis: Axis.position(o.integer("axis"), rank: x.rank, in: "x:rms_norm"), scale: o.optionalTensor("scale"),
            epsilon: o.number("epsilon")))
      },
      Function(
        "x:group_norm", options: [.integer("groups", in: 1...)] + affine, style: .table, "Normalization of groups of channels",
        example: "x:group_norm{groups=2}"
      ) { call in
        let o = try call.options()
        return try call.push(
          call.receiver(TensorHandle.self).value.groupNorm(
            groups: o.integer("groups"), scale: o.optionalTensor("scale"), shift: o.optionalTensor("shift"), epsilon: o.number("epsilon")))
      },
      Function("x:instance_norm", options: affine, "Normalization of each channel of each sample", example: "x:instance_norm()") { call in
        let o = try call.options()
        return try call.push(
          call.receiver(TensorHandle.self).value.instanceNorm(
            scale: o.optionalTensor("scale"), shift: o.optionalTensor("shift"), epsilon: o.number("epsilon")))
      },
      Function(
        "x:local_response_norm",
        options: [.integer("size", in: 1...), .number("alpha", default: 1e-4), .number("beta", default: 0.75), .number("bias", default: 1)],
        style: .table, "Local response normalization over neighbouring channels", example: "x:local_response_norm{size=5}"
      ) { call in
        let o = try call.options()
        return try call.push(
          call.receiver(TensorHandle.self).value.localResponseNorm(
            size: o.integer("size"), alpha: o.number("alpha"), beta: o.number("beta"), bias: o.number("bias")))
      },
    ]
  }
}
