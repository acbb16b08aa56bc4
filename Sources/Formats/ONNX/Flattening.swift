import FoundationEssentials
import Graph
import OrderedCollections
import Support
import SwiftProtobuf
import Tensor

/// A graph without local functions and without control flow.
///
/// Calls of local functions are replaced by the functions' nodes. An If whose condition follows from constants and sizes is
/// replaced by the branch that it takes, a Loop or Scan whose number of rounds does by its body, once for each round.
struct Flattening {
  /// The nodes of the flat graph.
  private(set) var nodes: [Onnx_NodeProto] = []
  /// Constants of branches and bodies that are now the graph's.
  private(set) var initializers: [Onnx_TensorProto] = []

  private let functions: [String: Onnx_FunctionProto]
  private let importer: GraphImport
  private var known: ShapeAnalysis
  private var names: Set<String>
  private var budget: Int
  /// Functions whose nodes are being taken in.
  private var open: [String] = []

  /// Rounds beyond this are no network's.
  private static let greatestRounds = 4096

  /// Flattens a graph, if there is something to flatten; else returns nil.
  static func flat(_ importer: GraphImport, ports: [Port]) throws -> Flattening? {
    let functions = Dictionary(importer.proto.functions.map { ("\($0.domain).\($0.name)", $0) }, uniquingKeysWith: { first, _ in first })
    func isFlat(_ node: Onnx_NodeProto) -> Bool {
      functions["\(node.domain).\(node.opType)"] == nil && !(isStandard(node.domain) && ["If", "Loop", "Scan"].contains(node.opType))
    }
    guard !importer.graph.node.allSatisfy(isFlat) else { return nil }
    var flattening = try Flattening(importer, functions, ports)
    try flattening.take(importer.graph.node)
    return flattening
  }

  private init(_ importer: GraphImport, _ functions: [String: Onnx_FunctionProto], _ ports: [Port]) throws {
    self.importer = importer
    self.functions = functions
    known = ShapeAnalysis(opset: importer.opset)
    names = Set(importer.graph.node.flatMap { $0.input + $0.output }).union(importer.graph.initializer.map(\.name))
    let all = importer.graph.node.count + importer.proto.functions.reduce(0) { $0 + $1.node.count }
    budget = 1 << 16 + 8 * all
    for port in ports { known.add(port) }
    for tensor in importer.graph.initializer { try add(tensor) }
  }

  /// Sizes and small integers are all that conditions follow from.
  private mutating func add(_ tensor: Onnx_TensorProto) throws {
    guard let dtype = try? ElementType.dtype(tensor.dataType, of: tensor.name) else { return }
    let sizes = tensor.dims.map { Int($0) }
    guard sizes.allSatisfy({ $0 >= 0 }) else { return }
    let isSmall = sizes.count <= 2 && sizes.allSatisfy { $0 <= 64 }
    let value = isSmall ? try? importer.tensors.tensor(tensor, "initializer '\(tensor.name)'") : nil
    known.add(tensor.name, ValueType(dtype, sizes.map { .fixed($0) }), value)
  }

  private mutating func take(_ list: [Onnx_NodeProto]) throws {
    for proto in list {
      budget -= 1
      guard budget >= 0 else {
        throw PareError(.unsupported, "node '\(name(proto))': with its functions and loops taken apart the graph has too many nodes",
                        layer: name(proto), op: proto.opType)
      }
      if let function = functions["\(proto.domain).\(proto.opType)"] {
        try inline(function, proto)
      } else if isStandard(proto.domain), proto.opType == "If" {
        try choose(proto)
      } else if isStandard(proto.domain), proto.opType == "Loop" {
        try unroll(loop: proto)
      } else if isStandard(proto.domain), proto.opType == "Scan" {
        try unroll(scan: proto)
      } else {
        try append(proto)
      }
    }
  }

  private mutating func append(_ proto: Onnx_NodeProto) throws {
    nodes.append(proto)
    // What is wrong with a node is said when the model is checked; here its results are unknown.
    guard let attributes = try? importer.attributes(of: proto, name(proto)) else { return }
    known.tryAdd(Node(
      name: name(proto), op: proto.opType, domain: isStandard(proto.domain) ? "" : proto.domain, inputs: proto.input,
      outputs: proto.output, attributes: attributes))
  }

  private func name(_ proto: Onnx_NodeProto) -> String { proto.name.isEmpty ? proto.output.first { !$0.isEmpty } ?? proto.opType : proto.name }

