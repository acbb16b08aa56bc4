import Graph
import Support
import Tensor
import Testing

/// Codebooks, signs, three values, and integers whose scales are shared in groups.
@Suite struct FewValueTests {
  static func all() throws -> [any Representation] {
    let w = try Tensor.randn([6, 10], seed: 5), mask = try w.gt(-0.5)
    let table = try Tensor([-1.5, -0.25, 0.5, 1.25, 2] as [Float], shape: [5])
    return [
      try CodebookRepresentation.nearest(w, table: table), try CodebookRepresentation.nearest(w, table: table, mask: mask),
      try BinaryRepresentation(nearest: w, axis: 0), try BinaryRepresentation(nearest: w, axis: nil),
      try TernaryRepresentation(nearest: w, axis: 1), try TernaryRepresentation(nearest: w, axis: 0, mask: mask),
      try IntegerRepresentation.quantizing(w, scales: Tensor.rand([6, 3], seed: 2) + 0.1, axis: 0, group: 4, bits: 4),
      try IntegerRepresentation.quantizing(
        w, scales: Tensor.rand([2, 10], seed: 2) + 0.1, zeroPoints: Tensor.full([2, 10], 3, .u8), axis: 1, group: 4, bits: 3,
        signed: false, mask: mask),
    ]
  }

  @Test(arguments: 0..<8) func roundTrip(_ index: Int) throws {
    let value = try Self.all()[index], again = try RepresentationTests.decoded(value)
    #expect(try again.dense().isEqual(to: value.dense()))
    #expect(again.label == value.label && again.shape == value.shape && again.nonzeros == value.nonzeros)
    #expect(try again.byteCount() == value.byteCount())
  }

  @Test func bytesAreThoseOfTheBlobs() throws {
    let sizes = try Self.all().map { try $0.byteCount() }
    // 60 elements: 3 bits a code of 5 entries, 1 and 2 bits of signs and thirds, 4 and 3 of integers.
    #expect(sizes == [23 + 20, 23 + 20 + 8, 8 + 24, 8 + 4, 15 + 40, 15 + 24 + 8, 30 + 72, 23 + 80 + 20 + 8])
  }

