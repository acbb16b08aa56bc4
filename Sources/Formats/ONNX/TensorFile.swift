import FoundationEssentials
import Support
import SwiftProtobuf
import Tensor

extension ONNX {
  /// Reads the one tensor of a `.pb` file, a serialized `TensorProto`, as ONNX's test data has them.
  ///
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for damaged contents, `.unsupported` for an element
  ///   type that Pare has not.
  package static func tensorFile(_ path: String) throws -> Tensor {
    let file = try FileBytes(path)
    return try file.withBytes { bytes in
      do {
        let proto = try Onnx_TensorProto(serializedBytes: Data(bytes))
        return try TensorImport(external: ExternalData(model: path), file: path).tensor(proto, "tensor '\(proto.name)'")
      } catch let error as PareError {
        throw error.located(file: path)
      } catch {
        throw PareError(.format, "not a tensor file, or a damaged one: \(damage(error))", file: path)
      }
    }
  }
}