  private mutating func unique(_ name: String) -> String {
    var candidate = name, count = 1
    while !names.insert(candidate).inserted {
      candidate = "\(name)_\(count)"
      count += 1
    }
    return candidate
  }

  // MARK: Putting nodes in place

  /// Hands a value on under another name.
  private mutating func copy(_ value: String, to name: String) throws {
    guard !name.isEmpty else { return }
    try append(.with {
      $0.opType = "Identity"
      $0.name = unique("\(name)/Identity")
      $0.input = [value]
      $0.output = [name]
    })
  }

  private mutating func constant(_ tensor: Tensor, _ name: String) throws -> String {
    let name = unique(name), bytes = try tensor.withBytes { Data($0) }
    let proto: Onnx_TensorProto = try .with {
      $0.name = name
      $0.dims = tensor.shape.map(Int64.init)
      $0.dataType = try ElementType.code(tensor.dtype, of: name)
      $0.rawData = bytes
    }
    initializers.append(proto)
    try add(proto)
    return name
  }

  /// Gives the values that `list` makes names of their own, below `prefix`, and returns the nodes with all names mapped.
  private mutating func renamed(_ list: [Onnx_NodeProto], _ prefix: String, _ mapping: inout [String: String]) -> [Onnx_NodeProto] {
    for node in list {
      for output in node.output where !output.isEmpty && mapping[output] == nil { mapping[output] = unique("\(prefix)/\(output)") }
    }
    return list.map { Self.renamed($0, prefix, mapping) }
  }

  private static func renamed(_ node: Onnx_NodeProto, _ prefix: String, _ mapping: [String: String]) -> Onnx_NodeProto {
    var node = node
    let own = node.name.isEmpty ? node.output.first { !$0.isEmpty } ?? node.opType : node.name
    node.name = "\(prefix)/\(own)"
    node.input = node.input.map { mapping[$0] ?? $0 }
    node.output = node.output.map { mapping[$0] ?? $0 }
    for index in node.attribute.indices where node.attribute[index].hasG {
      node.attribute[index].g.node = node.attribute[index].g.node.map { renamed($0, prefix, mapping) }
      for place in node.attribute[index].g.output.indices {
        let old = node.attribute[index].g.output[place].name
        node.attribute[index].g.output[place].name = mapping[old] ?? old
      }
    }
    return node
  }

  /// The constants of a branch or body, under names of their own.
  private mutating func takeConstants(of graph: Onnx_GraphProto, _ prefix: String) throws -> [String: String] {
    guard graph.sparseInitializer.isEmpty else { throw PareError(.unsupported, "'\(prefix)' has sparse constants within a branch", layer: prefix) }
    var mapping: [String: String] = [:]
    for var tensor in graph.initializer {
      let name = unique("\(prefix)/\(tensor.name)")
      mapping[tensor.name] = name
      tensor.name = name
      initializers.append(tensor)
      try add(tensor)
    }
    return mapping
  }

  // MARK: Functions

