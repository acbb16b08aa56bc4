import FoundationEssentials
import Graph
import Support
import SwiftProtobuf
import Tensor

/// How a model is written as ONNX.
public struct ExportOptions: Sendable {
  /// The files that a runtime takes.
  public enum Profile: String, Sendable, CaseIterable {
    /// Whatever ONNX allows.
    case standard
    /// Signed, symmetric eight-bit integers only.
    case tensorrt
  }
  /// The runtime for which the file is written.
  public var profile: Profile
  /// Writes sparse parameters as `sparse_initializer` instead of dense with zeros.
  public var sparseInitializer: Bool
  /// A model of more bytes keeps the numbers of its larger tensors in a file beside it: protobuf counts in 31 bits.
  package var greatestFile = Int(Int32.max) - (1 << 20)

  /// The defaults write whatever ONNX allows, with sparse parameters as dense ones.
  public init(profile: Profile = .standard, sparseInitializer: Bool = false) {
    self.profile = profile
    self.sparseInitializer = sparseInitializer
  }
}

/// The Open Neural Network Exchange format.
///
/// Read are opsets 7 to 21, external data included; written are opset 17 or the model's, if that is later. What is
/// read, written and read again is the same model.
public enum ONNX {
  /// The opsets that are read; earlier ones where they make no difference.
  public static let opsets = 7...21
  /// Operators that are in these earlier opsets what they are in opset 7, so that a model of them alone is read too.
  private static let unchanged: [(since: Int, operators: Set<String>)] = [
    (1, ["GlobalAveragePool", "GlobalMaxPool", "Not", "Softplus", "Softsign"]),
    (6, ["Elu", "HardSigmoid", "InstanceNormalization", "Selu"]),
  ]

  /// Whether a model of this opset and these operators can be read.
  static func reads(_ opset: Int, _ operators: [String]) -> Bool {
    if opsets.contains(opset) { return true }
    guard opset >= 1, opset < opsets.lowerBound, !operators.isEmpty else { return false }
    return operators.allSatisfy { name in unchanged.contains { $0.since <= opset && $0.operators.contains(name) } }
  }

  /// The lowest opset that is written; models are brought up to it when they are read.
  static let lowestWritten = 17
  /// protobuf counts a message's bytes in 31 bits.
  private static let greatestMessage = Int(Int32.max)

  /// Reads the model in the file at `path`.
  ///
  /// Initializers become parameters, by name; an integer initializer behind a DequantizeLinear becomes one parameter
  /// with an integer representation, called as the node's output; so does a floating weight
  /// in a Constant node, and a copy (Identity) of an initializer. Nodes without a name are called as their first output.
  /// Calls of local functions are inlined; If, Loop and Scan are replaced by what they come to where sizes decide it.
  /// What shape subgraphs compute from known sizes is a constant.
  ///
  /// - Parameter shapes: sizes of inputs that the file leaves free.
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for damaged contents, `.unsupported` for an
  ///   operator, opset, element type or construct (an If that the input decides) that Pare has not; the error names the
  ///   file and the node or tensor.
  public static func load(_ path: String, shapes: [String: [Int]] = [:]) throws -> Model {
    try read(path, shapes: shapes, leavesWeights: false)
  }

  /// Reads as `load` does, but leaves the numbers of larger f32 weights in the file: for a model that is only compiled.
  ///
  /// - Throws: what `load` throws; what uses such a weight throws `.io` where the file was written to in the meantime.
  package static func open(_ path: String, shapes: [String: [Int]] = [:]) throws -> Model {
    try read(path, shapes: shapes, leavesWeights: true)
  }