  /// What an update gives, holds: the same again, and what training sees of it.
  @Test(arguments: 0..<8) func updatesKeepTheInvariant(_ index: Int) throws {
    let value = try Self.all()[index], leaf = try Tensor.randn([6, 10], seed: 9)
    let updated = try value.updated(from: leaf)
    #expect(type(of: updated).kind == type(of: value).kind)
    if let mask = try value.mask() {
      #expect(try updated.dense().isEqual(to: updated.dense() * mask.converted(to: .f32)))
    }
    let again = try updated.updated(from: updated.dense()).dense()
    #expect(try (again - updated.dense()).abs().max().item() < 1e-6)
    #expect(try value.projected(leaf).isEqual(to: updated.dense()))
    let tracked = leaf.tracked()
    let gradient = try #require(value.projected(tracked).sum().backward()[tracked])
    #expect(try gradient.countNonzero() > 0)
    if let mask = try value.mask() { #expect(try gradient.isEqual(to: gradient * mask.converted(to: .f32))) }
  }

  @Test(arguments: 0..<8) func slicesCommuteWithDense(_ index: Int) throws {
    let value = try Self.all()[index]
    for axis in 0..<2 {
      // Whole groups along the axis that has them.
      let positions = [0, 1, 2, 3]
      let slice = try value.sliced(axis: axis, keeping: positions)
      let expected = try value.dense().gather(axis: axis, indices: Tensor(positions.map(Int64.init), shape: [4]))
      #expect(try slice.dense().isEqual(to: expected))
    }
  }

  @Test func groupsAreCutWhole() throws {
    let value = try Self.all()[6]
    let slice = try value.sliced(axis: 1, keeping: [4, 5, 6, 7, 8, 9])
    #expect(try slice.dense().isEqual(to: value.dense().narrowed(axis: 1, start: 4, length: 6).contiguous()))
    #expect { try value.sliced(axis: 1, keeping: [0, 5]) } throws: { ($0 as? PareError)?.code == .unsupported }
    let w = try Tensor.ones([2, 2, 2])
    #expect(throws: PareError.self) { try IntegerRepresentation.quantizing(w, scales: Tensor.ones([2, 1]), axis: 0, group: 2) }
    #expect(throws: PareError.self) { try IntegerRepresentation.quantizing(Tensor.ones([2, 4]), scales: Tensor.ones([2, 3]), axis: 0, group: 2) }
  }

  @Test func masksHoldZeros() throws {
    let mask = try Tensor.randn([6, 10], seed: 11).gt(0)
    for (index, value) in try Self.all().enumerated() where index != 2 && index != 3 {
      let held = try value.masked(mask)
      #expect(try held.dense().isEqual(to: value.dense() * mask.converted(to: .f32)))
      #expect(try held.updated(from: Tensor.ones([6, 10])).nonzeros <= mask.countNonzero())
    }
    #expect { try Self.all()[2].masked(mask) } throws: { ($0 as? PareError)?.code == .unsupported }
  }

  /// Signs and mean sizes; thirds by the rule of the paper.
  @Test func valuesAreThoseOfThePapers() throws {
    let w = try Tensor([1, -3, 0, 4, 0.5, -0.5, 2, -1] as [Float], shape: [2, 4])
    #expect(try BinaryRepresentation(nearest: w, axis: 0).dense().scalars() == [2, -2, 2, 2, 1, -1, 1, -1])
    // Mean sizes are 2 and 1, so thresholds 1.4 and 0.7.
    #expect(try TernaryRepresentation(nearest: w, axis: 0).dense().scalars() == [0, -3.5, 0, 3.5, 0, 0, 1.5, -1.5])
    let codes = try CodebookRepresentation.nearest(w, table: Tensor([-1, 1] as [Float], shape: [2]))
    #expect(try codes.dense().scalars() == [1, -1, -1, 1, 1, -1, 1, -1])
    let moved = try codes.updated(from: w).dense().scalars()
    #expect(moved == [1.875, -1.125, -1.125, 1.875, 1.875, -1.125, 1.875, -1.125])
  }

  @Test func hostileFilesAreErrors() throws {
    for value in try Self.all() {
      var encoder = RepresentationEncoder()
      try value.encode(into: &encoder)
      for name in encoder.blobs.keys {
        #expect(throws: PareError.self) { try RepresentationTests.decoded(value) { blobs, _ in
          blobs[name] = nil
          if name == "zero_points" || name == "mask" { blobs["scales"] = nil; blobs["table"] = nil }
        } }
        #expect(throws: PareError.self) { try RepresentationTests.decoded(value) { blobs, _ in blobs[name] = try Tensor.zeros([3, 400], .u8) } }
      }
      #expect(throws: PareError.self) { try RepresentationTests.decoded(value) { _, scalars in scalars["shape"] = nil } }
      #expect(throws: PareError.self) { try RepresentationTests.decoded(value) { _, s in s["shape"] = .integers([1 << 40, 1 << 40]) } }
    }
    let all = try Self.all()
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[0]) { b, _ in b["codes"] = try Tensor.full([23], 255, .u8) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[0]) { b, _ in b["table"] = try Tensor.full([5], .nan) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[2]) { _, s in s["axis"] = .integer(7) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[4]) { b, _ in b["values"] = try Tensor.full([15], 255, .u8) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[4]) { b, _ in b["scales"] = try Tensor.full([10], -1) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[6]) { _, s in s["group"] = .integer(0) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[6]) { _, s in s["axis"] = .integer(-1) } }
    #expect(throws: PareError.self) { try RepresentationTests.decoded(all[6]) { _, s in s["group"] = .integer(.max) } }
  }
}