  private mutating func inline(_ function: Onnx_FunctionProto, _ call: Onnx_NodeProto) throws {
    let key = "\(function.domain).\(function.name)", prefix = name(call)
    guard !open.contains(key) else {
      throw PareError(.format, "node '\(prefix)': the local function '\(function.name)' calls itself", layer: prefix, op: call.opType)
    }
    if let version = function.opsetImport.first(where: { isStandard($0.domain) })?.version, Int(version) != importer.opset {
      throw PareError(.unsupported, "node '\(prefix)': the local function '\(function.name)' uses another opset than the model",
                      expected: "\(importer.opset)", got: "\(version)", suggestion: "inline the functions first (onnx.inliner)", layer: prefix, op: call.opType)
    }
    var mapping: [String: String] = [:]
    for (index, input) in function.input.enumerated() { mapping[input] = index < call.input.count ? call.input[index] : "" }
    for (index, output) in function.output.enumerated() where mapping[output] == nil {
      mapping[output] = index < call.output.count && !call.output[index].isEmpty ? call.output[index] : unique("\(prefix)/\(output)")
    }
    let given = Dictionary(call.attribute.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let defaults = Dictionary(function.attributeProto.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    func resolved(_ node: Onnx_NodeProto) -> Onnx_NodeProto {
      var node = node
      node.attribute = node.attribute.compactMap { attribute in
        var attribute = attribute
        if attribute.hasG { attribute.g.node = attribute.g.node.map(resolved) }
        guard !attribute.refAttrName.isEmpty else { return attribute }
        // One that is not given is absent there too.
        guard var value = given[attribute.refAttrName] ?? defaults[attribute.refAttrName] else { return nil }
        value.name = attribute.name
        return value
      }
      return node
    }
    let body = renamed(function.node.map(resolved), prefix, &mapping)
    open.append(key)
    try take(body)
    open.removeLast()
    // An output that is an input too.
    for (index, output) in function.output.enumerated() where function.input.contains(output) && index < call.output.count {
      try copy(mapping[output] ?? output, to: call.output[index])
    }
  }

  // MARK: Branches

  private mutating func choose(_ proto: Onnx_NodeProto) throws {
    let prefix = name(proto)
    guard let condition = proto.input.first, let truth = try known.values[condition]?.scalars().first else {
      throw unknown(proto, "the condition")
    }
    guard let branch = proto.attribute.first(where: { $0.name == (truth != 0 ? "then_branch" : "else_branch") && $0.hasG })?.g else {
      throw PareError(.format, "If '\(prefix)' has no such branch", layer: prefix, op: "If")
    }
    guard branch.output.count >= proto.output.count else {
      throw PareError(.format, "If '\(prefix)': outputs of a branch", expected: "\(proto.output.count)", got: "\(branch.output.count)", layer: prefix, op: "If")
    }
    var mapping = try takeConstants(of: branch, prefix)
    try take(renamed(branch.node, prefix, &mapping))
    for (output, inner) in zip(proto.output, branch.output) { try copy(mapping[inner.name] ?? inner.name, to: output) }
  }

  private func unknown(_ proto: Onnx_NodeProto, _ what: String) -> PareError {
    PareError(
      .unsupported, "\(proto.opType) '\(name(proto))' (opset \(importer.opset)): \(what) depends on what the model is given",
      suggestion: "fix the sizes of the inputs (--shape NAME=1x3x224x224), or export the model without control flow",
      layer: name(proto), op: proto.opType)
  }

  // MARK: Rounds

  private func body(_ proto: Onnx_NodeProto) throws -> Onnx_GraphProto {
    guard let body = proto.attribute.first(where: { $0.name == "body" && $0.hasG })?.g else {
      throw PareError(.format, "\(proto.opType) '\(name(proto))' has no body", layer: name(proto), op: proto.opType)
    }
    return body
  }

  /// Takes the body in once and returns the names of its outputs.
  private mutating func round(
    _ number: Int, _ body: Onnx_GraphProto, _ inputs: [String], _ constants: [String: String], _ prefix: String
  ) throws -> [String] {
    var mapping = constants
    for (port, value) in zip(body.input, inputs) { mapping[port.name] = value }
    try take(renamed(body.node, "\(prefix)/\(number)", &mapping))
    return body.output.map { mapping[$0.name] ?? $0.name }
  }

  private mutating func unroll(loop proto: Onnx_NodeProto) throws {
    let prefix = name(proto), body = try body(proto), carried = max(0, proto.input.count - 2)
    guard body.input.count == carried + 2, body.output.count >= carried + 1, proto.output.count <= body.output.count - 1 else {
      throw PareError(.format, "Loop '\(prefix)': inputs and outputs of its body", expected: "\(carried + 2) inputs, a condition and \(carried) values",
                      got: "\(body.input.count) and \(body.output.count)", layer: prefix, op: "Loop")
    }
    var limit = Self.greatestRounds + 1
    if let most = proto.input.first, !most.isEmpty {
      guard let count = try known.values[most]?.scalars().first else { throw unknown(proto, "the number of rounds") }
      limit = Int(max(0, min(count, Double(limit))))
    }
    var condition = proto.input.count > 1 ? proto.input[1] : ""
    var values = Array(proto.input.dropFirst(2)), collected: [[String]] = Array(repeating: [], count: body.output.count - 1 - carried)
    let constants = try takeConstants(of: body, prefix), yes = try constant(Tensor([true], shape: []), "\(prefix)/go")
    var number = 0
    while number < limit {
      if !condition.isEmpty {
        guard let truth = try known.values[condition]?.scalars().first else { throw unknown(proto, "whether it goes on") }
        if truth == 0 { break }
      }
      guard number < Self.greatestRounds else { throw unknown(proto, "when it ends") }
      let turn = try constant(Tensor([Int64(number)], shape: []), "\(prefix)/\(number)/number")
      let results = try round(number, body, [turn, condition.isEmpty ? yes : condition] + values, constants, prefix)
      condition = results[0]
      values = Array(results[1..<(1 + carried)])
      for index in collected.indices { collected[index].append(results[1 + carried + index]) }
      number += 1
    }
    for (output, value) in zip(proto.output, values) { try copy(value, to: output) }
    for (output, parts) in zip(proto.output.dropFirst(carried), collected) { try stack(parts, axis: 0, to: output, proto) }
  }

  private mutating func unroll(scan proto: Onnx_NodeProto) throws {
    let prefix = name(proto), body = try body(proto)
    let attributes = Dictionary(proto.attribute.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let count = Int(attributes["num_scan_inputs"]?.i ?? 0), states = proto.input.count - count
    guard importer.opset >= 9, count >= 1, states >= 0, body.input.count == proto.input.count, body.output.count >= states else {
      throw PareError(.unsupported, "Scan '\(prefix)' (opset \(importer.opset)) in this form", expected: "that of opset 9 and later", layer: prefix, op: "Scan")
    }
    func list(_ name: String, _ size: Int) throws -> [Int] {
      guard let given = attributes[name]?.ints, !given.isEmpty else { return Array(repeating: 0, count: size) }
      guard given.count == size else { throw PareError(.format, "Scan '\(prefix)': attribute '\(name)'", argument: name, layer: prefix, op: "Scan") }
      return given.map { Int($0) }
    }
    let made = body.output.count - states
    let inAxes = try list("scan_input_axes", count), inBack = try list("scan_input_directions", count)
    let outAxes = try list("scan_output_axes", made), outBack = try list("scan_output_directions", made)
    let sources = Array(proto.input.dropFirst(states))
    var length: Int?
    for (source, axis) in zip(sources, inAxes) {
      guard let shape = known.types[source]?.shape, (-shape.count..<shape.count).contains(axis),
        let size = shape[axis < 0 ? axis + shape.count : axis].value, length ?? size == size, size <= Self.greatestRounds
      else { throw unknown(proto, "the number of rounds") }
      length = size
    }
    var values = Array(proto.input.prefix(states)), collected: [[String]] = Array(repeating: [], count: made)
    let constants = try takeConstants(of: body, prefix)
    for number in 0..<(length ?? 0) {
      var parts: [String] = []
      for (index, source) in sources.enumerated() {
        let place = inBack[index] == 0 ? number : (length ?? 0) - 1 - number
        let at = try constant(Tensor([Int64(place)], shape: []), "\(prefix)/\(number)/place"), part = unique("\(prefix)/\(number)/part\(index)")
        try append(.with {
          $0.opType = "Gather"
          $0.name = part
          $0.input = [source, at]
          $0.output = [part]
          $0.attribute = [.with {
            $0.name = "axis"
            $0.type = .int
            $0.i = Int64(inAxes[index])
          }]
        })
        parts.append(part)
      }
      let results = try round(number, body, values + parts, constants, prefix)
      values = Array(results.prefix(states))
      for index in collected.indices { collected[index].append(results[states + index]) }
    }
    for (output, value) in zip(proto.output, values) { try copy(value, to: output) }
    for (index, (output, parts)) in zip(proto.output.dropFirst(states), collected).enumerated() {
      try stack(outBack[index] == 0 ? parts : parts.reversed(), axis: outAxes[index], to: output, proto)
    }
  }

  /// Puts what the rounds made side by side along a new axis.
  private mutating func stack(_ parts: [String], axis: Int, to output: String, _ proto: Onnx_NodeProto) throws {
    guard !output.isEmpty else { return }
    guard !parts.isEmpty else { throw unknown(proto, "the size of an output of no rounds") }
    var wide: [String] = []
    let axes = try constant(Tensor([Int64(axis)], shape: [1]), "\(output)/axis")
    for part in parts {
      let name = unique("\(part)/wide")
      try append(.with {
        $0.opType = "Unsqueeze"
        $0.name = name
        $0.output = [name]
        if importer.opset < 13 {
          $0.input = [part]
          $0.attribute = [.with {
            $0.name = "axes"
            $0.type = .ints
            $0.ints = [Int64(axis)]
          }]
        } else {
          $0.input = [part, axes]
        }
      })
      wide.append(name)
    }
    try append(.with {
      $0.opType = "Concat"
      $0.name = unique("\(output)/Concat")
      $0.input = wide
      $0.output = [output]
      $0.attribute = [.with {
        $0.name = "axis"
        $0.type = .int
        $0.i = Int64(axis)
      }]
    })
  }
}
