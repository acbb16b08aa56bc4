import ArgumentParser
import Compression
import Scripting
import Support
import Tensor

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Threads to compute with (default: the CPUs this process may use, at most 8).", valueName: "n"))
  var threads: Int?

  @Option(name: .customLong("plugin"), help: ArgumentHelp("Loads a plugin first; may be repeated.", valueName: "file"))
  var plugins: [String] = []

  @Flag(help: "Skips the search for plugins at the start.")
  var noPlugins = false

  @Flag(help: "Runs scripts without os, io, native plugins; see --memory and --instructions.")
  var sandbox = false

  @Option(help: ArgumentHelp("Memory of tensors and Lua together in the sandbox, as in 512MB, 2GB.", valueName: "size"))
  var memory: String?

  @Option(help: ArgumentHelp("Lua instructions in the sandbox.", valueName: "n"))
  var instructions: String?

  @Flag(help: "No progress bars, notes and warnings.")
  var quiet = false

  /// Whether the word after this option belongs to it.
  static func takesValue(_ option: String) -> Bool {
    ["--threads", "--plugin", "--memory", "--instructions"].contains(option)
  }

  private static let names = ["--threads", "--plugin", "--no-plugins", "--sandbox", "--memory", "--instructions", "--quiet"]

  /// Whether every command takes this option, given as `--x` or `--x=value`.
  static func isKnown(_ option: String) -> Bool { names.contains(String(option.prefix { $0 != "=" })) }

  /// The error for a word before a script that is no option.
  static func unknown(_ option: String) -> ValidationError {
    let nearest = Suggestion.didYouMean(String(option.prefix { $0 != "=" }), among: names)
    return ValidationError("Unknown option '\(option)'" + (nearest.map { "; \($0)" } ?? ""))
  }

  mutating func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads: expected 1 to 256, got \(threads)")
    }
    if let memory, ByteCount.parse(memory) == nil {
      throw ValidationError("--memory: expected a size like 512MB or 2GB, got '\(memory)'")
    }
    if let instructions, Double(instructions).map({ !($0 >= 1 && $0 <= 1e18) }) ?? true {
      throw ValidationError("--instructions: expected a count like 1e10, got '\(instructions)'")
    }
    if sandbox, let native = plugins.first(where: { !$0.hasSuffix(".lua") }) {
      throw ValidationError("--sandbox takes no native plugins: '\(native)'")
    }
  }

  /// Applies what concerns the whole process. Called once, first, by every command.
  func apply() throws {
    Console.isQuiet = quiet
    if let threads { Compute.threads = threads }
    try BuiltIns.register()
  }

  /// Applies the options and makes the Lua side, with the plugins that load at start and those named.
  func start(arguments: [String] = [], dataFolder: String? = nil) throws -> ScriptEnvironment {
    try apply()
    var script = ScriptOptions()
    script.sandbox = sandbox
    script.memoryLimit = memory.flatMap(ByteCount.parse)
    script.instructionLimit = instructions.flatMap { Double($0).map { UInt64($0) } }
    script.arguments = arguments
    script.plugins = plugins
    script.searchesPlugins = !noPlugins
    script.dataFolder = dataFolder
    return try ScriptEnvironment(script)
  }
}

/// Sizes in bytes as people write them.
enum ByteCount {
  /// Returns the bytes of "512MB", "2GB", "1.5g", "100000"; nil for anything else. Units are powers of 1024.
  static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits), number >= 0 else { return nil }
    let scale: Double? =
      switch text.dropFirst(digits.count).lowercased() {
      case "", "b": 1
      case "k", "kb": 0x1p10
      case "m", "mb": 0x1p20
      case "g", "gb": 0x1p30
      case "t", "tb": 0x1p40
      default: nil
      }
    guard let scale, number * scale < 0x1p62 else { return nil }
    return Int(number * scale)
  }
}
