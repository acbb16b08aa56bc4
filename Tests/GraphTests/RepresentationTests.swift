import Graph
import Support
import Tensor
import Testing

@Suite struct RepresentationTests {
  static let weight: Tensor? = try? Tensor.randn([6, 4, 3, 3], seed: 5)

  static func all() throws -> [any Representation] {
    let w = try #require(weight), mask = try w.gt(0)
    let scales = try w.abs().max(axes: [1, 2, 3]) / 7
    return [
      DenseRepresentation(w), try MaskedRepresentation(w, mask: mask),
      try MaskedRepresentation(w, mask: mask, label: "2:4"),
      try CSRRepresentation(w * mask.converted(to: .f32)),
      try IntegerRepresentation.quantizing(w, scales: scales, axis: 0, bits: 4),
      try IntegerRepresentation.quantizing(w, scales: scales / 18, axis: 0, bits: 8, isNarrow: true, mask: mask),
      try IntegerRepresentation.quantizing(
        w, scales: Tensor.scalar(0.3), zeroPoints: Tensor.scalar(9, .u8), bits: 5, signed: false),
      try IntegerRepresentation.quantizing(w, scales: Tensor.scalar(1), bits: 2),
      try #require(try PatternRepresentation(w, pattern: twoOfFour(w.shape), kept: 2, of: 4, axis: 1)),
      try #require(try BlockRepresentation(w, pattern: everyThirdBlock(w.shape, 4, 3), height: 4, width: 3)),
    ]
  }

  /// Every second input channel, the other ones in every second output channel.
  static func twoOfFour(_ shape: Shape) throws -> Tensor {
    let inner = shape.count / shape[0] / shape[1]
    return try Tensor((0..<shape.count).map { ($0 / inner % shape[1] + $0 / inner / shape[1]) % 2 == 0 }, shape: shape)
  }

  /// Every third block of some outputs times some inputs at one kernel position.
  static func everyThirdBlock(_ shape: Shape, _ height: Int, _ width: Int) throws -> Tensor {
    let inner = shape.count / shape[0] / shape[1]
    return try Tensor(
      (0..<shape.count).map { index in
        (index / inner / shape[1] / height + index / inner % shape[1] / width + index % inner) % 3 == 0
      }, shape: shape)
  }

  static func decoded(_ value: any Representation, change: (inout OrderedDictionary<String, Tensor>, inout OrderedDictionary<String, EncodedScalar>) throws -> Void = { _, _ in }) throws -> any Representation {
    var encoder = RepresentationEncoder()
    try value.encode(into: &encoder)
    var blobs = encoder.blobs, scalars = encoder.scalars
    try change(&blobs, &scalars)
    return try RepresentationKinds.decode(
      RepresentationDecoder(name: "w", kind: type(of: value).kind, scalars: scalars, blobs: blobs))
  }

  @Test(arguments: 0..<10) func roundTrip(_ index: Int) throws {
    let value = try Self.all()[index], again = try Self.decoded(value)
    #expect(try again.dense().isEqual(to: value.dense()))
    #expect(again.label == value.label && again.shape == value.shape && again.nonzeros == value.nonzeros)
    #expect(try again.byteCount() == value.byteCount())
  }

  @Test func bytesAreThoseOfTheBlobs() throws {
    let sizes = try Self.all().map { try $0.byteCount() }
    let kept = try #require(Self.weight).gt(0).countNonzero()
    #expect(sizes[0] == 216 * 4)
    #expect(sizes[1] == 216 * 4 + 27)
    #expect(sizes[3] == kept * 4 + kept + 6)
    #expect(sizes[4] == 108 + 24)
    #expect(sizes[5] == 216 + 24 + 27)
    #expect(sizes[6] == 135 + 4 + 1)
    #expect(sizes[7] == 54 + 4)
    #expect(sizes[8] == 108 * 4 + 27)
    // Two rows of blocks 4x3, 4x1, 2x3, 2x1 at nine positions, a third of each: 12 indices, two counts.
    #expect(sizes[9] == 72 * 4 + 12 + 2)
  }

