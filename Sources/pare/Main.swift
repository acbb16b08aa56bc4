import ArgumentParser
import Glibc
import Scripting
import Support

/// The entry point: hands scripts, chunks and the prompt to `RunCommand`, everything else to the command named.
@main
struct Main {
  static func main() {
    PipedOutput.gather()
    let arguments = Pare.rewritten(Array(CommandLine.arguments.dropFirst()))
    do {
      try Pare.checkCommand(arguments)
      var command = try Pare.parseAsRoot(arguments)
      try command.run()
    } catch {
      exit(report(error))
    }
    if PipedOutput.hasFailed() {
      Console.error("standard output cannot be written: what was printed is not complete")
      exit(1)
    }
  }

  /// Prints an error where a person or a program looks for it, and returns the exit code of the contract:
  /// 0 success, 1 failure, 2 usage, 130 interrupted.
  private static func report(_ error: any Error) -> Int32 {
    switch error {
    case let code as ExitCode:
      return code.rawValue
    case let error as PareError:
      Console.error("\(error)")
      return error.code == .interrupted ? 130 : 1
    default:
      let code = Pare.exitCode(for: error)
      let message = Pare.fullMessage(for: error)
      if code == .success {
        print(message)
        return 0
      }
      Console.error(message, plain: true)
      return code == .validationFailure ? 2 : code.rawValue
    }
  }
}
