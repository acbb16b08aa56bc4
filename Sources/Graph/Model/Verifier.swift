import Support
import Tensor

/// The written rules of a graph, checked.
extension Model {
  /// Checks that names are unique, that every value is made before it is read, that operators exist and have as many
  /// inputs as they take, that attributes have their types and shapes fit, and that parameters are read.
  ///
  /// - Throws: `format` (or `shape`, `unsupported`) naming the first thing that is wrong.
  public func verified() throws {
    func wrong(_ message: String, layer: String? = nil) -> PareError { PareError(.format, message, layer: layer) }
    var made = Set<String>(), nodeNames = Set<String>(), read = Set<String>()
    for port in inputs where !made.insert(port.name).inserted {
      throw wrong("two inputs of the model are called '\(port.name)'")
    }
    for (key, parameter) in parameters {
      guard key == parameter.name else { throw wrong("parameter '\(parameter.name)' is filed under '\(key)'") }
      guard made.insert(key).inserted else { throw wrong("parameter '\(key)' has the name of an input") }
    }
    for node in nodes {
      guard !node.name.isEmpty else { throw wrong("a \(node.op) node has no name") }
      guard nodeNames.insert(node.name).inserted else { throw wrong("two layers are called '\(node.name)'", layer: node.name) }
      for input in node.inputs where !input.isEmpty {
        guard made.contains(input) else {
          throw wrong("\(node.op) '\(node.name)' reads '\(input)', which no earlier node makes", layer: node.name)
        }
        read.insert(input)
      }
      guard node.outputs.contains(where: { !$0.isEmpty }) else {
        throw wrong("\(node.op) '\(node.name)' has no output", layer: node.name)
      }
      for output in node.outputs where !output.isEmpty && !made.insert(output).inserted {
        throw wrong("\(node.op) '\(node.name)' makes '\(output)', a name that is taken", layer: node.name)
      }
    }
    guard !outputs.isEmpty else { throw wrong("the model has no output") }
    for port in outputs {
      guard made.contains(port.name) else { throw wrong("output '\(port.name)' of the model is made by no node") }
      read.insert(port.name)
    }
    for name in parameters.keys where !read.contains(name) { throw wrong("parameter '\(name)' is read by no layer") }
    _ = try shapes()
  }
}
