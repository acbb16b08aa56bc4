import Compression
import Glibc
import Graph
import LuaBridge
import Support
import Training

/// Completion at the prompt. Tables and metatables are read raw: no metamethod runs.
struct Completion {
  unowned let environment: ScriptEnvironment

  private static let keywords = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
    "repeat", "return", "then", "true", "until", "while",
  ]
  private static let deepest = 20

  /// Where the word at the end of `before` starts (in characters), and what it may become.
  func candidates(_ before: String) -> (start: Int, candidates: [String]) {
    let characters = Array(before)
    if let found = quoted(characters) { return found }
    var start = characters.count
    while start > 0, Self.isWord(characters[start - 1]) { start -= 1 }
    let word = String(characters[start...])
    if before.hasPrefix("?") { return helped(characters) }
    if start > 0, characters[start - 1] == "." || characters[start - 1] == ":" {
      let names = members(of: path(characters, endingAt: start - 1), methodsOnly: characters[start - 1] == ":")
      return (start, matching(word, names))
    }
    var names = globals() + Self.keywords
    if let entry = enclosingEntry(characters[..<start]) {
      names += entry.map { $0.name + "=" }
    } else if let function = enclosingCall(characters[..<start]) {
      names += parameters(of: function).map { $0.name + "=" }
    }
    return (start, matching(word, names))
  }

  private static func isWord(_ character: Character) -> Bool {
    character == "_" || (character.isASCII && (character.isLetter || character.isNumber))
  }

  /// Names that start with an underscore are shown only where one was typed.
  private func matching(_ word: String, _ names: [String]) -> [String] {
    Set(names).filter { $0.hasPrefix(word) && (word.hasPrefix("_") || !$0.hasPrefix("_")) }.sorted()
  }

  // MARK: Names

  private func globals() -> [String] {
    let own = (try? environment.state.globals.pairs()) ?? []
    return named(own) + ((try? environment.globals.table.pairs()).map(named) ?? [])
  }

  /// String keys, functions with an opening parenthesis or brace, tables with a dot.
  private func named(_ pairs: [(key: LuaValue, value: LuaValue)]) -> [String] {
    pairs.compactMap { pair in
      guard case .string(let name) = pair.key, Inspection.isName(name) else { return nil }
      return name
    }
  }

  /// After `?`: whole names, `criterion.taylor` and `x:sum` included, once a dot or a colon says that one is meant.
  private func helped(_ characters: [Character]) -> (start: Int, candidates: [String]) {
    let start = characters.firstIndex { $0 != "?" && $0 != " " } ?? characters.count
    let word = String(characters[start...])
    guard word.contains(where: { ".:".contains($0) }) else { return (start, matching(word, helpNames())) }
    return (start, matching(word, Array(environment.declarations.keys) + Registry.shared.list().map { "\($0.kind).\($0.name)" }))
  }

  private func helpNames() -> [String] {
    environment.declarations.keys.map { String($0.split(separator: ".").first ?? "") }
      + Registry.shared.list().map { "\($0.kind)" } + Registry.shared.list().map(\.name)
  }

  /// The dotted path that ends at `end`: `m.parameters` in `print(m.parameters.`.
  private func path(_ characters: [Character], endingAt end: Int) -> [String] {
    var start = end
    while start > 0, Self.isWord(characters[start - 1]) || characters[start - 1] == "." { start -= 1 }
    return String(characters[start..<end]).split(separator: ".").map(String.init)
  }

  private func members(of path: [String], methodsOnly: Bool) -> [String] {
    guard let first = path.first else { return [] }
    do {
      var value = try environment.state.globals[key: first]
      if case .null = value { value = try environment.globals.table[key: first] }
      for name in path.dropFirst().prefix(Self.deepest) {
        if case .table(let table) = value { value = try table[key: name] } else { value = try property(name, of: value) }
      }
      if first == "method", path.count == 1 { return Registry.shared.list(.method).map(\.name) }
      return try members(of: value, methodsOnly: methodsOnly)
    } catch { return [] }
  }

  /// What `d.test` and `r.model` are; nil for other properties (`m.parameters.` has names with dots, which need brackets).
  private func property(_ name: String, of value: LuaValue) throws -> LuaValue {
    guard case .object(let object) = value else { return .null }
    if let data = try object.object(as: DatasetHandle.self)?.dataset, ["train", "validation", "test"].contains(name) {
      return try environment.state.value(object: DataPartHandle(data.train))
    }
    if let result = try object.object(as: ResultHandle.self)?.result, name == "model" || name == "baseline" {
      return try environment.state.value(object: ModelHandle(name == "model" ? result.model : result.baseline))
    }
    return .null
  }

  private func members(of value: LuaValue, methodsOnly: Bool, depth: Int = 0) throws -> [String] {
    guard depth < Self.deepest else { return [] }
    switch value {
    case .table(let table):
      var names = named(try table.pairs())
      if let metatable = try table.metatable, case .table(let index) = try metatable[key: "__index"] {
        names += try members(of: .table(index), methodsOnly: methodsOnly, depth: depth + 1)
      }
      return names
    case .object(let object):
      guard let metatable = try object.metatable() else { return [] }
      var names: [String] = []
      if case .table(let methods) = try metatable[key: "__methods"] { names += named(try methods.pairs()) }
      if !methodsOnly, case .table(let properties) = try metatable[key: "__properties"] {
        names += try properties.list.compactMap { if case .string(let name) = $0 { name } else { nil } }
      }
      return names
    case .string:
      guard case .table(let strings) = try environment.state.globals[key: "string"] else { return [] }
      return named(try strings.pairs())
    default: return []
    }
  }

  // MARK: Parameters

  /// The name before the innermost open bracket: `prune` in `compress(m, {prune{crit`.
  private func enclosingCall(_ characters: ArraySlice<Character>) -> String? {
    var depth = 0
    var index = characters.endIndex
    while index > characters.startIndex {
      index -= 1
      switch characters[index] {
      case "}", ")", "]": depth += 1
      case "{", "(", "[":
        if depth > 0 {
          depth -= 1
          continue
        }
        var end = index
        while end > characters.startIndex, characters[end - 1] == " " { end -= 1 }
        var start = end
        while start > characters.startIndex, Self.isWord(characters[start - 1]) || ".:".contains(characters[start - 1]) { start -= 1 }
        if start < end { return String(characters[start..<end]) }
      default: continue
      }
    }
    return nil
  }

  /// Inside `criterion={"magnitude", `: the parameters of that entry. Nil elsewhere.
  private func enclosingEntry(_ characters: ArraySlice<Character>) -> [ParameterSpec]? {
    let text = String(characters)
    guard let match = text.firstMatch(of: /(\w+)\s*=\s*\{\s*["'](\w+)["']\s*,[^{}()]*$/),
      let function = enclosingCall(Array(text[..<match.range.lowerBound])[...]),
      let kind = parameters(of: function).first(where: { $0.name == match.output.1 })?.kind
    else { return nil }
    return Registry.shared.lookUp(kind, String(match.output.2))?.entry.parameters
  }

  private func parameters(of name: String) -> [ParameterSpec] {
    let plain = name.hasPrefix("method.") ? String(name.dropFirst(7)) : name
    if let registration = Registry.shared.lookUp(.method, plain) { return registration.entry.parameters }
    return declared(name).flatMap(\.options)
  }

  /// The functions that a name may mean: all methods of that name, whatever the variable before it is called.
  private func declared(_ name: String) -> [Function] {
    if let function = environment.declarations[name] { return [function] }
    guard let key = name.split(whereSeparator: { ".:".contains($0) }).last else { return [] }
    return environment.declarations.values.filter { $0.isMethod && $0.key == key }
  }

  /// Inside `criterion="`: what the parameter may be. Nil outside of a string.
  private func quoted(_ characters: [Character]) -> (start: Int, candidates: [String])? {
    var quote: Int?
    for (index, character) in characters.enumerated() where character == "\"" || character == "'" {
      if let open = quote {
        if characters[open] == character { quote = nil }
      } else {
        quote = index
      }
    }
    guard let quote else { return nil }
    let word = String(characters[(quote + 1)...])
    func files() -> (start: Int, candidates: [String]) { (quote + 1, FileNames.candidates(word)) }
    if let names = indexedNames(characters[..<quote]) { return (quote + 1, names.filter { $0.hasPrefix(word) }.sorted()) }
    var end = quote
    while end > 0, characters[end - 1] == " " || characters[end - 1] == "{" { end -= 1 }
    // A list goes on after its commas: keep={"conv1", "
    var inList = end
    while inList > 0, characters[inList - 1] != "{", characters[inList - 1] != "(" { inList -= 1 }
    if end == quote || characters[end - 1] == ",", inList > 1, characters[inList - 1] == "{" {
      var before = inList - 1
      while before > 0, characters[before - 1] == " " { before -= 1 }
      if before > 0, characters[before - 1] == "=" { end = before }
    }
    guard end > 0, characters[end - 1] == "=" else {
      let words = matching(word, positionalWords(characters[..<quote]))
      return words.isEmpty ? files() : (quote + 1, words)
    }
    end -= 1
    while end > 0, characters[end - 1] == " " { end -= 1 }
    var start = end
    while start > 0, Self.isWord(characters[start - 1]) { start -= 1 }
    let parameter = String(characters[start..<end])
    guard let function = enclosingCall(characters[..<start]) else { return files() }
    if ["keep", "taps", "keep_f32", "layers", "from", "to"].contains(parameter) {
      return (quote + 1, layerNames().filter { $0.hasPrefix(word) })
    }
    let words = parameters(of: function).filter { $0.name == parameter }.flatMap { spec -> [String] in
      spec.choices + spec.suggestions + (spec.kind.map { Registry.shared.list($0).map(\.name) } ?? [])
    }
    return words.isEmpty ? files() : (quote + 1, matching(word, words))
  }

  /// The names of layers of all models that globals hold.
  private func layerNames() -> [String] {
    let models = ((try? environment.state.globals.fields) ?? []).compactMap { _, value -> [String]? in
      guard case .object(let object) = value, let handle = try? object.object(as: ModelHandle.self) else { return nil }
      return handle.model.nodes.map(\.name)
    }
    return Set(models.joined()).sorted()
  }

  /// Inside `m.parameters["`: the parameters of that model; inside `layers={["`: layers. Nil elsewhere.
  private func indexedNames(_ characters: ArraySlice<Character>) -> [String]? {
    guard characters.last == "[" else { return nil }
    let path = path(Array(characters), endingAt: characters.count - 1)
    guard let last = path.last else { return layerNames() }
    guard last == "parameters" || last == "taps", path.count == 2,
      case .object(let object)? = try? environment.state.globals[key: path[0]], let handle = try? object.object(as: ModelHandle.self)
    else { return last == "taps" ? layerNames() : nil }
    return Array(handle.model.parameters.keys)
  }

  /// The first argument of functions that take a name.
  private func positionalWords(_ characters: ArraySlice<Character>) -> [String] {
    switch Optional(enclosingCall(characters) ?? String(characters).trimmingWord) {
    case "help", "?": helpNames()
    case "registry.list": ExtensionKind.allCases.map(\.rawValue)
    case let name? where name.hasSuffix(":why") || name.hasSuffix(":replace"): layerNames()
    case "data.load": ["digits", "mnist", "fashion-mnist", "cifar10", "cifar100", "images", "npy", "synthetic"] + Registry.shared.list(.dataset).map(\.name)
    case let name?: declared(name).flatMap { $0.positional.first?.suggestions ?? [] }
    case nil: []
    }
  }
}

extension String {
  /// The last word, spaces dropped.
  fileprivate var trimmingWord: String { split(separator: " ").last.map(String.init) ?? "" }
}

/// Files and folders, as a shell completes them.
enum FileNames {
  static func candidates(_ word: String) -> [String] {
    let slash = word.lastIndex(of: "/")
    let folder = slash.map { String(word[...$0]) } ?? ""
    let start = slash.map { String(word[word.index(after: $0)...]) } ?? word
    var place = folder.isEmpty ? "." : folder
    if place.hasPrefix("~/"), let home = getenv("HOME") { place = String(cString: home) + place.dropFirst() }
    return Folders.names(in: place).filter { $0.hasPrefix(start) && (start.hasPrefix(".") || !$0.hasPrefix(".")) }.map { name in
      var status = stat()
      let isFolder = stat("\(place)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      return folder + name + (isFolder ? "/" : "")
    }
  }
}