  private static func read(_ path: String, shapes: [String: [Int]], leavesWeights: Bool) throws -> Model {
    let file = try FileBytes(path)
    do {
      return try file.withBytes { bytes in
        let thin = bytes.count <= greatestMessage ? ThinModel.message(of: bytes) : nil
        let proto = try thin.map { try decode($0.message) } ?? decode(whole: bytes)
        let external = ExternalData(model: path, own: thin.map { (file, $0.stretches) })
        // Of what stays mapped for weights that are left, nothing that was read on the way stays in memory.
        defer { file.release(0..<bytes.count) }
        return try GraphImport(proto, path: path, external: external, shapes: shapes, leavesWeights: leavesWeights).model()
      }
    } catch let error as PareError {
      throw error.located(file: path)
    }
  }

  private static func decode(whole bytes: UnsafeRawBufferPointer) throws -> Onnx_ModelProto {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { throw PareError(.format, "the file is empty") }
    guard bytes.count <= greatestMessage else {
      throw PareError(.format, "not an ONNX model", expected: "at most \(greatestMessage) bytes", got: "\(bytes.count)")
    }
    // The message copies what it keeps, so the borrowed bytes do not outlive this call.
    return try decode(Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: bytes.count, deallocator: .none))
  }

  private static func decode(_ data: Data) throws -> Onnx_ModelProto {
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    do {
      return try Onnx_ModelProto(serializedBytes: data, options: options)
    } catch {
      throw PareError(.format, "not an ONNX model, or a damaged one: \(damage(error))")
    }
  }

  /// What protobuf's reader stumbled over, in words.
  static func damage(_ error: any Error) -> String {
    switch error as? BinaryDecodingError {
    case .truncated: "it ends too early"
    case .malformedProtobuf, .trailingGarbage: "its bytes are no protobuf message"
    case .invalidUTF8: "a name in it is no text"
    case .messageDepthLimit: "its parts are nested too deep"
    default: "\(error)"
    }
  }

  /// Writes `model` to `path`: opset 17 or the model's, names unchanged, the ledger in `metadata_props`.
  ///
  /// Masked and sparse parameters go out dense with zeros, integers as an eight-bit initializer behind a
  /// DequantizeLinear. What is beyond protobuf's 2 GB keeps its larger tensors in `path` with `.data` at the end, written
  /// one after the other; that file is replaced before the model is.
  ///
  /// - Throws: `PareError.unsupported` naming what ONNX or the profile cannot hold, `.io` for the file.
  public static func save(_ model: Model, to path: String, options: ExportOptions = ExportOptions()) throws {
    guard storedBytes(of: model) > options.greatestFile else {
      return try AtomicFile.write(try encode(model, options: options), to: path)
    }
    let data = "\(path).data"
    var message: [UInt8] = []
    try AtomicFile.write(to: data) { write in
      message = try withoutActuallyEscaping(write) { write in
        let name = data.split(separator: "/").last.map(String.init) ?? data
        return try encode(model, options: options, aside: TensorsAside(location: name, write: write))
      }
    }
    try AtomicFile.write(message, to: path)
  }

  /// What the parameters take in the file: what is not dense or integers goes out as f32.
  private static func storedBytes(of model: Model) -> Int {
    model.parameters.values.reduce(0) { sum, parameter in
      let size = switch parameter.value {
      case let dense as DenseRepresentation: dense.tensor.dtype.size
      case is IntegerRepresentation: 1
      default: 4
      }
      // A shape has room for the widest elements.
      let (total, overflow) = sum.addingReportingOverflow(parameter.shape.count * size)
      return overflow ? .max : total
    }
  }

  /// Returns the bytes that `save` writes where one file holds all.
  public static func encode(_ model: Model, options: ExportOptions = ExportOptions()) throws -> [UInt8] {
    try encode(model, options: options, aside: nil)
  }

  private static func encode(_ model: Model, options: ExportOptions, aside: TensorsAside?) throws -> [UInt8] {
    var export = try GraphExport(model, options: options, aside: aside)
    let proto = try export.proto()
    do {
      return try proto.serializedBytes()
    } catch {
      throw PareError(.unsupported, "the model does not fit one ONNX file (\(error))")
    }
  }
}
