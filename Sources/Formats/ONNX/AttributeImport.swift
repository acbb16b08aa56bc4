import FoundationEssentials
import Graph
import Support

extension GraphImport {
  /// Returns a node's attributes.
  ///
  /// - Throws: `format` for a repeated or contradictory attribute, `unsupported` for graphs and other kinds that Pare
  ///   has not.
  func attributes(of proto: Onnx_NodeProto, _ node: String) throws -> [String: Attribute] {
    var result: [String: Attribute] = [:]
    for attribute in proto.attribute {
      let place = "attribute '\(attribute.name)' of \(proto.opType) '\(node)'"
      guard result.updateValue(try value(of: attribute, place, node, proto.opType), forKey: attribute.name) == nil else {
        throw PareError(.format, "\(place) stands twice", layer: node, op: proto.opType)
      }
    }
    return result
  }

  private func value(
    of proto: Onnx_AttributeProto, _ place: String, _ node: String, _ op: String
  ) throws -> Attribute {
    guard proto.refAttrName.isEmpty else {
      throw PareError(.format, "\(place) refers to a function's attribute outside of a function", layer: node, op: op)
    }
    switch proto.hasType ? proto.type : guessedType(proto) {
    case .float: return .float(Double(proto.f))
    case .int: return .int(Int(proto.i))
    case .string: return .string(try text(proto.s, place))
    case .floats: return .floats(proto.floats.map(Double.init))
    case .ints: return .ints(proto.ints.map { Int($0) })
    case .strings: return .strings(try proto.strings.map { try text($0, place) })
    case .tensor where proto.hasT: return .tensor(try tensors.tensor(proto.t, place))
    case .graph, .graphs:
      throw PareError(.unsupported, "\(op) '\(node)': operators that hold graphs (If, Loop, Scan) are not there",
                      layer: node, op: op)
    case let type:
      throw PareError(.unsupported, "\(place) has type \("\(type)".uppercased())", layer: node, op: op)
    }
  }

  /// Files of the first ONNX versions leave the type to the field that is there.
  private func guessedType(_ proto: Onnx_AttributeProto) -> Onnx_AttributeProto.AttributeType {
    if proto.hasF { return .float }
    if proto.hasI { return .int }
    if proto.hasS { return .string }
    if proto.hasT { return .tensor }
    if proto.hasG { return .graph }
    if !proto.floats.isEmpty { return .floats }
    if !proto.ints.isEmpty { return .ints }
    if !proto.strings.isEmpty { return .strings }
    return .undefined
  }

  private func text(_ bytes: Data, _ place: String) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw PareError(.format, "\(place) is not UTF-8 text")
    }
    return text
  }
}
