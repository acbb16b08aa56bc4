import Tensor

/// What follows an operator and can be done in the same pass over memory: the addition of a residual, then bounds.
public struct Epilogue: Sendable {
  /// Added to the result.
  public var residual: Tensor?
  /// What bounds the result after that: relu, or a clip where the operator takes one.
  public var rectifier: Rectifier?

  /// Nothing follows the operator.
  public init() {}

  /// What follows, in passes of its own: for results that the operator cannot take it along with. Of two float types, as
  /// mixed precision makes them, the sum has the wider one.
  func finished(_ y: Tensor) throws -> Tensor {
    var y = y
    if let residual {
      y = try y.dtype == residual.dtype ? y + residual : y.converted(to: .f32) + residual.converted(to: .f32)
    }
    return try rectifier?(y) ?? y
  }

  /// What an operator can take along.
  public struct Kinds: OptionSet, Sendable {
    public let rawValue: Int
    /// The set of the kinds whose bits are set.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// The addition of `Epilogue.residual`.
    public static let residual = Kinds(rawValue: 1)
    /// max(., 0), after the addition if there is one.
    public static let relu = Kinds(rawValue: 2)
    /// A clip with constant bounds, where nothing is added.
    public static let clip = Kinds(rawValue: 4)
  }
}

/// Nodes that run as one: an operator and what its epilogue takes along.
struct FusedNodes {
  /// Positions of the nodes in the model; the first is the operator, the last makes the result.
  var nodes: [Int]
  /// The value that is added.
  var residual: String?
  var rectifier: Rectifier?

  /// The chains of a model, by the position of their last node. A node is in one chain at most.
  ///
  /// What lies between the nodes of a chain is read by nobody else and is no output of the model.
  static func all(in model: Model, _ operators: [any Operator]) throws -> [Int: FusedNodes] {
    var readers: [String: [Int]] = [:]
    for (index, node) in model.nodes.enumerated() {
      for name in node.inputs where !name.isEmpty { readers[name, default: []].append(index) }
    }
    let outputs = Set(model.outputs.map(\.name))
    /// The one node that reads the only output of `index`.
    func reader(_ index: Int) -> Int? {
      let node = model.nodes[index]
      guard node.outputs.count == 1, !outputs.contains(node.outputs[0]), let found = readers[node.outputs[0]],
        found.count == 1
      else { return nil }
      return found[0]
    }
    var taken: Set<Int> = []
    var result: [Int: FusedNodes] = [:]
    for index in model.nodes.indices {
      let kinds = operators[index].fuses
      guard !kinds.isEmpty, var next = reader(index) else { continue }
      var chain = FusedNodes(nodes: [index])
      if kinds.contains(.residual), operators[next] is AddOperator, !taken.contains(next) {
        let own = model.nodes[index].outputs[0]
        chain.residual = model.nodes[next].inputs.first { $0 != own }
        guard chain.residual != nil else { continue }
        chain.nodes.append(next)
        taken.insert(next)
        if let after = reader(next) { next = after }
      }
      if chain.nodes.last != next {
        if kinds.contains(.relu), operators[next] is ReluOperator { chain.rectifier = .relu }
        if kinds.contains(.clip), chain.residual == nil, operators[next] is ClipOperator {
          chain.rectifier = try ClipOperator.range(of: model.nodes[next], in: model).map { .clip($0) }
        }
        if chain.rectifier != nil { chain.nodes.append(next) }
      }
      if chain.nodes.count > 1 { result[chain.nodes[chain.nodes.count - 1]] = chain }
    }
    return result
  }
}
