/// How scripts run.
public struct ScriptOptions: Sendable {
  /// Removes `os`, `io`, `package`, `require`, `dofile`, `loadfile`, `debug` and native plugins; files are read only
  /// under the working directory and `dataFolder`, and written nowhere.
  public var sandbox = false
  /// Highest bytes of tensors and Lua together; nil: no limit, or 2 GB in the sandbox.
  public var memoryLimit: Int?
  /// Most Lua instructions; nil: no limit, or 1e10 in the sandbox.
  public var instructionLimit: UInt64?
  /// The script and what follows it: `arg[0]`, then `arg[1]`, ... and `...`.
  public var arguments: [String] = []
  /// Plugin files to load first (`--plugin`).
  public var plugins: [String] = []
  /// Whether plugins are looked for at the start (not with `--no-plugins`).
  public var searchesPlugins = true
  /// The folder of data sets that a sandboxed script may read beside the working directory.
  public var dataFolder: String?

  /// A script with all of Lua, no limits, and the plugins that are found.
  public init() {}

  var memoryCeiling: Int { memoryLimit ?? (sandbox ? 2 << 30 : 0) }
  var instructionCeiling: UInt64 { instructionLimit ?? (sandbox ? 10_000_000_000 : 0) }
}