  @Test(arguments: 0..<10) func slicesCommuteWithDense(_ index: Int) throws {
    let value = try Self.all()[index]
    for axis in 0..<2 {
      let slice = try value.sliced(axis: axis, keeping: [0, 2, 3])
      let expected = try value.dense().gather(axis: axis, indices: Tensor([Int64(0), 2, 3], shape: [3]))
      #expect(try slice.dense().isEqual(to: expected))
    }
  }

  /// Updating with any values keeps what the representation promised.
  @Test(arguments: 0..<10) func updatesKeepTheInvariant(_ index: Int) throws {
    let value = try Self.all()[index], leaf = try Tensor.randn([6, 4, 3, 3], seed: 9)
    let updated = try value.updated(from: leaf)
    if let mask = try value.mask() {
      #expect(try updated.dense().isEqual(to: updated.dense() * mask.converted(to: .f32)))
    }
    if !(value is DenseRepresentation) { #expect(try updated.updated(from: updated.dense()).dense().isEqual(to: updated.dense())) }
    #expect(try value.projected(leaf).isEqual(to: updated.dense()))
  }

  /// Only what is n of m is stored as n:m; rests shorter than m keep their share, rounded up.
  @Test func patternsAreExact() throws {
    let w = try Tensor.randn([3, 7, 2], seed: 1)
    func pattern(_ kept: @escaping (Int) -> Bool) throws -> Tensor { try Tensor((0..<42).map { kept($0 / 2 % 7) }, shape: [3, 7, 2]) }
    let fits = try pattern { [0, 3, 4, 6].contains($0) }
    let value = try #require(try PatternRepresentation(w, pattern: fits, kept: 2, of: 4, axis: 1))
    #expect(value.label == "2:4" && value.storedElements == 24)
    #expect(try value.dense().isEqual(to: w * fits.converted(to: .f32)))
    #expect(try value.pattern().isEqual(to: fits))
    #expect(try PatternRepresentation(w, pattern: pattern { $0 < 3 }, kept: 2, of: 4, axis: 1) == nil)
    #expect(try PatternRepresentation(w, pattern: pattern { [0, 3, 4].contains($0) }, kept: 2, of: 4, axis: 1) == nil)
    #expect(throws: PareError.self) { try PatternRepresentation(w, pattern: fits, kept: 4, of: 4, axis: 1) }
    // Held beyond the pattern, it is sparse rows.
    #expect(try value.masked(pattern { $0 != 0 }) is CSRRepresentation)
    #expect(try value.masked(fits).label == "2:4")
    for places in [[UInt8(0x33)], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]] {
      #expect(throws: PareError.self) {
        try Self.decoded(value) { blobs, _ in blobs["places"] = try Tensor(places, shape: Shape([places.count])) }
      }
    }
    #expect(throws: PareError.self) { try Self.decoded(value) { _, scalars in scalars["shape"] = .integers([1 << 40, 7, 2]) } }
  }

  /// Only whole blocks are stored as such, also where output channels are the second axis and the last blocks are smaller.
  @Test(arguments: [0, 1]) func blocksAreWhole(axis: Int) throws {
    let w = try Tensor.randn([5, 7, 2, 3], seed: 1)
    let turned = try w.transposed(0, 1).contiguous(), fits = try Self.everyThirdBlock(w.shape, 2, 4)
    let (values, pattern) = axis == 0 ? (w, fits) : (turned, try fits.transposed(0, 1).contiguous())
    let value = try #require(try BlockRepresentation(values, pattern: pattern, height: 2, width: 4, axis: axis))
    #expect(try value.label == "block" && value.storedElements == fits.countNonzero())
    #expect(try value.pattern().isEqual(to: pattern))
    #expect(try value.dense().isEqual(to: values * pattern.converted(to: .f32)))
    #expect(try Self.decoded(value).dense().isEqual(to: value.dense()))
    #expect(try BlockRepresentation(values, pattern: pattern, height: 3, width: 4, axis: axis) == nil)
    #expect(throws: PareError.self) { try BlockRepresentation(values, pattern: pattern, height: 0, width: 4, axis: axis) }
    #expect(throws: PareError.self) { try BlockRepresentation(values, pattern: pattern, height: 2, width: 4, axis: 2) }
    // Cut or held across blocks, it is sparse rows; between them it stays.
    #expect(try value.sliced(axis: axis, keeping: [0, 1, 4]) is BlockRepresentation)
    #expect(try value.sliced(axis: axis, keeping: [1, 2, 3]) is CSRRepresentation)
    let mask = try Tensor.randn(values.shape, seed: 4).gt(0)
    #expect(try value.masked(mask) is CSRRepresentation && value.masked(pattern) is BlockRepresentation)
  }

  @Test(arguments: 0..<10) func maskingHoldsZeros(_ index: Int) throws {
    let value = try Self.all()[index]
    let mask = try Tensor.randn([6, 4, 3, 3], seed: 11).gt(0), held = try value.masked(mask)
    #expect(try held.dense().isEqual(to: value.dense() * mask.converted(to: .f32)))
    #expect(try held.updated(from: Tensor.ones([6, 4, 3, 3])).nonzeros <= mask.countNonzero())
  }

  @Test func hostileFilesAreErrors() throws {
    let all = try Self.all()
    for value in all {
      var encoder = RepresentationEncoder()
      try value.encode(into: &encoder)
      for name in encoder.blobs.keys where !(value is DenseRepresentation) {
        #expect(throws: PareError.self) { try Self.decoded(value) { blobs, _ in blobs[name] = nil
          if name == "zero_points" || name == "mask" { blobs["values"] = nil } } }
        #expect(throws: PareError.self) { try Self.decoded(value) { blobs, _ in blobs[name] = try Tensor.zeros([3], .u8) } }
      }
      for name in encoder.scalars.keys where name != "axis" && name != "signed" && name != "narrow" {
        #expect(throws: PareError.self) { try Self.decoded(value) { _, scalars in scalars[name] = nil } }
      }
    }
    #expect(throws: PareError.self) { try Self.decoded(all[4]) { _, s in s["bits"] = .integer(99) } }
    #expect(throws: PareError.self) { try Self.decoded(all[4]) { _, s in s["axis"] = .integer(-1) } }
    #expect(throws: PareError.self) { try Self.decoded(all[4]) { _, s in s["shape"] = .integers([1 << 40, 1 << 40]) } }
    #expect(throws: PareError.self) { try Self.decoded(all[4]) { b, _ in b["scales"] = try Tensor.full([6], .nan) } }
    #expect(throws: PareError.self) { try Self.decoded(all[3]) { _, s in s["shape"] = .integers([6, 2]) } }
    for shape in [[6, 4, 3], [0, 1 << 40, 1 << 40], [1 << 40, 4, 0, 1 << 40], [6]] {
      #expect(throws: PareError.self) { try Self.decoded(all[9]) { _, s in s["shape"] = .integers(shape) } }
    }
    for field in ["height", "width", "axis"] {
      for bad in [-1, 0, Int.max] where field != "axis" || bad != 0 {
        #expect(throws: PareError.self) { try Self.decoded(all[9]) { _, s in s[field] = .integer(bad) } }
      }
    }
    #expect(throws: PareError.self) { try Self.decoded(all[3]) { b, _ in b["row_counts"] = try Tensor.full([6, 1], 255, .u8) } }
  }

  @Test func straightThroughGradientStopsAtTheGrid() throws {
    let leaf = try Tensor([Float(0.2), 0.9, -5], shape: [3]).tracked()
    let grid = try IntegerRepresentation.quantizing(leaf.detached(), scales: Tensor.scalar(0.25), bits: 4)
    let gradient = try grid.projected(leaf).sum().backward()[leaf]
    #expect(try gradient?.scalars() == [1, 1, 0])
    #expect(try grid.dense().scalars() == [0.25, 1, -2])
  }
}
