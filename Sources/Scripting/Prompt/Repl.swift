import Compression
import Glibc
import Graph
import LuaBridge
import Support
import Tensor

/// The prompt: expressions print themselves, `;` silences, `_` is the last result, `? name` helps, `!command` is for the
/// shell, `who()` lists what was made; chunks may span lines; Ctrl-C comes back here.
final class Repl {
  private let environment: ScriptEnvironment
  private let editor: LineEditor
  private let standard: Set<String>
  private var chunkCount = 0
  private let isColoured: Bool

  init(_ environment: ScriptEnvironment) throws {
    self.environment = environment
    let completion = Completion(environment: environment)
    editor = try LineEditor { completion.candidates($0) }
    // What is there before the user makes anything.
    standard = Set(try environment.state.globals.fields.map(\.key) + ["_", "who"])
    let term = getenv("TERM").map { String(cString: $0) } ?? ""
    isColoured = getenv("NO_COLOR") == nil && isatty(STDERR_FILENO) == 1 && term != "dumb" && !term.isEmpty
    if !environment.options.sandbox, let home = Folders.home {
      do { environment.workspace = try Workspace(home: home) } catch { Console.warn("the workspace is not kept: \(error)") }
    }
    try environment.globals.add("who", .function(environment.state.function { [unowned self] _ in
      print(try who())
      return 0
    }))
  }

  /// Reads and runs until Ctrl-D.
  func run() throws {
    print("Pare \(pareVersion), Lua 5.4. help() lists what there is, ? name explains it, Ctrl-D ends.")
    if let offer = environment.workspace?.offer() { print(offer) }
    var pending = ""
    while true {
      switch editor.read(prompt: pending.isEmpty ? "> " : ">> ", isContinued: !pending.isEmpty) {
      case .end:
        print("")
        environment.workspace?.end()
        return
      case .interrupted:
        environment.state.forgetInterrupts()
        pending = ""
        print("")
      case .text(let line):
        let text = pending.isEmpty ? line : pending + "\n" + line
        guard text.contains(where: { !$0.isWhitespace }) else { continue }
        pending = consume(text) ? "" : text
        if pending.isEmpty { editor.remember(chunk: text) }
      }
    }
  }

  /// Runs a chunk; false if it goes on in the next line.
  private func consume(_ text: String) -> Bool {
    let trimmed = text.drop { $0.isWhitespace }
    if trimmed.hasPrefix("?") {
      let name = trimmed.dropFirst().trimmingPrefix { $0 == " " }
      perform { print(try Help.text(named: String(name), environment)) }
      return true
    }
    if trimmed.hasPrefix("!") {
      perform { try shell(String(trimmed.dropFirst())) }
      return true
    }
    let state = environment.state
    var body = text
    while let last = body.last, last.isWhitespace { body.removeLast() }
    let isSilent = body.hasSuffix(";")
    chunkCount += 1
    let name = "=[\(chunkCount)]"
    environment.chunks[name] = text
    var function: LuaFunction?
    // An expression first: `x + 1` is no statement.
    var expression = body
    while expression.hasSuffix(";") { expression.removeLast() }
    if let loaded = try? state.load("return " + expression, name: name) { function = loaded }
    if function == nil {
      if state.isIncomplete(text) { return false }
      do { function = try state.load(text, name: name) } catch {
        report(error)
        return true
      }
    }
    guard let function else { return true }
    let isExpression = (try? state.load("return " + expression, name: name)) != nil
    let started = now()
    perform {
      let values = try state.call(function)
      fflush(nil)
      // A call without results is a statement as well.
      environment.workspace?.add(.init(text: text, isExpression: isExpression && !values.isEmpty, isSilent: isSilent))
      guard !values.isEmpty else { return }
      try state.globals.set("_", values[0])
      if !isSilent { print(try values.map { try Inspection.text(of: $0, in: state) }.joined(separator: "\t")) }
    }
    let seconds = now() - started
    if seconds >= 1 { ScriptEnvironment.write(isColoured ? "\u{1B}[2m\(took(seconds))\u{1B}[0m\n" : took(seconds) + "\n") }
    keepWorkspace()
    return true
  }

  private func took(_ seconds: Double) -> String { "(\(Figures.seconds(seconds)))" }

  /// Writes what is new among the user's models and results.
  private func keepWorkspace() {
    guard let workspace = environment.workspace else { return }
    do {
      let own = try environment.state.globals.fields.filter { !standard.contains($0.key) }
      try workspace.keep(own.map { ($0.key, $0.value) })
    } catch {
      Console.warn("the workspace is not kept: \(error)")
      environment.workspace = nil
    }
    environment.state.forgetInterrupts()
  }

  private func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Runs a command of the shell on this terminal. Ctrl-C is the command's while it runs.
  private func shell(_ command: String) throws {
    guard !environment.options.sandbox else { throw PareError(.unsupported, "the sandbox runs no commands") }
    fflush(nil)
    let status = system(command)
    if status != 0 { Console.note("(exit \(status & 0x7F == 0 ? Int(status >> 8 & 0xFF) : 128 + Int(status & 0x7F)))") }
  }

  private func perform(_ body: () throws -> Void) {
    do { try body() } catch { report(error) }
    fflush(nil)
    environment.state.forgetInterrupts()
  }

  private func report(_ error: any Error) {
    fflush(nil)
    let text = "\(error)" + (environment.hint(for: error).map { "; \($0)" } ?? "")
    let message = isColoured ? "\u{1B}[31m\(text)\u{1B}[0m\n" : text + "\n"
    ScriptEnvironment.write(message)
    // Where the error is in a function of a script, the way there helps; at the prompt itself it is noise.
    if let error = error as? LuaError, error.traceback.split(separator: "\n").filter({ !$0.contains("[C]") }).count > 2,
      error.pareError?.code != .interrupted
    {
      ScriptEnvironment.write(error.traceback + "\n")
    }
  }

  /// What the user made: name, type and shape.
  private func who() throws -> String {
    let rows = try environment.state.globals.fields.filter { !standard.contains($0.key) }.map { name, value in
      [name, try summary(of: value)]
    }
    let width = rows.map { $0[0].count }.max() ?? 0
    return rows.isEmpty ? "nothing yet" : rows.map { $0[0] + String(repeating: " ", count: width - $0[0].count + 2) + $0[1] }.joined(separator: "\n")
  }

  private func summary(of value: LuaValue) throws -> String {
    guard case .object(let object) = value else {
      if case .table(let table) = value { return "table with \(try table.pairs().count) values" }
      return value.typeName
    }
    if let handle = try object.object(as: TensorHandle.self) { return "tensor \(handle.value.dtype) \(handle.value.shape)" }
    if let handle = try object.object(as: ModelHandle.self) {
      let cost = try handle.model.storageCost()
      return "model, \(handle.model.nodes.count) layers, \(cost.parameters) parameters, \(cost.bytes) bytes"
    }
    let text = try environment.state.describe(value)
    return String(text.prefix { $0 != "\n" }.prefix(100))
  }
}
