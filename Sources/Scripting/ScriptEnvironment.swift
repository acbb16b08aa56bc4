import Compression
import Glibc
import LuaBridge
import Support
import Tensor

/// A Lua interpreter with Pare's globals: runs scripts, chunks and the prompt.
///
/// Belongs to the thread that makes it. What scripts define (`define.*`) goes into the shared registry.
public final class ScriptEnvironment {
  let options: ScriptOptions
  let state: LuaState
  let globals: PareGlobals
  /// What tensors were allowed before; restored at the end.
  private let outerLimit: Int
  /// Tracked leaves whose `grad` a backward pass fills.
  var leaves = LeafTable()
  /// The declarations of all bound functions, by full name: help and completion.
  private(set) var declarations: [String: Function] = [:]
  /// The text of chunks that stand in no file, by chunk name.
  var chunks: [String: String] = [:]
  /// What scripts defined, as `kind.name`.
  var definedEntries: Set<String> = []
  /// Plugins written in Lua, with their entries.
  var luaPlugins: [(path: String, entries: [String])] = []
  /// The database of runs, opened by the first run.
  let runLog: RunLog
  /// What the prompt keeps on disk; nil in scripts.
  var workspace: Workspace?
  /// Methods whose constructors were offered as globals.
  var methodGlobals: Set<String> = []

  /// - Throws: `memory`, or what loading a plugin named in the options throws.
  public init(_ options: ScriptOptions = ScriptOptions()) throws {
    self.options = options
    runLog = RunLog(isOpen: !options.sandbox)
    let limits = LuaLimits(memory: options.memoryCeiling, instructions: options.instructionCeiling)
    LuaState.outsideBytes = { Compute.memory().current }
    // One huge tensor is refused before it is made; the sum of tensors and Lua after each call.
    outerLimit = Compute.memoryLimit
    if limits.memory > 0 { Compute.memoryLimit = min(outerLimit, limits.memory) }
    state = try LuaState(limits: limits, sandbox: options.sandbox)
    globals = PareGlobals(state)
    try openBindings()
    try openArguments()
    try loadPlugins()
  }

  deinit {
    removeDefinitions()
    Compute.memoryLimit = outerLimit
    InterruptHandler.remove(state)
    state.close()
  }

  /// Everything that scripts see. Names of functions are those of their declarations.
  private func openBindings() throws {
    try TensorType.register(in: self)
    try ModelType.register(in: self)
    try SessionType.register(in: self)
    try NNFunctions.register(in: self)
    try DataTypes.register(in: self)
    try TrainingFunctions.register(in: self)
    try CompressionTypes.register(in: self)
    try ContextTypes.register(in: self)

    let tensor = try namespace("tensor", TensorConstructors.all + TensorConstructors.windows)
    let make = TensorConstructors.make
    declarations[make.name] = make
    let metatable = state.table()
    try metatable.set("__call") { [unowned self] lua in
      try make.body(Call(function: make, environment: self, lua: lua.dropping(1), offset: 0))
    }
    try tensor.setMetatable(metatable)
    try namespace("nn", NNFunctions.all + NNFunctions.more)
    try namespace("model", ModelType.functions)
    try namespace("data", DataTypes.functions)
    try namespace("optimizer", TrainingFunctions.optimizers)
    try namespace("define", DefineFunctions.all)
    try namespace("registry", RegistryFunctions.registry)
    try namespace("plugin", RegistryFunctions.plugins)
    try namespace("runs", RunFunctions.all)
    try namespace("session", SessionFunctions.all)
    let single = [
      ModelType.compare, SessionType.calibrate, TrainingFunctions.train, CompressionTypes.compress, SweepFunction.sweep, Correlation.function,
      Help.function,
    ]
    for function in single + PlotFunctions.all {
      declarations[function.name] = function
      try globals.add(function.name, .function(state.function(function.bound(self))))
    }
    try globals.add("method", .table(methodTable()))
    try globals.publish()
    try publishMethods()
  }

