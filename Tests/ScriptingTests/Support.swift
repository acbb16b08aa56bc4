import Compression
import Distillation
import Foundation
import LowRank
import LuaBridge
import Pruning
import Quantization
import Scripting
import Search
import Support
import Testing

/// One after another: the registry and the interrupt flag belong to the process.
@Suite(.serialized) struct ScriptingTests {}

/// The built-in families, registered once for all tests; what runs leave goes into a folder of the tests' own.
let registered: Void = {
  setenv("PARE_HOME", FileManager.default.temporaryDirectory.appendingPathComponent("pare-tests-\(getpid())").path, 1)
  Console.isQuiet = true
  for (family, plugin) in [
    ("pruning", Pruning.plugin), ("quantization", Quantization.plugin), ("distillation", Distillation.plugin),
    ("lowrank", LowRank.plugin), ("search", Search.plugin),
  ] {
    do { try plugin.register(in: .shared, family: family, origin: .builtIn) } catch { Issue.record(error) }
  }
}()

func environment(_ change: (inout ScriptOptions) -> Void = { _ in }) throws -> ScriptEnvironment {
  registered
  var options = ScriptOptions()
  options.searchesPlugins = false
  change(&options)
  return try ScriptEnvironment(options)
}

/// Runs a chunk whose asserts are the test, and returns what it leaves at the prompt: nothing, for statements.
@discardableResult
func run(_ chunk: String, _ change: (inout ScriptOptions) -> Void = { _ in }) throws -> [String] {
  let environment = try environment(change)
  do { return try environment.evaluate(prelude + chunk) } catch let error as LuaError {
    throw ScriptFailure(description: error.message + "\n" + error.traceback)
  }
}

struct ScriptFailure: Error, CustomStringConvertible { let description: String }

/// Helpers of the chunks, on one line so that line numbers stay right.
private let prelude = """
  local function fails(code, f, ...) local ok, e = pcall(f, ...); assert(not ok, "expected an error " .. code); \
  assert(type(e) == "table" and e.code == code, "expected " .. code .. ", got " .. tostring(e)); \
  assert(#tostring(e) > 0 and not tostring(e):find("\\n")); return e end \
  local function same(t, u) assert(#t == #u, #t .. " items, not " .. #u); for i, v in ipairs(u) do \
  assert(math.abs(t[i] - v) < 1e-5, "item " .. i .. ": " .. t[i] .. ", not " .. v) end end \

  """
