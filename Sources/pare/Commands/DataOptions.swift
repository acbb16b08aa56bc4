import ArgumentParser
import Graph
import Support
import Training

/// How a command names a data set.
struct DataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A data set: digits (ships with pare), mnist, cifar10, ...", valueName: "name")) var data: String
  @Option(help: ArgumentHelp("Its folder (default: $PARE_DATA/NAME).", valueName: "dir")) var dataDir: String?
  @Option(help: ArgumentHelp("default, none, or means/deviations per channel: M,M,M/S,S,S.", valueName: "how")) var normalize: String?

  func validate() throws {
    do { _ = try normalization() } catch let error as PareError { throw ValidationError("\(error)") }
  }

  /// Loads the data set; normalization: as given, else as `model` stores it, else the data set's own.
  func load(for model: Model) throws -> Dataset {
    var options = DatasetOptions()
    options.dir = dataDir
    options.stored = model.normalization
    options.normalize = try normalization()
    return try Dataset.load(data, options: options)
  }

  /// The same as `data.load` of a script takes it, for the database of runs.
  var recorded: LedgerValue {
    var options: [String: LedgerValue] = [:]
    if let dataDir { options["dir"] = .string(dataDir) }
    if case .given(let given)? = try? normalization() {
      options["normalize"] = .table(["mean": .list(given.mean.map(LedgerValue.number)), "std": .list(given.deviation.map(LedgerValue.number))])
    } else if normalize == "none" {
      options["normalize"] = .boolean(false)
    }
    return .table(["name": .string(data), "options": .table(options)])
  }

  private func normalization() throws -> NormalizationChoice {
    switch normalize {
    case nil, "default": return .standard
    case "none": return NormalizationChoice.none
    case let text?:
      let halves = text.split(separator: "/", omittingEmptySubsequences: false).map { half in
        half.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      }
      guard halves.count == 2, halves[0].count == halves[1].count, !halves[0].isEmpty,
        let means = complete(halves[0]), let deviations = complete(halves[1]), deviations.allSatisfy({ $0 > 0 })
      else {
        throw PareError(
          .argument, "--normalize", argument: "normalize", expected: "default, none or means/deviations as in .5,.5,.5/.2,.2,.2",
          got: text)
      }
      return .given(Normalization(mean: means, deviation: deviations))
    }
  }

  private func complete(_ numbers: [Double?]) -> [Double]? {
    let known = numbers.compactMap { $0 }.filter(\.isFinite)
    return known.count == numbers.count ? known : nil
  }
}
