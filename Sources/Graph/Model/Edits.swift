import OrderedCollections
import Support
import Tensor

/// Edits of parameters: each returns a new model.
extension Model {
  /// Returns the model with new values for some parameters. Each keeps its representation and its invariant: what a
  /// mask holds at zero stays zero, integers stay on their grid.
  ///
  /// - Throws: `not_found` or `shape` naming the parameter.
  public func with(_ values: [String: Tensor]) throws -> Model {
    var model = self
    for (name, tensor) in values.sorted(by: { $0.key < $1.key }) {
      let old = try parameter(named: name)
      try requireSame(tensor.shape, as: old)
      model.parameters[name]?.value = try old.value.updated(from: tensor.detached())
    }
    return model
  }

  /// Returns the model with other representations for some parameters: what they held before is given up.
  ///
  /// - Throws: `not_found` or `shape` naming the parameter.
  public func with(representations: [String: any Representation]) throws -> Model {
    var model = self
    for (name, value) in representations.sorted(by: { $0.key < $1.key }) {
      try requireSame(value.shape, as: parameter(named: name))
      model.parameters[name]?.value = value
    }
    return model
  }

  private func requireSame(_ shape: Shape, as old: Parameter) throws {
    guard shape == old.shape else {
      throw PareError(.shape, "parameter '\(old.name)'", argument: old.name, expected: "\(old.shape.dimensions)",
                      got: "\(shape.dimensions)")
    }
  }

  /// What `loading` found.
  public struct LoadReport: Sendable, Hashable {
    /// Parameters of the model that the tensors do not have.
    public var missing: [String] = []
    /// Tensors that the model does not have.
    public var unexpected: [String] = []
    /// Those whose shapes differ.
    public var mismatched: [String] = []

    /// A report that found nothing wrong.
    public init() {}
  }

  /// What state dicts hold beside parameters: PyTorch's counters of batches, and the numbers of positions.
  private static let counters = ["num_batches_tracked", "position_ids"]

  /// Returns the model with the values of a state dict. Counters that PyTorch keeps beside parameters are passed over.
  ///
  /// - Parameter strict: whether anything missing, unexpected or mismatched is an error that lists all of it.
  public func loading(_ tensors: OrderedDictionary<String, Tensor>, strict: Bool = true) throws -> (Model, LoadReport) {
    var report = LoadReport()
    var values: [String: Tensor] = [:]
    for (name, tensor) in tensors where !Self.counters.contains(where: name.hasSuffix) {
      guard let parameter = parameters[name] else {
        report.unexpected.append(name)
        continue
      }
      if parameter.shape == tensor.shape { values[name] = tensor } else { report.mismatched.append(name) }
    }
    report.missing = parameters.values.filter { tensors[$0.name] == nil && isState($0) }.map(\.name)
    if strict, report != LoadReport() {
      let parts = [("missing", report.missing), ("unexpected", report.unexpected), ("mismatched", report.mismatched)]
      let text = parts.filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1.joined(separator: ", "))" }
      throw PareError(.argument, "the tensors do not fit the model: \(text.joined(separator: "; "))",
                      suggestion: "strict=false takes what fits")
    }
    return (try with(values), report)
  }

  /// Whether a parameter belongs into a state dict: weights and running statistics, not shape constants and ratios.
  public func isState(_ parameter: Parameter) -> Bool {
    parameter.isTrainable || (parameter.value.shape.rank > 0 && runningStatistics.contains(parameter.name))
  }

  private var runningStatistics: Set<String> {
    Set(nodes.filter { $0.op == "BatchNormalization" }.flatMap { $0.inputs.dropFirst(3) })
  }

  /// Returns a parameter as a dense tensor, whatever its representation. The weight of a layer that was factorized is
  /// the product of its factors (`fc.weight` of `fc.0` and `fc.1`).
  ///
  /// - Throws: `not_found` with the nearest name.
  public func tensor(named name: String) throws -> Tensor {
    if let parameter = parameters[name] { return try parameter.value.dense() }
    if name.hasSuffix(".weight"), let product = try factorProduct(of: String(name.dropLast(7))) { return product }
    if name.hasSuffix(".bias"), let last = nodes.last(where: { $0.origin == String(name.dropLast(5)) }),
       let bias = last.input(2), let parameter = parameters[bias] {
      return try parameter.value.dense()
    }
    return try parameter(named: name).value.dense()
  }
}
