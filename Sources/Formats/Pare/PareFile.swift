import Graph
import Support
import Tensor

/// `.pare`: a whole model in one file, its parameters in the representations that they have.
///
/// The file holds graph, ledger, normalization, metadata and parameters; every part has a checksum. The same model
/// gives the same bytes. Layout: `PareLayout`.
public enum PareFile {
  /// Reads the model in the file at `path`. Large tensors that are stored as they are stay in the file and are mapped.
  ///
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for anything damaged, naming the place,
  ///   `.unsupported` for a file of a later Pare or a representation that nobody registered.
  public static func load(_ path: String) throws -> Model {
    try read(try FileBytes(path))
  }

  /// Reads a model from the bytes of a `.pare` file that stand within something else, such as a checkpoint.
  ///
  /// - Parameter name: what errors call the bytes.
  public static func decode(_ bytes: [UInt8], name: String) throws -> Model {
    try read(FileBytes(bytes, name: name))
  }

  private static func read(_ file: FileBytes) throws -> Model {
    do { return try PareReader(file).model() } catch let error as PareError { throw error.located(file: file.path) }
  }

  /// Writes `model` to `path`, whole or not at all.
  ///
  /// - Parameter encode: compresses each blob (zstd), where that makes it smaller.
  /// - Throws: `PareError.io` for the file, and what verification of the model throws.
  public static func save(_ model: Model, to path: String, encode: Bool = false) throws {
    let writer = try PareWriter(model, encode: encode)
    try AtomicFile.write(to: path) { try writer.write($0) }
  }

  /// Returns what `save` would write.
  public static func encode(_ model: Model, encode: Bool = false) throws -> [UInt8] {
    let writer = try PareWriter(model, encode: encode)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(writer.size)
    try writer.write { bytes.append(contentsOf: $0) }
    return bytes
  }

  /// Returns how many bytes `save` would write.
  public static func size(of model: Model, encode: Bool = false) throws -> Int {
    try PareWriter(model, encode: encode).size
  }
}
