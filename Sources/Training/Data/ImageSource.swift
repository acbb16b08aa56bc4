import Graph
import Support
import Tensor

/// The order of an image's axes.
public enum ImageLayout: String, CaseIterable, Sendable {
  /// `[N, C, H, W]`
  case nchw
  /// `[N, H, W, C]`
  case nhwc
}

/// Images kept as bytes; each batch is scaled and normalized into f32.
///
/// A value is `(pixel / scale - mean[c]) / std[c]` in f32, each operation rounded, as PyTorch computes it.
public struct ImageSource: SampleSource {
  private let images: Tensor
  private let labels: Tensor
  private let channels: Int
  private let pixels: Int
  /// What the pixels are divided by: 255, 16 for digits.
  public let scale: Float
  /// The order of the axes in a batch.
  public let layout: ImageLayout
  /// What is applied after scaling; nil: pixels are scaled only.
  public let normalization: Normalization?
  /// The f32 value of each byte, 256 for each channel.
  private let table: [Float]

  public var count: Int { images.shape[0] }
  /// The shape of one image as a batch holds it, without the batch axis.
  public var sampleShape: [Int] {
    let (c, h, w) = (images.shape[1], images.shape[2], images.shape[3])
    return layout == .nchw ? [c, h, w] : [h, w, c]
  }

  /// - Parameters:
  ///   - images: u8 `[N, C, H, W]`.
  ///   - labels: i64 `[N]`, counted from 0; `[N, H, W]` for a class of each pixel.
  ///   - normalization: mean and standard deviation of each channel after scaling; nil: scaled only.
  /// - Throws: `PareError.shape` or `.dtype` if the tensors or the channels do not fit together.
  public init(
    images: Tensor, labels: Tensor, scale: Float = 255, normalization: Normalization?, layout: ImageLayout = .nchw
  ) throws {
    guard images.rank == 4, labels.rank >= 1, images.shape[0] == labels.shape[0] else {
      throw PareError(
        .shape, "images", expected: "[N, C, H, W] and N labels",
        got: "\(images.shape.dimensions) and \(labels.shape.dimensions)")
    }
    guard images.dtype == .u8, labels.dtype == .i64 else {
      throw PareError(
        .dtype, "images", expected: "u8 pixels and i64 labels", got: "\(images.dtype.rawValue) and \(labels.dtype.rawValue)")
    }
    let channels = images.shape[1]
    try normalization?.check(channels: channels)
    self.images = try images.contiguous()
    self.labels = try labels.contiguous()
    self.channels = channels
    pixels = images.shape[2] * images.shape[3]
    self.scale = scale
    self.layout = layout
    self.normalization = normalization
    table = (0..<channels).flatMap { channel in
      (0..<256).map { byte in
        let value = Float(byte) / scale
        guard let normalization else { return value }
        return (value - Float(normalization.mean[channel])) / Float(normalization.deviation[channel])
      }
    }
  }

  /// The same pixels under another normalization.
  ///
  /// - Throws: `PareError.argument` unless it has a usable pair of numbers for each channel.
  public func normalized(by normalization: Normalization) throws -> any SampleSource {
    try ImageSource(images: images, labels: labels, scale: scale, normalization: normalization, layout: layout)
  }

  /// Yes: pixels are looked up in a table with plain loops.
  public var isPrefetchable: Bool { true }

  /// Images as f32 `[N, C, H, W]` or `[N, H, W, C]`, labels as i64.
  public func batch(_ indices: [Int]) throws -> Batch {
    let size = channels * pixels
    let x = try images.withBytes { bytes in
      try Tensor(Shape([indices.count] + sampleShape), .f32) { out in
        guard size > 0, let source = bytes.baseAddress, let target = out.baseAddress else { return }
        table.withUnsafeBufferPointer { table in
          for (row, index) in indices.enumerated() {
            fill(
              target.assumingMemoryBound(to: Float.self) + row * size,
              source.assumingMemoryBound(to: UInt8.self) + index * size, table)
          }
        }
      }
    }
    return Batch(x: x, y: try labels.rows(indices))
  }

  /// Writes one image.
  private func fill(
    _ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<UInt8>, _ table: UnsafeBufferPointer<Float>
  ) {
    guard let table = table.baseAddress else { return }
    for channel in 0..<channels {
      let values = table + (channel << 8), plane = source + channel * pixels
      switch layout {
      case .nchw:
        let out = target + channel * pixels
        for pixel in 0..<pixels { out[pixel] = values[Int(plane[pixel])] }
      case .nhwc:
        for pixel in 0..<pixels { target[pixel * channels + channel] = values[Int(plane[pixel])] }
      }
    }
  }
}
