import Compression
import Graph
import Runs
import Support

/// The database of runs as scripts use it: opened by the first run, and never a reason for a run to fail.
public final class RunLog {
  private let isOpen: Bool
  private var opened: Result<RunDatabase, PareError>?
  private var hasWarned = false

  /// - Parameter isOpen: false in the sandbox, which writes nothing.
  public init(isOpen: Bool = true) { self.isOpen = isOpen }

  /// - Throws: `io`, `format`; `unsupported` in the sandbox.
  func database() throws -> RunDatabase {
    if let opened { return try opened.get() }
    guard isOpen else { throw PareError(.unsupported, "the sandbox keeps no database of runs") }
    guard let home = Folders.home else {
      throw PareError(.io, "there is no folder for the database of runs", suggestion: "set PARE_HOME")
    }
    do {
      let database = try RunDatabase(folder: home)
      opened = .success(database)
      return database
    } catch let error as PareError {
      opened = .failure(error)
      throw error
    }
  }

  /// Runs `body` and keeps its result, or how it failed, as a row.
  public func recording(
    _ model: Model, _ recipe: Recipe, data: LedgerValue?, seed: UInt64, runs: Int, script: String, _ body: () throws -> CompressionResult
  ) throws -> CompressionResult {
    let id = attempt { try $0.begin(model, recipe, data: data, seed: seed, runs: runs, script: script) }
    do {
      let result = try body()
      if let id { attempt { try $0.finish(id, result) } }
      return result
    } catch {
      if let id { attempt { try $0.fail(id, error) } }
      throw error
    }
  }

  /// Uses the database; where that fails says so, once.
  @discardableResult
  private func attempt<T>(_ body: (RunDatabase) throws -> T) -> T? {
    guard isOpen else { return nil }
    do { return try body(database()) } catch {
      if !hasWarned { Console.warn("runs are not kept: \(error)") }
      hasWarned = true
      return nil
    }
  }
}
