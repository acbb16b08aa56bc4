import Formats
import Glibc
import Graph
import Support
import Tensor
import Training

/// What a long recipe leaves on disk as it goes: after each step the model and what was measured, and inside a training
/// its checkpoint. The same call with the same model, recipe, data and seed goes on where the last one ended, with the
/// same bits in the end.
///
/// A folder may hold the journals of many recipes: each has a subfolder named by a hash of all that determines it.
struct Journal {
  let folder: String

  /// - Parameter hash: the model's.
  /// - Throws: `io` if the folder cannot be made.
  init(_ parent: String, _ model: Model, _ hash: String, _ recipe: Recipe, _ data: Dataset?, seed: UInt64) throws {
    var text = "pare journal 1 \(pareVersion)\n\(hash)\n\(model.ledger.map(\.recorded.json).joined(separator: "\n"))\n\(seed)\n"
    for step in recipe.steps { text += "\(step.name) \(try step.arguments.recorded().json)\n" }
    if let data {
      text += "\(data.name) \(data.train.count) \(data.validation.count) \(data.test.count)\n"
      for part in [data.train, data.validation, data.test] where part.count > 0 {
        let batch = try part.take(min(16, part.count)).all()
        for tensor in [batch.x, batch.targets] {
          text += "\(tensor.dtype.name) \(tensor.shape.dimensions) \(try tensor.contiguous().withBytes { CRC32C.of($0) })\n"
        }
      }
    }
    var digest = SHA256()
    digest.update(text)
    folder = parent + "/" + String(digest.hex.prefix(24))
    try Folders.make(folder)
  }

  private func path(_ step: Int, _ suffix: String) -> String { "\(folder)/step-\(step).\(suffix)" }

  /// Where the trainings of a step keep their checkpoints.
  func trainings(of step: Int) -> String { path(step, "training") }

  /// The steps that were finished, each with its model; a damaged one and what comes after it do not count.
  func finished(of count: Int) -> [(step: StepResult, model: Model)] {
    var found: [(StepResult, Model)] = []
    for number in 1..<(count + 1) {
      guard let text = try? Folders.text(path(number, "json")), let value = try? LedgerValue(json: text, "the journal"),
        let step = try? StepResult(archived: value), let model = try? PareFile.load(path(number, "pare"))
      else { break }
      found.append((step, model))
    }
    return found
  }

  /// Keeps a finished step. The record comes after the model: a step without record is not finished.
  func keep(_ number: Int, _ step: StepResult, _ model: Model) throws {
    try PareFile.save(model, to: path(number, "pare"))
    try AtomicFile.write(step.archived.prettyJSON, to: path(number, "json"))
    for name in Folders.names(in: folder) where name.hasPrefix("step-\(number).training") { unlink("\(folder)/\(name)") }
  }
}
