import FoundationEssentials
import SwiftProtobuf
import Tensor

/// The file beside a model that takes the numbers of its larger tensors as they come, each at the start of a page.
final class TensorsAside {
  private let location: String
  private let write: (UnsafeRawBufferPointer) throws -> Void
  private var offset = 0

  /// Tensors below this stay in the model's own file.
  private static let smallest = 1 << 10
  private static let alignment = 1 << 12

  /// - Parameters:
  ///   - location: the name of the file, which is in the model's folder.
  ///   - write: appends bytes to it.
  init(location: String, write: @escaping (UnsafeRawBufferPointer) throws -> Void) {
    self.location = location
    self.write = write
  }

  /// Writes the numbers of a tensor, and says in `proto` where; returns false for a small tensor.
  func take(_ tensor: Tensor, _ proto: inout Onnx_TensorProto) throws -> Bool {
    try tensor.withBytes { bytes in
      guard bytes.count >= Self.smallest else { return false }
      let gap = (Self.alignment - offset % Self.alignment) % Self.alignment
      try [UInt8](repeating: 0, count: gap).withUnsafeBytes { try write($0) }
      try write(bytes)
      proto.dataLocation = .external
      proto.externalData = [("location", location), ("offset", "\(offset + gap)"), ("length", "\(bytes.count)")].map { entry in
        .with { ($0.key, $0.value) = entry }
      }
      offset += gap + bytes.count
      return true
    }
  }
}
