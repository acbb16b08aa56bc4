import Compression
import Formats
import Glibc
import Graph
internal import GRDB
import Support

/// Every `compress` as a row in one SQLite file, which several processes may use at a time.
public final class RunDatabase {
  private let queue: DatabaseQueue
  /// The folder of the file; models that runs started from are kept beside it.
  public let folder: String

  /// The largest model, in bytes of its parameters, that is kept beside the database so that its run can be repeated.
  public static let largestKeptModel = 64 << 20

  /// Opens the database of a folder, making both where they are not there.
  ///
  /// - Throws: `io`, `format` for a file that is no database of Pare.
  public init(folder: String) throws {
    try Folders.make(folder)
    self.folder = folder
    var configuration = Configuration()
    configuration.label = "pare.runs"
    // Another process may be writing: wait for it.
    configuration.busyMode = .timeout(10)
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = NORMAL")
    }
    do {
      queue = try DatabaseQueue(path: folder + "/runs.sqlite", configuration: configuration)
      try Self.migrator.migrate(queue)
    } catch { throw Self.translated(error, folder) }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(sql: """
        CREATE TABLE run (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          started TEXT NOT NULL, status TEXT NOT NULL, pid INTEGER NOT NULL, seconds REAL,
          script TEXT NOT NULL, version TEXT NOT NULL, recipe TEXT NOT NULL, steps TEXT NOT NULL,
          model TEXT NOT NULL, result TEXT, data TEXT, seed INTEGER NOT NULL, runs INTEGER NOT NULL,
          before TEXT, after TEXT, error TEXT, note TEXT
        );
        CREATE INDEX run_model ON run(model);
        """)
    }
    return migrator
  }

  // MARK: Writing

  /// Adds a run that begins now.
  ///
  /// - Parameters:
  ///   - recipe: as a script writes it.
  ///   - script: where the call stands.
  /// - Returns: the row's number.
  public func begin(_ model: Model, _ recipe: Recipe, data: LedgerValue?, seed: UInt64, runs: Int, script: String) throws -> Int {
    let steps = LedgerValue.list(
      try recipe.steps.map { .table(["name": .string($0.name), "arguments": .table(try $0.givenRecorded())]) })
    let hash = try keep(model)
    return try write { db in
      try db.execute(
        sql: """
          INSERT INTO run (started, status, pid, script, version, recipe, steps, model, data, seed, runs)
          VALUES (strftime('%Y-%m-%d %H:%M:%S', 'now', 'localtime'), 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          Int(getpid()), script, pareVersion, recipe.steps.map(\.description).joined(separator: ", "), steps.json, hash, data?.json,
          Int64(bitPattern: seed), runs,
        ])
      return Int(db.lastInsertedRowID)
    }
  }

  /// Says how a run ended.
  public func finish(_ id: Int, _ result: CompressionResult) throws {
    let hash = try result.model.hash()
    try write { db in
      try db.execute(
        sql: "UPDATE run SET status = 'done', seconds = ?, result = ?, before = ?, after = ? WHERE id = ?",
        arguments: [result.seconds, hash, result.before.recorded.json, result.meanRecorded.json, id])
    }
  }

  /// Says that a run failed, or was interrupted.
  public func fail(_ id: Int, _ error: any Error) throws {
    let isInterrupt = (error as? PareError)?.code == .interrupted
    try write { db in
      try db.execute(
        sql: "UPDATE run SET status = ?, error = ? WHERE id = ?", arguments: [isInterrupt ? "interrupted" : "failed", "\(error)", id])
    }
  }

  /// Gives a run a remark.
  public func note(_ id: Int, _ text: String) throws {
    try write { db in
      try db.execute(sql: "UPDATE run SET note = ? WHERE id = ?", arguments: [text, id])
      if db.changesCount == 0 { throw Self.missing(id) }
    }
  }

  /// Removes a run, and its model where no other run started from it.
  public func remove(_ id: Int) throws {
    let unused: String? = try write { db in
      guard let model = try String.fetchOne(db, sql: "SELECT model FROM run WHERE id = ?", arguments: [id]) else { throw Self.missing(id) }
      try db.execute(sql: "DELETE FROM run WHERE id = ?", arguments: [id])
      return try Int.fetchOne(db, sql: "SELECT count(*) FROM run WHERE model = ?", arguments: [model]) == 0 ? model : nil
    }
    if let unused { unlink(path(of: unused)) }
  }

  // MARK: Reading

  /// The newest runs, newest first.
  public func rows(limit: Int = .max) throws -> [RunRow] {
    try read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM run ORDER BY id DESC LIMIT ?", arguments: [Int64(limit)]).map(Self.row)
    }
  }

  /// One run.
  ///
  /// - Throws: `not_found`.
  public func row(_ id: Int) throws -> RunRow {
    try read { db in
      guard let row = try Row.fetchOne(db, sql: "SELECT * FROM run WHERE id = ?", arguments: [id]) else { throw Self.missing(id) }
      return try Self.row(row)
    }
  }

  /// The model that a run started from, where it was kept.
  public func model(of row: RunRow) throws -> Model? {
    let path = path(of: row.model)
    return Folders.exists(path) ? try PareFile.load(path) : nil
  }

  private static func row(_ row: Row) throws -> RunRow {
    func figures(_ column: String) throws -> [String: Double] {
      guard let text: String = row[column], case .table(let table) = try LedgerValue(json: text, "the database of runs") else { return [:] }
      return table.compactMapValues { value in
        switch value {
        case .number(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
      }
    }
    let pid: Int = row["pid"]
    var status: String = row["status"]
    // Its process is gone and had no time to say so.
    if status == "running", kill(pid_t(pid), 0) != 0, errno == ESRCH { status = "killed" }
    return RunRow(
      id: row["id"], started: row["started"], status: status, seconds: row["seconds"], script: row["script"],
      version: row["version"], recipe: row["recipe"], steps: try LedgerValue(json: row["steps"], "the database of runs"),
      model: row["model"], result: row["result"], data: try (row["data"] as String?).map { try LedgerValue(json: $0, "the database of runs") },
      seed: UInt64(bitPattern: row["seed"] as Int64), runs: row["runs"], before: try figures("before"), after: try figures("after"),
      error: row["error"], note: row["note"])
  }

  private static func missing(_ id: Int) -> PareError {
    PareError(.notFound, "there is no run \(id)", argument: "id", suggestion: "runs.list() shows those there are")
  }

  // MARK: Models

  private func path(of hash: String) -> String { "\(folder)/models/\(hash.prefix(32)).pare" }

  /// Keeps a model under its hash, unless it is there or too large; returns the hash.
  private func keep(_ model: Model) throws -> String {
    let hash = try model.hash(), path = path(of: hash)
    guard !Folders.exists(path), try model.storageCost().bytes <= Self.largestKeptModel else { return hash }
    try Folders.make(folder + "/models")
    try PareFile.save(model, to: path)
    return hash
  }

  // MARK: Access

  private func write<T>(_ body: (Database) throws -> T) throws -> T {
    do { return try queue.write(body) } catch { throw Self.translated(error, folder) }
  }

  private func read<T>(_ body: (Database) throws -> T) throws -> T {
    do { return try queue.read(body) } catch { throw Self.translated(error, folder) }
  }

  private static func translated(_ error: any Error, _ folder: String) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    let path = folder + "/runs.sqlite"
    let isForeign = error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
    return PareError(isForeign ? .format : .io, "the database of runs: \(error.message ?? "\(error.resultCode)")", file: path)
  }
}

extension Step {
  /// The arguments that were given, without the defaults.
  fileprivate func givenRecorded() throws -> [String: LedgerValue] {
    var given: [String: LedgerValue] = [:]
    for (name, value) in arguments.values where arguments.isGiven(name) { given[name] = try value.recorded() }
    return given
  }
}

extension CompressionResult {
  /// The figures after the last step; of several seeds their means.
  fileprivate var meanRecorded: LedgerValue {
    guard runs.count > 1 else { return after.recorded }
    return .table(
      Dictionary(uniqueKeysWithValues: Self.figures.compactMap { name in spread(of: name).map { (name, .number($0.mean)) } }))
  }
}
