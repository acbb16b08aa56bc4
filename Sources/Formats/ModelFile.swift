import Graph
import OrderedCollections
import Support
import Tensor

/// How a model is written, whatever the format.
public struct SaveOptions: Sendable {
  /// `.onnx`: `standard` or `tensorrt`; nil is `standard`.
  public var profile: String?
  /// `.onnx`: writes sparse parameters as `sparse_initializer`.
  public var sparseInitializer: Bool
  /// `.pare`: compresses each blob.
  public var encode: Bool

  /// Saving refuses an option that the file's format does not have, and an unknown profile.
  public init(profile: String? = nil, sparseInitializer: Bool = false, encode: Bool = false) {
    self.profile = profile
    self.sparseInitializer = sparseInitializer
    self.encode = encode
  }
}

/// Models in files, by the file's extension.
public enum ModelFile {
  private static let extensions = ["onnx", "pare", "safetensors"]

  /// Reads the model in a `.onnx` or `.pare` file.
  ///
  /// - Parameter shapes: sizes of inputs that the file leaves free, by name; control flow that follows from them is folded.
  /// - Throws: `PareError.argument` for another extension (a `.safetensors` file has parameters but no graph:
  ///   `Safetensors.load`), and what the format's own reader throws.
  public static func load(_ path: String, shapes: [String: [Int]] = [:]) throws -> Model {
    switch try format(of: path) {
    case "onnx": return try ONNX.load(path, shapes: shapes)
    case "pare": return try PareFile.load(path).fixing(shapes)
    default:
      throw PareError(.argument, "'\(path)' has parameters but no graph", expected: "a .onnx or .pare file",
                      suggestion: "build the model and give it these parameters", file: path)
    }
  }

  /// Reads a model that is only run: larger weights stay in the file, and a session keeps them in its kernels' form alone.
  ///
  /// Parameters as of `load`.
  /// - Throws: what `load` throws; a use of the weights throws `io` where the file was written to in the meantime.
  public static func open(_ path: String, shapes: [String: [Int]] = [:]) throws -> Model {
    try format(of: path) == "onnx" ? ONNX.open(path, shapes: shapes) : load(path, shapes: shapes)
  }

  /// Writes `model` to a `.onnx`, `.pare` or `.safetensors` file; the last holds the dense parameters only.
  ///
  /// - Throws: `PareError.argument` for another extension or an option that the format has not.
  public static func save(_ model: Model, to path: String, _ options: SaveOptions = SaveOptions()) throws {
    let format = try format(of: path)
    if format != "onnx" {
      if options.profile != nil { throw foreign("profile", format, "onnx", path) }
      if options.sparseInitializer { throw foreign("sparse_initializer", format, "onnx", path) }
    }
    if format != "pare", options.encode { throw foreign("encode", format, "pare", path) }
    switch format {
    case "onnx":
      let name = options.profile ?? ExportOptions.Profile.standard.rawValue
      guard let profile = ExportOptions.Profile(rawValue: name) else {
        let names = ExportOptions.Profile.allCases.map(\.rawValue)
        throw PareError(.argument, "no profile '\(name)'", argument: "profile", expected: names.joined(separator: " or "),
                        suggestion: Suggestion.didYouMean(name, among: names))
      }
      try ONNX.save(
        model, to: path, options: ExportOptions(profile: profile, sparseInitializer: options.sparseInitializer))
    case "pare": try PareFile.save(model, to: path, encode: options.encode)
    default: try Safetensors.save(model.denseParameters(), to: path)
    }
  }

  /// Says before long work whether `path` can be written: a known extension, in a folder that is there.
  ///
  /// - Throws: `PareError.argument` for another extension, and what `AtomicFile.check` throws.
  public static func checkWritable(_ path: String) throws {
    _ = try format(of: path)
    try AtomicFile.check(path)
  }

  private static func foreign(_ option: String, _ format: String, _ home: String, _ path: String) -> PareError {
    PareError(.argument, "'\(option)' is an option of .\(home) files, not of .\(format)", argument: option, file: path)
  }

  private static func format(of path: String) throws -> String {
    let name = path.split(separator: "/").last ?? ""
    let found = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    if extensions.contains(found) { return found }
    throw PareError(
      .argument, "'\(path)' has no extension of a model file", expected: extensions.map { ".\($0)" }.joined(separator: ", "),
      got: found.isEmpty ? "none" : ".\(found)", suggestion: Suggestion.didYouMean(found, among: extensions), file: path)
  }
}

extension Model {
  /// The parameters by name, each as a plain tensor: a state dict.
  fileprivate func denseParameters() throws -> OrderedDictionary<String, Tensor> {
    try parameters.mapValues { try $0.value.dense() }
  }
}
