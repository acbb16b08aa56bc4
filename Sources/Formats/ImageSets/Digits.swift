import Support
import Tensor

/// The image set that Pare carries: UCI's optical digits, 1,797 images of 8 x 8 (see Resources/README.md).
extension ImageSets {
  /// Returns the digits: u8 `[N, 1, 8, 8]` with values 0 to 16; 500 test samples, stratified by class.
  public static func digits() throws -> RawImageSet {
    let name = "digits.bin.gz"
    let contents = try PackageResources.digits_bin_gz.withUnsafeBytes { try Gzip.inflate($0, name: name, limit: 1 << 20) }
    return try contents.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, file: name)
      guard try reader.take(4, "the magic number").elementsEqual("PDIG".utf8) else {
        throw PareError(.format, "not Pare's digits", file: name)
      }
      let count = Int(try reader.little(UInt32.self, "the number of images"))
      let testCount = Int(try reader.little(UInt32.self, "the number of test samples"))
      let size = 8 * 8
      let pixels = try reader.take(count * size, "the pixels"), labels = try reader.take(count, "the labels")
      var isTest = [Bool](repeating: false, count: count)
      for _ in 0..<testCount {
        let index = Int(try reader.little(UInt16.self, "the test split"))
        guard index < count else { throw PareError(.format, "test sample \(index)", expected: "below \(count)", file: name) }
        isTest[index] = true
      }
      func split(_ wanted: Bool) throws -> RawSplit {
        let chosen = (0..<count).filter { isTest[$0] == wanted }
        return RawSplit(
          images: try images(chosen.flatMap { pixels[$0 * size..<($0 + 1) * size] }, [chosen.count, 1, 8, 8], file: name),
          labels: try Self.labels(chosen.map { labels[$0] }, classes: 10, file: name))
      }
      return RawImageSet(
        train: try split(false), test: try split(true), classes: (0..<10).map(String.init), greatestPixel: 16)
    }
  }
}
