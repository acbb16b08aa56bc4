// A decomposition: which layers replace this one? lowrank{decomposition="example_decomposition", rank=8}.
import PareKit

struct ExampleDecomposition: Decomposition {
  static let entry = Entry(name: "example_decomposition", summary: "A linear layer as two thinner ones", reference: "own")
  init(_ arguments: Arguments) throws {}

  // Descending; a rank is chosen from it. An error leaves the layer alone, with its words as the reason.
  func spectrum(_ layer: LayerView) throws -> [Double] {
    guard layer.op == "Gemm" else { throw PareError(.unsupported, "example_decomposition takes linear layers (Gemm) only", layer: layer.name) }
    return try layer.weight.svd().s.scalars()
  }

  func factor(_ layer: LayerView, rank: Int) throws -> Module {
    let (u, s, vt) = try layer.weight.svd()
    let first = try vt.slice(axis: 0, from: 0, to: rank)
    let second = try (u * s).slice(axis: 1, from: 0, to: rank)
    var values = ["weight": second]
    values["bias"] = layer.bias
    return Module(sequence: [
      try NN.linear(inFeatures: first.shape[1], outFeatures: rank, bias: false).with(["weight": first]),
      try NN.linear(inFeatures: rank, outFeatures: second.shape[0], bias: layer.bias != nil).with(values),
    ])
  }
}

let plugin = Plugin(ExampleDecomposition.self)
