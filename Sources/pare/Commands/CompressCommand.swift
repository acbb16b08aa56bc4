import ArgumentParser
import Compression
import Formats
import Scripting
import Support
import Training

/// `pare compress`: a recipe on a model, from file to file.
struct CompressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compress", abstract: "Runs a recipe on a model and writes the smaller one.",
    discussion: """
      A recipe is a Lua file that returns the list of steps:
        return { prune{granularity="filter", sparsity=0.5}, finetune{epochs=2}, quantize{bits=8} }

      Example: pare compress net.onnx --recipe recipe.lua --data digits --output small.pare --report report.html
      """)

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @Option(help: "The recipe, a Lua file.") var recipe: String
  @OptionGroup var data: DataOptions
  @Option(help: "The file to write: .pare or .onnx.") var output: String
  @Option(help: "Writes a report, one HTML file.") var report: String?
  @Option(help: "The seed of everything random.") var seed: UInt64 = 0
  @Flag(help: "Prints one JSON document.") var json = false
  @OptionGroup var options: GlobalOptions

  func run() throws {
    let environment = try options.start()
    let loaded = try ModelFile.load(model)
    // What cannot be written is said before the work, not after it.
    try ModelFile.checkWritable(output)
    if let report { try AtomicFile.check(report) }
    let steps = try environment.recipe(file: recipe)
    let loadedData = try data.load(for: loaded)
    let result = try RunLog(isOpen: !self.options.sandbox).recording(
      loaded, steps, data: data.recorded, seed: seed, runs: 1, script: "pare compress \(model)"
    ) { try Compression::compress(loaded, steps, data: loadedData, seed: seed) }
    try ModelFile.save(result.model, to: output)
    if let report { try result.writeReport(to: report) }
    print(json ? result.json : result.description)
  }
}
