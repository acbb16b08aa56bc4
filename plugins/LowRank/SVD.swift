import PareKit

/// A linear layer or 1x1 convolution as two thinner ones.
///
/// `W = U S Vt`; the first layer has `S^1/2 Vt` cut to `rank` rows, the second `U S^1/2` cut to `rank` columns and the
/// bias. The squared error in the weight is the sum of the squared singular values left out (Eckart and Young 1936), and
/// splitting S evenly keeps both factors of the same size, which quantization likes.
public struct SVD: Decomposition {
  public static let entry = Entry(
    name: "svd", summary: "Linear layers and 1x1 convolutions by two thinner ones",
    reference: "Eckart and Young 1936; Denton et al. 2014")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// The singular values of the weight as `[out, in]`.
  ///
  /// - Throws: `unsupported` for other layers than linear ones and 1x1 convolutions of one group, and for scaling (`alpha`,
  ///   `beta`), a transposed input or uneven padding.
  public func spectrum(_ layer: LayerView) throws -> [Double] { try matrix(layer).svd().s.scalars() }

  /// The first factor has weight `[rank, in]` and no bias, the second `[out, rank]` and the layer's bias. The first one of
  /// a convolution has its strides and padding. The bias of a `MatMul` is an `Add` behind it, which stays.
  ///
  /// - Throws: `unsupported` as `spectrum`; `argument` for a rank outside 1...min(out, in).
  public func factor(_ layer: LayerView, rank: Int) throws -> Module {
    let weight = try matrix(layer)
    let outputs = weight.shape[0]
    let inputs = weight.shape[1]
    guard rank >= 1, rank <= min(outputs, inputs) else {
      throw PareError(
        .argument, "svd: rank of layer '\(layer.name)'", argument: "rank", expected: "1...\(min(outputs, inputs))",
        got: "\(rank)", layer: layer.name)
    }
    let (u, s, vt) = try weight.svd()
    let root = try s.slice(axis: 0, from: 0, to: rank).sqrt()
    let first = try vt.slice(axis: 0, from: 0, to: rank) * root.reshaped([rank, 1])
    let second = try u.slice(axis: 1, from: 0, to: rank) * root.reshaped([1, rank])
    return Module(sequence: [
      try linear(layer, first, bias: nil, isFirst: true), try linear(layer, second, bias: layer.bias, isFirst: false),
    ])
  }

  /// A layer of the same operator with weight `[out, in]`; the first of the two has the convolution's strides and padding.
  private func linear(_ layer: LayerView, _ weight: Tensor, bias: Tensor?, isFirst: Bool) throws -> Module {
    let outputs = weight.shape[0]
    let inputs = weight.shape[1]
    switch layer.op {
    case "Conv":
      var values = ["weight": try weight.reshaped([outputs, inputs, 1, 1])]
      values["bias"] = bias
      let pads = try layer.node.ints("pads", default: [0, 0, 0, 0])
      return try NN.conv2d(
        inChannels: inputs, outChannels: outputs, kernel: [1, 1],
        stride: isFirst ? layer.node.ints("strides", default: [1, 1]) : [1, 1],
        padding: isFirst ? Array(pads.prefix(2)) : [0, 0], bias: bias != nil
      ).with(values)
    case "MatMul":
      // The bias of a MatMul is an Add behind it, which stays.
      return Module(
        "matmul",
        layer: .init(
          "MatMul", parameters: [.init("weight", [inputs, outputs], .given(try weight.transposed(0, 1).contiguous()))]))
    default:
      var values = ["weight": weight]
      values["bias"] = bias
      return try NN.linear(inFeatures: inputs, outFeatures: outputs, bias: bias != nil).with(values)
    }
  }

  /// The weight as `[out, in]`.
  private func matrix(_ layer: LayerView) throws -> Tensor {
    let shape = Array(layer.weight.shape)
    guard layer.groups == 1, shape.count >= 2, shape.dropFirst(2).allSatisfy({ $0 == 1 }), shape.allSatisfy({ $0 > 0 }) else {
      throw PareError(
        .unsupported, "svd takes linear layers and 1x1 convolutions of one group", got: "\(layer.op) \(shape)",
        layer: layer.name, op: layer.op)
    }
    let pads = try layer.node.ints("pads", default: [0, 0, 0, 0])
    guard try layer.node.float("alpha", default: 1) == 1, try layer.node.float("beta", default: 1) == 1,
      try !layer.node.flag("transA"), try layer.node.string("auto_pad", default: "NOTSET") == "NOTSET",
      layer.op != "Conv" || (pads.count == 4 && pads[0] == pads[2] && pads[1] == pads[3])
    else {
      throw PareError(
        .unsupported, "svd takes layers without scaling, transposed input or uneven padding", layer: layer.name,
        op: layer.op)
    }
    return try layer.weight.reshaped([shape[0], shape[1]])
  }
}
