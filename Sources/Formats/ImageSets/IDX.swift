import Support
import Tensor

/// The IDX format of MNIST and its kin: big-endian u32 magic number and sizes, then the bytes.
extension ImageSets {
  private static let imagesMagic: UInt32 = 2051
  private static let labelsMagic: UInt32 = 2049

  /// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two `t10k-` files in `folder`, each plain or `.gz`.
  ///
  /// - Parameter classes: names of the classes by label.
  /// - Throws: `PareError.notFound` naming the missing file, `.format` naming file and place of damage.
  public static func idx(in folder: String, classes: [String] = (0..<10).map(String.init)) throws -> RawImageSet {
    func split(_ part: String) throws -> RawSplit {
      let imageFile = try find("\(part)-images-idx3-ubyte", in: folder)
      let labelFile = try find("\(part)-labels-idx1-ubyte", in: folder)
      let images = try idxImages(imageFile), labels = try idxLabels(labelFile, classes: classes.count)
      guard images.shape[0] == labels.count else {
        throw PareError(
          .format, "images and labels do not match", expected: "\(images.shape[0]) labels", got: "\(labels.count)",
          file: labelFile)
      }
      return RawSplit(images: images, labels: labels)
    }
    return RawImageSet(train: try split("train"), test: try split("t10k"), classes: classes, greatestPixel: 255)
  }

  /// Reads an IDX file of images: u8 `[N, 1, H, W]`.
  public static func idxImages(_ path: String) throws -> Tensor {
    try idx(path, magic: imagesMagic, "images") { reader, count in
      let height = Int(try reader.big(UInt32.self, "the number of rows"))
      let width = Int(try reader.big(UInt32.self, "the number of columns"))
      let pixels = try reader.take(reader.remaining, "the pixels")
      return try StoredElements.tensor(pixels, [count, 1, height, width], .u8, "the images", file: path)
    }
  }

  /// Reads an IDX file of labels: i64 `[N]`.
  ///
  /// - Parameter classes: labels must be below this number.
  public static func idxLabels(_ path: String, classes: Int) throws -> Tensor {
    try idx(path, magic: labelsMagic, "labels") { reader, count in
      let values = try reader.take(reader.remaining, "the labels")
      guard values.count == count else {
        throw PareError(.format, "number of labels", expected: "\(count)", got: "\(values.count)", file: path)
      }
      return try labels(values, classes: classes, file: path)
    }
  }

  private static func idx<R>(
    _ path: String, magic: UInt32, _ what: String, _ body: (inout ByteReader, Int) throws -> R
  ) throws -> R {
    try Gzip.contents(of: path).withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, file: path)
      let found = try reader.big(UInt32.self, "the magic number")
      guard found == magic else {
        throw PareError(.format, "not an IDX file of \(what)", expected: "magic number \(magic)", got: "\(found)", file: path)
      }
      let count = Int(try reader.big(UInt32.self, "the number of \(what)"))
      return try body(&reader, count)
    }
  }
}