  /// Makes a global table of functions.
  @discardableResult
  private func namespace(_ name: String, _ functions: [Function]) throws -> LuaTable {
    let table = state.table()
    for (key, body) in declare(functions) { try table.set(key, body) }
    try globals.add(name, .table(table))
    return table
  }

  /// Keeps declarations for help and completion; returns what Lua is given.
  func declare(_ functions: [Function]) -> [(name: String, body: LuaBody)] {
    functions.map { function in
      declarations[function.name] = function
      return (function.key, function.bound(self))
    }
  }

  private func openArguments() throws {
    let table = state.table()
    for (index, argument) in options.arguments.enumerated() { try table.set(index, .string(argument)) }
    try state.globals.set("arg", .table(table))
  }

  // MARK: Running

  /// Runs a Lua file; what it returns is ignored.
  ///
  /// - Returns: the exit status: 0, 1 after an error (reported on standard error), 130 after Ctrl-C.
  public func run(file path: String) -> Int32 {
    report {
      let text = try ScriptFile.read(path)
      let arguments = options.arguments.dropFirst().map(LuaValue.string)
      try state.call(state.load(text, name: "@" + path), Array(arguments))
    }
  }

  /// Runs a chunk (`pare -e`) and prints what it returns.
  public func run(chunk: String) -> Int32 {
    report {
      chunks["=(command line)"] = chunk
      let values = try state.call(state.load(chunk, name: "=(command line)"), options.arguments.map(LuaValue.string))
      if !values.isEmpty { print(try values.map { try Inspection.text(of: $0, in: state) }.joined(separator: "\t")) }
    }
  }

  /// Runs what standard input holds.
  public func runStandardInput() -> Int32 {
    report {
      let text = try ScriptFile.readStandardInput()
      chunks["=stdin"] = text
      try state.call(state.load(text, name: "=stdin"), options.arguments.dropFirst().map(LuaValue.string))
    }
  }

  /// Runs the prompt, or standard input as a script where that is no terminal.
  public func prompt() -> Int32 {
    guard isatty(STDIN_FILENO) == 1 else { return runStandardInput() }
    return report { try Repl(self).run() }
  }

  /// Runs a recipe file: Lua that returns the list of steps.
  ///
  /// - Throws: `PareError` where Pare raised it, else `format` with Lua's message; both name the file.
  public func recipe(file path: String) throws -> Recipe {
    do {
      let values = try state.call(state.load(ScriptFile.read(path), name: "@" + path))
      return try CompressionTypes.recipe(values.first ?? .null)
    } catch let error as LuaError {
      guard var found = error.pareError else { throw PareError(.format, error.message, file: path) }
      // Of a place, a description names the file alone.
      if found.file == path, let line = found.line { found.message = "\(path):\(line): \(found.message)" }
      throw found
    } catch let error as PareError {
      throw error.located(file: path)
    }
  }

  /// Runs a chunk and returns its values as text: for tests and tools.
  ///
  /// - Throws: `PareError` where Pare raised it, else an error whose description is Lua's message.
  package func evaluate(_ chunk: String, name: String = "=chunk") throws -> [String] {
    chunks[name] = chunk
    return try state.call(state.load(chunk, name: name)).map { try Inspection.text(of: $0, in: state) }
  }

  /// What Tab offers at the end of `text`.
  package func completions(of text: String) -> [String] { Completion(environment: self).candidates(text).candidates }

  /// Runs `body`, reports its error on standard error and returns the exit status.
  private func report(_ body: () throws -> Void) -> Int32 {
    InterruptHandler.install(for: state)
    defer { fflush(nil) }
    do {
      try body()
      return 0
    } catch {
      fflush(nil)
      return Self.report(error, hint: hint(for: error))
    }
  }

