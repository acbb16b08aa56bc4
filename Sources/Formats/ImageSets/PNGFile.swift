import CPNG
import Support

/// Writing of PNG images.
public enum PNGFile {
  /// Returns the bytes of a PNG file.
  ///
  /// - Parameter rgb: red, green and blue, 8 bits each, row by row: `height * width * 3` bytes.
  /// - Throws: `argument` where the count of bytes is another one.
  public static func encoded(rgb: [UInt8], width: Int, height: Int) throws -> [UInt8] {
    guard width > 0, height > 0, width <= 1 << 15, height <= 1 << 15, rgb.count == width * height * 3 else {
      throw PareError(
        .argument, "an image of \(width) x \(height) pixels", argument: "rgb", expected: "three bytes for each pixel, at most 32768 in a row",
        got: "\(rgb.count) bytes")
    }
    var image = png_image()
    image.version = pare_png_version()
    image.format = pare_png_rgb()
    image.width = png_uint_32(width)
    image.height = png_uint_32(height)
    defer { png_image_free(&image) }
    var size: png_alloc_size_t = 0
    guard png_image_write_to_memory(&image, nil, &size, 0, rgb, 0, nil) != 0 else { throw failure(image) }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    guard png_image_write_to_memory(&image, &bytes, &size, 0, rgb, 0, nil) != 0 else { throw failure(image) }
    return Array(bytes.prefix(Int(size)))
  }

  private static func failure(_ image: png_image) -> PareError {
    let reason = withUnsafeBytes(of: image.message) { text in String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) }
    return PareError(.internal, "the PNG image cannot be written (\(reason))")
  }
}
