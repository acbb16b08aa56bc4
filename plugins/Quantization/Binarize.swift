import PareKit

/// One bit for each weight, and, if asked for, for each input of a convolution.
///
/// Weights become their signs times the mean size of each output's. With `activations` a convolution multiplies with the
/// signs of its input (1 from 0 on, else -1), which the session counts by exclusive or; no gradient passes those signs.
public struct Binarize: CompressionMethod {
  public static let entry = Entry(
    name: "binarize", summary: "Weights of one bit with a scale for each output; inputs of convolutions as signs",
    reference: "Rastegari et al. 2016 (XNOR-Net)",
    parameters: [
      .boolean("activations", default: false, doc: "Convolutions multiply with the signs of their inputs"),
      .list("keep", default: [], doc: "Layers that stay as they are; papers keep the first and the last one"),
    ])
  private let signsInputs: Bool
  private let keep: Set<String>

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    signsInputs = try arguments.boolean("activations")
    keep = Set(try arguments.strings("keep"))
  }

  /// Folds batch-norms first. A weight that an earlier step holds at 0 in places is left alone, since one bit has no zero.
  ///
  /// - Throws: `not_found` for a name in `keep` that the model lacks; `nothing_changed` when no layer changes.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    let (result, layers) = try context.replacingWeights(of: model.foldingBatchNorm(), keep: keep, method: "binarize") { view, old in
      guard try old.mask() == nil else {
        context.skip(view.name, "its weight holds zeros, and one bit has none")
        return nil
      }
      return try BinaryRepresentation(nearest: view.stored(view.weight), axis: view.outputAxis)
    }
    guard signsInputs else { return result }
    let signed = try result.withSigns(before: layers)
    try signed.verified()
    return signed
  }
}

extension Model {
  /// The model whose convolutions of these names read the signs of their inputs.
  fileprivate func withSigns(before layers: Set<String>) throws -> Model {
    var names = Names(self)
    var result = self
    result.nodes = []
    var limits: [String] = []
    var made: [String: String] = [:]
    for var node in nodes {
      if node.op == "Conv", layers.contains(node.name), let input = node.input(0) {
        if limits.isEmpty {
          for (name, number) in [("zero", 0), ("one", 1), ("minus_one", -1)] as [(String, Float)] {
            let name = names.fresh("sign_\(name)")
            result.parameters[name] = Parameter(name, try Tensor([number], shape: []), isTrainable: false)
            limits.append(name)
          }
        }
        if made[input] == nil {
          let compared = names.fresh("\(input)_nonnegative"), signs = names.fresh("\(input)_signs")
          result.nodes.append(Node(name: compared, op: "GreaterOrEqual", inputs: [input, limits[0]], outputs: [compared]))
          result.nodes.append(Node(name: signs, op: "Where", inputs: [compared, limits[1], limits[2]], outputs: [signs]))
          made[input] = signs
        }
        node.inputs[0] = made[input] ?? input
      }
      result.nodes.append(node)
    }
    return result
  }
}
