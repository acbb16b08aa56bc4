import Graph
import Support
import Tensor

/// The model that others see.
extension TrainingRun {
  /// Returns `model` with the sizes of its input and the normalization, as far as the data knows them.
  static func prepared(_ model: Model, for data: Dataset) throws -> Model {
    var model = try model.with(inputShapes: [try model.soleInput(): [0] + data.inputShape])
    if let normalization = data.normalization { model.normalization = normalization }
    return model
  }

  /// Brings the model in `state` up to what was learned.
  func sync() throws {
    guard isAhead else { return }
    state.model = try model(leaves, statistics)
    state.isReplaced = false
    isAhead = false
  }

  /// Takes the learned values out of the model in `state`: an optimizer moves in place only what nobody else holds.
  func letGo() {
    guard !isAhead else { return }
    state.model = origin
    state.isReplaced = false
    isAhead = true
  }

  private func model(_ leaves: [String: Tensor], _ statistics: [String: Tensor]) throws -> Model {
    var model = state.model
    for (name, leaf) in leaves {
      guard let parameter = model.parameters[name] else { continue }
      model.parameters[name]?.value = try parameter.value.updated(from: leaf)
    }
    for (name, value) in statistics { model.parameters[name]?.value = DenseRepresentation(value) }
    return model
  }

  /// All that is averaged: leaves, and the parameters that running statistics replace.
  static func averaged(of model: Model) throws -> [String: Tensor] {
    var values = try model.trainableLeaves()
    for (name, parameter) in model.parameters where !parameter.isTrainable && parameter.value is DenseRepresentation {
      let value = try parameter.value.dense()
      if value.dtype.isFloating { values[name] = value.detached() }
    }
    return values
  }

  /// The model of the averaged weights; without an average the model as it is. Needs `sync` before.
  func averagedModel() throws -> Model {
    guard let average else { return state.model }
    // Not those in `statistics`: there are none after a resume, until the next step.
    let held = average.values.filter { state.model.parameters[$0.key]?.value.shape == $0.value.shape }
    return try model(held.filter { leaves[$0.key] != nil }, held.filter { leaves[$0.key] == nil })
  }

  /// What the training would give if it ended now.
  func result() throws -> Model {
    try sync()
    return try averagedModel()
  }

  /// Puts the result in the place of the model being trained.
  func finish() throws {
    let result = try result()
    state.model = options.earlyStop?.restoresBest == true ? best?.model ?? result : result
    state.isReplaced = false
  }

  /// Goes on with the model that a callback put in the place of `old`.
  func reload(_ old: Model) throws {
    state.model = try Self.prepared(state.model, for: data)
    origin = state.model
    state.isReplaced = false
    var next = try state.model.trainableLeaves()
    for name in next.keys {
      if let leaf = leaves[name], let before = old.parameters[name], let now = state.model.parameters[name],
        try isLatent(leaf, of: before.value, and: now.value) { next[name] = leaf }
    }
    leaves = next
    statistics = [:]
    interpreter = try Interpreter(state.model)
    autocast = try options.autocast(for: state.model)
  }

  /// Whether a leaf holds what the stored value has rounded away, and still belongs to the value `now`.
  ///
  /// An integer parameter moves by less than its grid in most steps: its leaf must outlive a look at the model.
  private func isLatent(_ leaf: Tensor, of before: any Representation, and now: any Representation) throws -> Bool {
    if now is DenseRepresentation || now is MaskedRepresentation || now is any SparseRepresentation { return false }
    guard type(of: before).kind == type(of: now).kind, before.label == now.label, before.shape == now.shape else {
      return false
    }
    return try before.dense().values(as: Float.self) == now.dense().values(as: Float.self)
  }
}
