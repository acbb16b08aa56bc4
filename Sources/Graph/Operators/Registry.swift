import CKernels
import Support
import Synchronization

/// The operators that a model may use, by domain and name.
///
/// Built-in operators are collected by the linker: each file under `Operators/` places an entry in the section
/// `pare_operators`, so that a new operator is one file. Plugins add theirs with `register`.
public enum OperatorRegistry {
  private struct Key: Hashable {
    let domain: String
    let name: String
  }
  private static let operators = Mutex<[Key: any Operator]>(collected())

  /// Adds an operator, or replaces one that was registered (a built-in one is refused).
  ///
  /// - Throws: `argument` if the name is a built-in operator's.
  public static func register(_ type: any Operator.Type) throws {
    let key = Key(domain: normalized(type.domain), name: type.name)
    guard builtIn[key] == nil else {
      throw PareError(.argument, "operator '\(type.name)' is built in and cannot be replaced", op: type.name)
    }
    operators.withLock { $0[key] = type.init() }
  }

  /// Returns the operator of a node.
  ///
  /// - Throws: `unsupported` naming operator, node and opset.
  public static func find(for node: Node, opset: Int) throws -> any Operator {
    let key = Key(domain: normalized(node.domain), name: node.op)
    if let found = operators.withLock({ $0[key] }) { return found }
    let names = operators.withLock { $0.keys.filter { $0.domain == key.domain }.map(\.name) }
    let name = key.domain.isEmpty ? key.name : "\(key.domain).\(key.name)"
    throw PareError(.unsupported, "operator '\(name)' of node '\(node.name)' (opset \(opset)) is not there",
                    suggestion: Suggestion.didYouMean(node.op, among: names), layer: node.name, op: node.op)
  }

  /// The names of all operators, sorted, those outside ONNX's own domain with their domain.
  public static var names: [String] {
    operators.withLock { $0.keys.map { $0.domain.isEmpty ? $0.name : "\($0.domain).\($0.name)" } }.sorted()
  }

  private static let builtIn: [Key: any Operator] = collected()

  private static func normalized(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

  private static func collected() -> [Key: any Operator] {
    guard let start = pare_operators_start(), let stop = pare_operators_stop() else { return [:] }
    let count = (stop - start) / MemoryLayout<OperatorEntry>.stride
    let entries = UnsafeBufferPointer(start: start.assumingMemoryBound(to: OperatorEntry.self), count: count)
    var result: [Key: any Operator] = [:]
    for entry in entries {
      let type = Unmanaged<OperatorBox>.fromOpaque(entry()).takeRetainedValue().type
      let previous = result.updateValue(type.init(), forKey: Key(domain: type.domain, name: type.name))
      assert(previous == nil, "two files define operator \(type.name)")
    }
    return result
  }
}

/// What stands in the section `pare_operators`: a function that hands over the operator's type.
typealias OperatorEntry = @convention(c) () -> UnsafeMutableRawPointer

final class OperatorBox {
  let type: any Operator.Type
  init(_ type: any Operator.Type) { self.type = type }
}

/// Used as `@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(X.self) }`.
func operatorEntry(_ type: any Operator.Type) -> UnsafeMutableRawPointer {
  Unmanaged.passRetained(OperatorBox(type)).toOpaque()
}
