import PareKit

extension Context {
  /// Goes over the layers with weights, and replaces each weight by what `change` makes of it: nil leaves the layer as it is,
  /// and `change` has said why.
  ///
  /// - Parameters:
  ///   - keep: layers that stay as they are.
  ///   - method: named where nothing changed.
  /// - Returns: the model, and the layers that changed.
  func replacingWeights(
    of model: Model, keep: Set<String>, method: String, _ change: (LayerView, any Representation) throws -> (any Representation)?
  ) throws -> (model: Model, layers: Set<String>) {
    for name in keep.sorted() { _ = try model.node(named: name) }
    let views = try statistics(of: model, needs: [])
    var result = model
    var layers: Set<String> = []
    for (index, view) in views.enumerated() {
      if keep.contains(view.name) {
        skip(view.name, "kept as asked")
        continue
      }
      guard let value = try change(view, model.parameter(named: view.weightName).value) else { continue }
      result.parameters[view.weightName]?.value = value
      layers.insert(view.name)
      progress(index + 1, views.count)
    }
    guard !layers.isEmpty else {
      throw PareError(.nothingChanged, "\(method) found no layer whose weight it could change")
    }
    return (result, layers)
  }
}

extension LayerView {
  /// The axis of the stored weight that counts outputs.
  var outputAxis: Int { isTransposed ? 1 : 0 }
}
