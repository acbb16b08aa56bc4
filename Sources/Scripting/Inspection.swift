import LuaBridge
import Support

/// What the prompt and `-e` show of a value: `tostring`, and for plain tables their contents.
enum Inspection {
  private static let longest = 100

  static func text(of value: LuaValue, in state: LuaState) throws -> String {
    guard case .table(let table) = value, try table.metatable == nil else { return try state.describe(value) }
    var seen: Set<UInt> = []
    return try text(of: table, depth: 0, &seen, state)
  }

  private static func text(of table: LuaTable, depth: Int, _ seen: inout Set<UInt>, _ state: LuaState) throws -> String {
    let identity = try table.identity
    guard seen.insert(identity).inserted else { return "{...}" }
    defer { seen.remove(identity) }
    let count = try table.count
    var parts: [String] = []
    for index in 0..<min(count, longest) { parts.append(try nested(table[index: index + 1], depth, &seen, state)) }
    if count > longest { parts.append("... \(count - longest) more") }
    let pairs = try table.pairs().filter { pair in
      if case .integer(let index) = pair.key { !(1...max(1, count)).contains(index) || count == 0 } else { true }
    }
    var named: [String] = []
    for pair in pairs {
      let key: String =
        if case .string(let name) = pair.key { isName(name) ? name : "[\"\(name)\"]" } else { "[\(try state.describe(pair.key))]" }
      named.append("\(key)=\(try nested(pair.value, depth, &seen, state))")
    }
    named.sort()
    if named.count > longest { named = named.prefix(longest) + ["... \(named.count - longest) more"] }
    parts += named
    let line = "{" + parts.joined(separator: ", ") + "}"
    guard line.count > 100 || line.contains("\n") else { return line }
    let indent = String(repeating: "  ", count: depth + 1)
    return "{\n" + parts.map { indent + $0 }.joined(separator: ",\n") + "\n" + indent.dropLast(2) + "}"
  }

  private static func nested(
    _ value: LuaValue, _ depth: Int, _ seen: inout Set<UInt>, _ state: LuaState
  ) throws -> String {
    switch value {
    case .string(let text): return "\"" + text.replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    case .table(let table) where try table.metatable == nil:
      return depth < 3 ? try text(of: table, depth: depth + 1, &seen, state) : "{...}"
    default: return try state.describe(value)
    }
  }

  /// Whether `text` can stand before `=` in a table without brackets.
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy { ($0 | 32) >= 97 && ($0 | 32) <= 122 || (48...57).contains($0) || $0 == 95 }
  }
}
