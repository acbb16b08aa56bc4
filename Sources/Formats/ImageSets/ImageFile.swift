import CJPEG
import CPNG
import Glibc
import Support
import Tensor

/// An image of a file: 8 bits for each of red, green and blue, pixel by pixel.
struct DecodedImage {
  let height: Int
  let width: Int
  /// `height * width * 3` bytes.
  let pixels: [UInt8]
}

/// Reading of PNG and JPEG files. Grey becomes RGB; transparency is laid over black.
enum ImageFile {
  /// The most pixels that an image may have: 512 MB as RGB.
  static let greatestArea = 1 << 27

  /// Decodes the file at `path`, by its first bytes and not by its name.
  ///
  /// Nothing of the size that a file claims is allocated before it was checked.
  /// - Throws: `PareError.notFound`, `.io`; `.format` for a damaged or another file; `.limit` for a size above the limit.
  static func decode(_ path: String) throws -> DecodedImage {
    let file = try FileBytes(path)
    return try file.withBytes { bytes in
      if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return try png(bytes, path) }
      if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return try jpeg(bytes, path) }
      throw PareError(.format, "neither a PNG nor a JPEG image", file: path)
    }
  }

  private static func check(_ height: Int, _ width: Int, _ path: String) throws {
    guard height > 0, width > 0 else {
      throw PareError(.format, "damaged PNG or JPEG image: its header gives no size", file: path)
    }
    guard height <= greatestArea / width else {
      throw PareError(
        .limit, "an image of \(width) x \(height) pixels", expected: "at most \(greatestArea) pixels", file: path)
    }
  }

  private static func png(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> DecodedImage {
    var image = png_image()
    image.version = pare_png_version()
    defer { png_image_free(&image) }
    func damaged() -> PareError {
      let reason = withUnsafeBytes(of: image.message) { text in String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) }
      return PareError(.format, "damaged PNG image (\(reason))", file: path)
    }
    guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else { throw damaged() }
    let (height, width) = (Int(image.height), Int(image.width))
    try check(height, width, path)
    image.format = pare_png_rgb()
    // Deflate shrinks to a thousandth at most: so many pixels need so many bytes.
    guard height * width <= (bytes.count + 1) * 1032 * 8 else {
      throw PareError(.format, "a PNG image of \(width) x \(height) pixels in \(bytes.count) bytes", file: path)
    }
    var black = png_color(red: 0, green: 0, blue: 0)
    var isRead = false
    let pixels = [UInt8](unsafeUninitializedCapacity: height * width * 3) { out, filled in
      isRead = png_image_finish_read(&image, &black, out.baseAddress, 0, nil) != 0
      filled = isRead ? height * width * 3 : 0
    }
    guard isRead else { throw damaged() }
    return DecodedImage(height: height, width: width, pixels: pixels)
  }

  private static func jpeg(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> DecodedImage {
    guard let handle = tjInitDecompress() else { throw PareError(.memory, "cannot start the JPEG decoder", file: path) }
    defer { tjDestroy(handle) }
    func damaged() -> PareError {
      let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
      return PareError(.format, "damaged JPEG image (\(reason))", file: path)
    }
    guard let source = bytes.bindMemory(to: UInt8.self).baseAddress else { throw damaged() }
    var width: Int32 = 0, height: Int32 = 0, subsampling: Int32 = 0, space: Int32 = 0
    guard tjDecompressHeader3(handle, source, UInt(bytes.count), &width, &height, &subsampling, &space) == 0 else {
      throw damaged()
    }
    try check(Int(height), Int(width), path)
    guard space != Int32(TJCS_CMYK.rawValue), space != Int32(TJCS_YCCK.rawValue) else {
      throw PareError(.unsupported, "a JPEG image in CMYK", expected: "grey or colour", file: path)
    }
    let count = Int(height) * Int(width) * 3
    var isRead = false
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { out, filled in
      // Progressive files may name thousands of empty scans: the limit keeps a small file from taking minutes.
      isRead = tjDecompress2(
        handle, source, UInt(bytes.count), out.baseAddress, width, 0, height, Int32(TJPF_RGB.rawValue),
        TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT) == 0
      filled = isRead ? count : 0
    }
    guard isRead else { throw damaged() }
    return DecodedImage(height: Int(height), width: Int(width), pixels: pixels)
  }
}
