import Support
import Tensor
import TestSupport
import Testing

/// Runs `body`, which must throw a `PareError`, and returns it.
func failure(_ body: () throws -> some Any) -> PareError? {
  do {
    _ = try body()
    return nil
  } catch let error as PareError {
    return error
  } catch {
    return PareError(.internal, "\(error)")
  }
}

@Suite struct ShapeTests {
  @Test(arguments: [
    [-1], [2, -3], [Int.max, 2], [Int.max], [1 << 40, 1 << 40], [1, 1, 1, 1, 1, 1, 1, 1, 1], [Int.max, 0, 3],
  ])
  func impossibleShapesAreErrors(_ sizes: [Int]) {
    #expect(failure { try Shape(sizes) }?.code == .shape)
  }

  @Test func literalsAreCheckedWhenUsed() {
    #expect(failure { try Tensor.zeros([2, -1]) }?.code == .shape)
    #expect(failure { try Tensor([1.0], shape: [-1]) }?.code == .shape)
  }

  @Test func absurdSizesAreMemoryErrors() {
    #expect(failure { try Tensor.zeros([1 << 20, 1 << 20]) }?.code == .memory)
    #expect(failure { try Tensor.randn([1 << 50], seed: 1) }?.code == .memory)
  }

  @Test func countsAndText() throws {
    #expect(try Shape([2, 0, 5]).count == 0)
    let shape: Shape = [2, 3], none: Shape = []
    #expect(none.count == 1)
    #expect("\(shape)" == "[2, 3]")
    #expect(Array(shape) == [2, 3])
  }
}

@Suite struct ConversionTests {
  /// Every dtype pair keeps small whole numbers.
  @Test(arguments: DType.allCases)
  func smallNumbersSurviveEveryPair(_ from: DType) throws {
    let x = try Tensor([0.0, 1, 1, 0]).converted(to: from)
    for to in DType.allCases {
      let y = try x.converted(to: to)
      #expect(y.dtype == to)
      #expect(try y.scalars() == [0, 1, 1, 0], "\(from) to \(to)")
    }
  }

  @Test func floatsSaturateAndNaNBecomesZero() throws {
    let x = try Tensor([1e30, -1e30, .infinity, -.infinity, .nan, 2.9, -2.9])
    #expect(try x.converted(to: .i8).values(as: Int8.self) == [127, -128, 127, -128, 0, 2, -2])
    #expect(try x.converted(to: .u8).values(as: UInt8.self) == [255, 0, 255, 0, 0, 2, 0])
    #expect(try x.converted(to: .i64).values(as: Int64.self) == [.max, .min, .max, .min, 0, 2, -2])
    #expect(try x.converted(to: .f32).converted(to: .i32).values(as: Int32.self) == [.max, .min, .max, .min, 0, 2, -2])
    #expect(try x.converted(to: .bool).scalars() == [1, 1, 1, 1, 1, 1, 1])
  }

  @Test func integersWrap() throws {
    let x = try Tensor([Int64(300), -1, 1 << 40])
    #expect(try x.converted(to: .u8).values(as: UInt8.self) == [44, 255, 0])
    #expect(try x.converted(to: .i32).values(as: Int32.self) == [300, -1, 0])
  }

  /// The widest integers keep all their bits.
  @Test func noDetourThroughFloats() throws {
    let x = try Tensor([Int64.max, Int64.min, (1 << 53) + 1])
    #expect(try x.values(as: Int64.self) == [.max, .min, (1 << 53) + 1])
    #expect(try (x + Tensor([Int64(1), -1, 0])).values(as: Int64.self) == [.min, .max, (1 << 53) + 1])
  }

  @Test func halvesRoundToEven() throws {
    // 1 + 2^-8 lies between two bf16 numbers, 1 + 3 * 2^-8 too; 2049 and 2051 between two f16 numbers.
    let x = try Tensor([1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-8 + 0x1p-40, 3.5e38])
    #expect(try x.converted(to: .bf16).scalars() == [1, 1 + 0x1p-6, 1 + 0x1p-7, .infinity])
    #expect(try Tensor([Float(2049), 2051, 70000]).converted(to: .f16).scalars() == [2048, 2052, .infinity])
    #expect(try Tensor([Double.nan]).converted(to: .bf16).item().isNaN)
    #expect(try Tensor([Float.nan]).converted(to: .f16).item().isNaN)
  }
}

