import Glibc
import Support
import Tensor

/// Folders of PNG and JPEG files, one folder for each class.
extension ImageSets {
  /// The parts of a folder of images.
  public struct Folder: Sendable {
    /// All images where the folder has no `train`.
    public let train: RawSplit
    /// Nil without a folder `validation` or `val` beside `train`.
    public let validation: RawSplit?
    /// Nil without a folder `test` beside `train`.
    public let test: RawSplit?
    /// The names of the classes' folders, sorted; a label is a position in them.
    public let classes: [String]
  }

  /// Reads `train`, `validation` (or `val`) and `test` in `folder`, each with a folder of images for each class; a folder
  /// without `train` holds the classes' folders itself and is the training part.
  ///
  /// Images become RGB of one size. Files are taken in the order of their names; those that start with a dot are passed over.
  /// - Parameters:
  ///   - height, width: the size of the result; images of another size are resized, bilinear and antialiased.
  /// - Throws: `PareError.notFound` if there are no images, `.format`, `.limit` or `.unsupported` naming a file that cannot
  ///   be read, `.memory` if all of them together are too large, `.interrupted`.
  public static func images(in folder: String, height: Int, width: Int) throws -> Folder {
    guard height > 0, width > 0, height <= 1 << 14, width <= 1 << 14 else {
      throw PareError(
        .argument, "images: size", argument: "size", expected: "height and width from 1 to \(1 << 14)", got: "\(height), \(width)")
    }
    let folders = try names(in: folder).folders
    func subfolder(_ names: [String]) -> String? { names.first { folders.contains($0) }.map { "\(folder)/\($0)" } }
    let train = subfolder(["train"])
    let classes = try train.map { try names(in: $0).folders } ?? folders
    guard !classes.isEmpty else {
      throw PareError(
        .notFound, "no folders of classes in '\(train ?? folder)'", suggestion: "put the images of each class into a folder of its own",
        file: train ?? folder)
    }
    func part(_ path: String) throws -> RawSplit { try split(path, classes, height, width) }
    return Folder(
      train: try part(train ?? folder), validation: train == nil ? nil : try subfolder(["validation", "val"]).map(part),
      test: train == nil ? nil : try subfolder(["test"]).map(part), classes: classes)
  }

  private static func split(_ path: String, _ classes: [String], _ height: Int, _ width: Int) throws -> RawSplit {
    var files: [String] = [], labels: [Int64] = []
    for unknown in try names(in: path).folders where !classes.contains(unknown) {
      throw PareError(
        .format, "class '\(unknown)' is not among those of the training part", expected: classes.joined(separator: ", "),
        file: "\(path)/\(unknown)")
    }
    for (label, name) in classes.enumerated() {
      guard isFolder("\(path)/\(name)") else { continue }
      for file in try names(in: "\(path)/\(name)").files {
        files.append("\(path)/\(name)/\(file)")
        labels.append(Int64(label))
      }
    }
    guard !files.isEmpty else { throw PareError(.notFound, "no images in '\(path)'", file: path) }
    let shape = try Shape([files.count, 3, height, width])
    let images = try Tensor(shape, .u8) { bytes in
      let each = 3 * height * width
      guard let target = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
      // Each image goes to a place of its own.
      let place = Place(start: target)
      try Compute.parallel(files.count, grain: 1) { part in
        for index in part {
          let image = try ImageFile.decode(files[index])
          image.resized(height: height, width: width, into: place.start + index * each)
        }
      }
    }
    return RawSplit(images: images, labels: try Tensor(labels, shape: Shape([labels.count])))
  }

  // The address is written to at disjoint places only.
  private struct Place: @unchecked Sendable { let start: UnsafeMutablePointer<UInt8> }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a folder, sorted by their bytes, without those that start with a dot.
  private static func names(in folder: String) throws -> (folders: [String], files: [String]) {
    guard let stream = opendir(folder) else {
      throw PareError(
        errno == ENOENT || errno == ENOTDIR ? .notFound : .io, "cannot list '\(folder)': \(String(cString: strerror(errno)))",
        file: folder)
    }
    defer { closedir(stream) }
    var folders: [String] = [], files: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix(".") else { continue }
      if isFolder("\(folder)/\(name)") { folders.append(name) } else { files.append(name) }
    }
    func isBefore(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
    return (folders.sorted(by: isBefore), files.sorted(by: isBefore))
  }
}
