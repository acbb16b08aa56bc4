import Foundation
import Formats
import Support
import Tensor
import TestSupport
import Testing

/// Folders of image files, against Pillow (Tests/Golden/images).
@Suite struct ImageFolderTests {
  struct Golden: Decodable {
    struct File: Decodable {
      struct Resized: Decodable {
        let height, width: Int
        let planes: [UInt8]
      }
      let resized: [Resized]
    }
    let files: [String: File]
  }

  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/images")

  private func copy(_ name: String, to path: String) throws {
    try TestFiles.write([UInt8](Data(contentsOf: Self.golden.appendingPathComponent(name))), to: path)
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  private static let names = [
    "colour.png", "grey.png", "alpha.png", "palette.png", "bilevel.png", "colour.jpg", "grey.jpg", "progressive.jpg",
  ]

  @Test(arguments: names) func pixelsAsPillow(name: String) throws {
    let file = try #require(
      JSONDecoder().decode(Golden.self, from: Data(contentsOf: Self.golden.appendingPathComponent("values.json"))).files[name])
    try TestFiles.withFolder { folder in
      try makeFolder("\(folder)/a")
      try copy(name, to: "\(folder)/a/x")
      for expected in file.resized {
        let found = try ImageSets.images(in: folder, height: expected.height, width: expected.width)
        #expect(found.train.images.shape == [1, 3, expected.height, expected.width] && found.classes == ["a"])
        let values = try found.train.images.values(as: UInt8.self)
        let worst = zip(values, expected.planes).map { abs(Int($0) - Int($1)) }.max() ?? 255
        // Pillow rounds between its two passes; JPEG decoders may differ by one in the inverse transform.
        #expect(values.count == expected.planes.count && worst <= (name.hasSuffix("png") ? 1 : 2), "\(expected.height)x\(expected.width): \(worst)")
      }
    }
  }

  @Test func partsAndClasses() throws {
    try TestFiles.withFolder { folder in
      for (part, images) in [("train", 3), ("val", 2), ("test", 1)] {
        for name in ["cat", "dog", "Ant"] {
          try makeFolder("\(folder)/\(part)/\(name)")
          for index in 0..<images { try copy("colour.png", to: "\(folder)/\(part)/\(name)/\(index).png") }
          try TestFiles.write([1], to: "\(folder)/\(part)/\(name)/.hidden")
        }
      }
      let found = try ImageSets.images(in: folder, height: 4, width: 4)
      #expect(found.classes == ["Ant", "cat", "dog"])
      #expect(found.train.count == 9 && found.validation?.count == 6 && found.test?.count == 3)
      #expect(try found.train.labels.values(as: Int64.self) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
      let flat = try ImageSets.images(in: "\(folder)/train", height: 4, width: 4)
      #expect(flat.classes == found.classes && flat.validation == nil && flat.test == nil)
      #expect(try flat.train.images.isEqual(to: found.train.images))
      try makeFolder("\(folder)/test/bird")
      expectError(.format, "class 'bird'") { try ImageSets.images(in: folder, height: 4, width: 4) }
    }
  }

  @Test func hostileFilesAreErrors() throws {
    try TestFiles.withFolder { folder in
      expectError(.notFound, "no folders of classes") { try ImageSets.images(in: folder, height: 4, width: 4) }
      expectError(.notFound, "cannot list") { try ImageSets.images(in: "\(folder)/none", height: 4, width: 4) }
      expectError(.argument, "height and width") { try ImageSets.images(in: folder, height: 0, width: 4) }
      try makeFolder("\(folder)/a")
      expectError(.notFound, "no images") { try ImageSets.images(in: folder, height: 4, width: 4) }
      func refused(_ code: PareError.Code, _ bytes: [UInt8], _ text: String) throws {
        try TestFiles.write(bytes, to: "\(folder)/a/x")
        expectError(code, text, "/a/x") { try ImageSets.images(in: folder, height: 4, width: 4) }
      }
      try refused(.format, [], "neither a PNG nor a JPEG")
      try refused(.format, Array("GIF89a...".utf8), "neither a PNG nor a JPEG")
      let png = try [UInt8](Data(contentsOf: Self.golden.appendingPathComponent("colour.png")))
      let jpeg = try [UInt8](Data(contentsOf: Self.golden.appendingPathComponent("colour.jpg")))
      for count in [8, 20, 40, png.count / 2] { try refused(.format, Array(png.prefix(count)), "PNG") }
      for count in [4, 20, 100] { try refused(.format, Array(jpeg.prefix(count)), "JPEG") }
      // Sizes that the header claims and the bytes cannot hold.
      var large = png
      large.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
      expectPareError(large, in: folder)
      large.replaceSubrange(16..<24, with: [0, 0, 0x20, 0, 0, 0, 0x20, 0])
      expectPareError(large, in: folder)
      let cmyk = try [UInt8](Data(contentsOf: Self.golden.appendingPathComponent("cmyk.jpg")))
      try refused(.unsupported, cmyk, "CMYK")
      // Any byte may be wrong: an image or an error, never a crash.
      for original in [png, jpeg] {
        for position in stride(from: 2, to: original.count, by: 7) {
          var changed = original
          changed[position] ^= 0x55
          try TestFiles.write(changed, to: "\(folder)/a/x")
          do { _ = try ImageSets.images(in: folder, height: 4, width: 4) } catch let error as PareError {
            #expect([.format, .limit, .unsupported].contains(error.code))
          }
        }
      }
    }
  }

  private func expectPareError(_ bytes: [UInt8], in folder: String) {
    #expect(throws: PareError.self) {
      try TestFiles.write(bytes, to: "\(folder)/a/x")
      _ = try ImageSets.images(in: folder, height: 4, width: 4)
    }
  }

  @Test func theFirstBadFileIsNamed() throws {
    try TestFiles.withFolder { folder in
      try makeFolder("\(folder)/a")
      for index in 10..<30 { try copy("grey.png", to: "\(folder)/a/\(index)") }
      for bad in ["17", "23"] { try TestFiles.write([1, 2, 3], to: "\(folder)/a/\(bad)") }
      for _ in 0..<5 { expectError(.format, "/a/17") { try ImageSets.images(in: folder, height: 8, width: 8) } }
    }
  }
}
