import Support
import Tensor

/// The binary version of CIFAR: records of label bytes and 3072 pixels (red, green, blue planes of 32 x 32), no header.
extension ImageSets {
  private static let pixels = 3 * 32 * 32

  /// Reads those of `data_batch_1.bin` to `data_batch_5.bin` that are in `folder`, and `test_batch.bin`, plain or `.gz`.
  ///
  /// - Throws: `PareError.notFound` if no training batch or no test batch is there, `.format` for damaged records.
  public static func cifar10(in folder: String) throws -> RawImageSet {
    let batches = (1...5).compactMap { try? find("data_batch_\($0).bin", in: folder) }
    let train = batches.isEmpty ? [try find("data_batch_1.bin", in: folder)] : batches
    let classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    return RawImageSet(
      train: try cifar(train, labelBytes: 1, classes: classes.count),
      test: try cifar([find("test_batch.bin", in: folder)], labelBytes: 1, classes: classes.count),
      classes: classes, greatestPixel: 255)
  }

  /// Reads `train.bin` and `test.bin` in `folder`, plain or `.gz`.
  ///
  /// The classes are named by `fine_label_names.txt` or `coarse_label_names.txt` if that is there, else by their numbers.
  /// - Parameter coarse: labels are the 20 superclasses instead of the 100 fine ones.
  public static func cifar100(in folder: String, coarse: Bool = false) throws -> RawImageSet {
    var classes = (0..<(coarse ? 20 : 100)).map(String.init)
    if let path = try? find(coarse ? "coarse_label_names.txt" : "fine_label_names.txt", in: folder) {
      let names = String(decoding: try Gzip.contents(of: path, limit: 1 << 16), as: UTF8.self)
        .split(whereSeparator: \.isNewline).map(String.init)
      guard names.count == classes.count else {
        throw PareError(.format, "names of classes", expected: "\(classes.count)", got: "\(names.count)", file: path)
      }
      classes = names
    }
    func part(_ name: String) throws -> RawSplit {
      try cifar([find(name, in: folder)], labelBytes: 2, label: coarse ? 0 : 1, classes: classes.count)
    }
    return RawImageSet(train: try part("train.bin"), test: try part("test.bin"), classes: classes, greatestPixel: 255)
  }

  /// Joins the records of several files; `label` says which label byte counts.
  private static func cifar(_ paths: [String], labelBytes: Int, label: Int = 0, classes: Int) throws -> RawSplit {
    let record = labelBytes + pixels
    var images: [UInt8] = [], labels: [UInt8] = []
    for path in paths {
      let contents = try Gzip.contents(of: path)
      guard !contents.isEmpty, contents.count % record == 0 else {
        throw PareError(
          .format, "size of the contents", expected: "a multiple of \(record) bytes", got: "\(contents.count)", file: path)
      }
      let start = labels.count
      images.reserveCapacity(images.count + contents.count / record * pixels)
      for offset in stride(from: 0, to: contents.count, by: record) {
        if labels.count & 0xFFF == 0 { try Interrupt.check() }
        labels.append(contents[offset + label])
        images += contents[(offset + labelBytes)..<(offset + record)]
      }
      _ = try Self.labels(labels[start...], classes: classes, file: path)
    }
    return RawSplit(
      images: try Self.images(images, [labels.count, 3, 32, 32], file: paths[0]),
      labels: try Self.labels(labels, classes: classes, file: paths[0]))
  }
}