@Suite struct MutationTests {
  @Test func copiesKeepTheirValues() throws {
    let a = try Tensor([1.0, 2, 3, 4], shape: [2, 2])
    var b = a
    let view = try a.transposed()
    try b.set(9, at: [0, 1])
    #expect(try a.scalars() == [1, 2, 3, 4])
    #expect(try b.scalars() == [1, 9, 3, 4])
    #expect(try view.scalars() == [1, 3, 2, 4])
  }

  @Test func writingIntoAViewLeavesItsOrigin() throws {
    let a = try Tensor([1.0, 2, 3, 4], shape: [2, 2])
    var row = try a.select(axis: 0, index: 1)
    try row.set(7, at: [0])
    #expect(try a.scalars() == [1, 2, 3, 4])
    #expect(try row.scalars() == [7, 4])
  }

  @Test func anExpandedTensorGetsItsOwnElements() throws {
    var a = try Tensor([5.0]).expanded(to: [3])
    try a.set(1, at: [1])
    #expect(try a.scalars() == [5, 1, 5])
  }

  @Test func anUnsharedTensorIsWrittenInPlace() throws {
    var a = try Tensor.zeros([1000])
    let before = Compute.memory().current
    for i in 0..<1000 { try a.set(Double(i), at: [i]) }
    #expect(Compute.memory().current <= before + 4096)
    #expect(try a.sum().item() == 499_500)
  }

  @Test func wholeRowsAndErrors() throws {
    var a = try Tensor.zeros([2, 3], .i32)
    try a.set(Tensor([1.0, 2, 3]), at: [1])
    try a.set(-1, at: [-2, 0])
    #expect(try a.scalars() == [-1, 0, 0, 1, 2, 3])
    #expect(failure { try a.set(0, at: [2]) }?.code == .argument)
    #expect(failure { try a.set(0, at: [0, 0, 0]) }?.code == .argument)
    #expect(failure { try a.set(Tensor.zeros([2]), at: [0]) }?.code == .shape)
    var tracked = try Tensor.zeros([2]).tracked()
    #expect(failure { try tracked.set(1, at: [0]) }?.code == .argument)
  }
}

@Suite struct RandomTests {
  @Test func numbersDependOnSeedStreamAndPositionAlone() throws {
    let before = Compute.threads
    defer { Compute.threads = before }
    Compute.threads = 1
    let one = try Tensor.randn([100_001], seed: 3, stream: 2)
    Compute.threads = 4
    let four = try Tensor.randn([100_001], seed: 3, stream: 2)
    #expect(try one.isEqual(to: four))
    #expect(try !one.isEqual(to: Tensor.randn([100_001], seed: 4, stream: 2)))
    #expect(try !one.isEqual(to: Tensor.randn([100_001], seed: 3, stream: 3)))
    #expect(try one.slice(axis: 0, from: 0, to: 7).isEqual(to: Tensor.randn([7], seed: 3, stream: 2)))
  }

  @Test func distributionsHaveTheirMoments() throws {
    let normal = try Tensor.randn([200_000], seed: 1, dtype: .f64)
    #expect(try normal.mean().item().magnitude < 0.01)
    #expect(try (normal.variance().item() - 1).magnitude < 0.02)
    #expect(try (normal.pow(4).mean().item() - 3).magnitude < 0.1)
    let even = try Tensor.rand([200_000], low: -1, high: 3, seed: 1)
    #expect(try (even.mean().item() - 1).magnitude < 0.02)
    #expect(try even.min().item() >= -1 && even.max().item() < 3)
  }

  @Test func permutationHoldsEveryNumberOnce() throws {
    let p = try Tensor.permutation(1000, seed: 5).values(as: Int.self)
    #expect(p.sorted() == Array(0..<1000))
    #expect(p != Array(0..<1000))
    #expect(failure { try Tensor.permutation(-1, seed: 0) }?.code == .shape)
    #expect(failure { try Tensor.rand([2], seed: 0, dtype: .i32) }?.code == .dtype)
  }
}

private func text(_ tensor: Tensor) -> String { "\(tensor)" }

@Test func printedTensorsShowValuesAndType() throws {
  #expect(try text(Tensor([1.0, 2.5], shape: [2]).converted(to: .f32)) == "[1, 2.5]\n2 f32")
  #expect(try text(Tensor.scalar(0.1)) == "0.1")
  #expect(try text(Tensor([true, false])) == "[true, false]\n2 bool")
  #expect(try text(Tensor([Int64.max])) == "[9223372036854775807]\n1 i64")
  #expect(try text(Tensor.zeros([0, 2])).contains("no elements"))
  #expect(try text(Tensor([Double.nan, .infinity, 1.2345678e-9, 1e20])).contains("nan, inf, 1.23457e-9, 1e20"))
}
