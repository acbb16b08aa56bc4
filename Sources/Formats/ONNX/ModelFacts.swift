import FoundationEssentials
import Graph
import Support
import SwiftProtobuf

/// What a model says beside its graph, as ONNX's `metadata_props` hold it: JSON under keys that begin with `pare.`.
struct ModelFacts {
  /// What an initializer cannot say of its parameter.
  struct ParameterFacts: Codable, Equatable {
    var bits: Int?
    var isNarrow: Bool?
    var metadata: [String: String]?

    var isEmpty: Bool { self == ParameterFacts() }
  }

  private static let ledgerKey = "pare.ledger", normalizationKey = "pare.normalization"
  private static let parametersKey = "pare.parameters", originsKey = "pare.origins"

  private(set) var ledger: [LedgerEntry] = []
  private(set) var normalization: Normalization?
  private(set) var parameters: [String: ParameterFacts] = [:]
  /// Origins of nodes, by node name.
  private(set) var origins: [String: String] = [:]
  private(set) var others: [String: String] = [:]

  init(of model: Model) {
    ledger = model.ledger
    normalization = model.normalization
    others = model.metadata
    for node in model.nodes { origins[node.name] = node.origin }
    for (name, parameter) in model.parameters {
      var facts = ParameterFacts()
      if let integers = parameter.value as? IntegerRepresentation {
        if integers.bits != 8 { facts.bits = integers.bits }
        if integers.isNarrow { facts.isNarrow = true }
      }
      if !parameter.metadata.isEmpty { facts.metadata = parameter.metadata }
      if !facts.isEmpty { parameters[name] = facts }
    }
  }

  init(_ properties: [Onnx_StringStringEntryProto]) throws {
    for property in properties {
      switch property.key {
      case Self.ledgerKey: ledger = try Self.decode(property)
      case Self.normalizationKey: normalization = try Self.decode(property)
      case Self.parametersKey: parameters = try Self.decode(property)
      case Self.originsKey: origins = try Self.decode(property)
      default: others[property.key] = property.value
      }
    }
  }

  func apply(to model: inout Model) {
    model.ledger = ledger
    model.normalization = normalization
    model.metadata = others
    for index in model.nodes.indices { model.nodes[index].origin = origins[model.nodes[index].name] }
  }

  /// The properties, sorted by key.
  func properties() throws -> [Onnx_StringStringEntryProto] {
    var pairs = others
    if !ledger.isEmpty { pairs[Self.ledgerKey] = try CanonicalJSON.text(ledger) }
    if let normalization { pairs[Self.normalizationKey] = try CanonicalJSON.text(normalization) }
    if !parameters.isEmpty { pairs[Self.parametersKey] = try CanonicalJSON.text(parameters) }
    if !origins.isEmpty { pairs[Self.originsKey] = try CanonicalJSON.text(origins) }
    return pairs.sorted { $0.key < $1.key }.map { pair in
      .with {
        $0.key = pair.key
        $0.value = pair.value
      }
    }
  }

  private static func decode<T: Decodable>(_ property: Onnx_StringStringEntryProto) throws -> T {
    try CanonicalJSON.value(Data(property.value.utf8), "metadata '\(property.key)'")
  }
}