  /// Writes an error with its traceback to standard error; returns the exit status for it.
  static func report(_ error: any Error, hint: String? = nil) -> Int32 {
    switch error {
    case let error as LuaError:
      write("pare: \(error.message)" + (hint.map { "; \($0)" } ?? "") + "\n")
      if error.pareError?.code == .interrupted { return 130 }
      if !error.traceback.isEmpty { write(error.traceback + "\n") }
    case let error as PareError:
      write("pare: \(error)\n")
      if error.code == .interrupted { return 130 }
    default: write("pare: \(error)\n")
    }
    return 1
  }

  /// What was probably meant where a script used a name that is nothing: Lua's own message says only that it is nil.
  func hint(for error: any Error) -> String? {
    guard let error = error as? LuaError, error.isText,
      let match = error.message.firstMatch(of: /attempt to (?:call|index|concatenate|perform arithmetic on) a nil value \((global|field|method) '([^']+)'\)/)
    else { return nil }
    let (kind, name) = (match.output.1, String(match.output.2))
    guard kind == "global" else {
      let names = declarations.values.filter { $0.isMethod == (kind == "method") }
      guard let key = Suggestion.closest(to: name, among: Set(names.map(\.key))) else { return nil }
      return "did you mean " + names.filter { $0.key == key }.map(\.name).sorted().prefix(2).joined(separator: " or ") + "?"
    }
    // At the prompt each line is a chunk of its own; a pasted script's locals are gone with theirs.
    if let declaration = try? Regex("\\blocal\\s+(function\\s+)?[\\w, ]*\\b\(name)\\b"),
      chunks.contains(where: { $0.key.hasPrefix("=[") && $0.value.firstMatch(of: declaration) != nil })
    {
      return "a local ends with its line at the prompt: leave out 'local' to keep \(name)"
    }
    let own = (try? state.globals.fields.map(\.key)) ?? [], shared = (try? globals.table.fields.map(\.key)) ?? []
    // One letter for another is no slip: `x` was not made yet.
    return Suggestion.didYouMean(name, among: Set(own + shared).filter { $0 != "_" && $0.count + name.count > 2 })
  }

  static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }
}

/// Ctrl-C: sets the flag that long work polls, and stops running Lua code.
enum InterruptHandler {
  nonisolated(unsafe) private static var target: OpaquePointer?

  /// Sends Ctrl-C to `state` from now on.
  static func install(for state: LuaState) {
    target = state.interruptHandle
    _ = Interrupt.isRequested
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      Interrupt.request()
      if let target = InterruptHandler.target { LuaState.interrupt(target) }
    }
    // Not restarted: a read at the prompt ends, and the prompt starts a new line.
    action.sa_flags = 0
    sigaction(SIGINT, &action, nil)
    // A parent may have left these blocked: Ctrl-C must stop work, and a closed terminal must end the program.
    var ending = sigset_t()
    sigemptyset(&ending)
    for signal in [SIGINT, SIGHUP, SIGTERM] { sigaddset(&ending, signal) }
    pthread_sigmask(SIG_UNBLOCK, &ending, nil)
  }

  static func remove(_ state: LuaState) { if target == state.interruptHandle { target = nil } }
}

/// Reading of scripts.
enum ScriptFile {
  static func read(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw PareError(
        errno == ENOENT ? .notFound : .io, "cannot read '\(path)': \(String(cString: strerror(errno)))", file: path)
    }
    defer { close(descriptor) }
    return try text(from: descriptor, path)
  }

  static func readStandardInput() throws -> String { try text(from: STDIN_FILENO, "standard input") }

  private static func text(from descriptor: Int32, _ name: String) throws -> String {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      try Interrupt.check()
      let count = Glibc.read(descriptor, &block, block.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw PareError(.io, "cannot read \(name): \(String(cString: strerror(errno)))", file: name)
      }
      if count == 0 { break }
      bytes += block[..<count]
    }
    // Editors of Windows begin a file with a byte order mark.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    // A first line that starts with # is for the shell.
    var text = String(decoding: bytes, as: UTF8.self)
    if text.hasPrefix("#") { text = "--" + text }
    return text
  }
}
