import Compression
import LuaBridge
import Support

/// `session.*`: the session at the prompt.
enum SessionFunctions {
  static var all: [Function] {
    [
      Function("session.save", [.string("path", doc: "A .lua file")], "Writes the lines of the session that ran as a script", example: "session.save(\"today.lua\")") { call in
        try AtomicFile.write(workspace(call).script, to: call.environment.writable(call.string(1)))
        return 0
      },
      Function("session.restore", "Brings back the models and results of a session that ended unexpectedly, as globals; returns their names") { call in
        let found = try workspace(call).restore()
        let globals = call.state.globals
        for (name, value, bytes) in found { try globals.set(name, call.state.value(object: value, bytes: bytes)) }
        return try call.push(Conversion.strings(found.map(\.name), call.state))
      },
      Function("session.forget", "Drops what sessions that ended unexpectedly left") { call in
        try workspace(call).forgetLeft()
        return 0
      },
    ]
  }

  private static func workspace(_ call: Call) throws -> Workspace {
    if let workspace = call.environment.workspace { return workspace }
    throw PareError(.unsupported, "\(call.function.name) is for the prompt", suggestion: "start pare without a script")
  }
}
