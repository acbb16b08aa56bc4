import Formats
import Graph
import Support
import Tensor
import Testing
import Training

@Suite struct AugmentationTests {
  /// Images whose every pixel is different and not 0: 1, 2, 3, ...
  private func batch(_ count: Int, _ channels: Int = 2, _ height: Int = 6, _ width: Int = 5) throws -> Batch {
    let shape = try Shape([count, channels, height, width])
    return Batch(
      x: try Tensor((0..<shape.count).map { Float($0 + 1) }, shape: shape),
      y: try Tensor((0..<count).map { Int64($0 % 3) }, shape: Shape([count])))
  }

  private func apply(_ transform: any Augmentation, _ batch: Batch, seed: UInt64 = 0) throws -> Batch {
    var random = RandomSource(seed: seed, name: "test")
    return try transform.applied(to: batch, classes: 3, random: &random)
  }

  /// Values as [image][channel][row][column].
  private func pixels(_ x: Tensor) throws -> [[[[Float]]]] {
    let values = try x.values(as: Float.self)
    let (c, h, w) = (x.shape[1], x.shape[2], x.shape[3])
    return (0..<x.shape[0]).map { i in
      (0..<c).map { k in (0..<h).map { y in Array(values[(((i * c) + k) * h + y) * w..<(((i * c) + k) * h + y + 1) * w]) } }
    }
  }

  @Test func flipMirrorsHalf() throws {
    let plain = try batch(64)
    let before = try pixels(plain.x), after = try pixels(apply(Flip(), plain).x)
    var flipped = 0
    for (a, b) in zip(before, after) {
      let mirrored = a.map { $0.map { Array($0.reversed()) } }
      #expect(b == a || b == mirrored)
      if b == mirrored { flipped += 1 }
    }
    #expect((20...44).contains(flipped))
    #expect(try pixels(plain.x) == before)
  }

  private func shifted(_ plane: [[Float]], _ down: Int, _ right: Int) -> [[Float]] {
    var result = plane
    for y in plane.indices {
      for x in plane[y].indices {
        let isInside = plane.indices.contains(y + down) && plane[y].indices.contains(x + right)
        result[y][x] = isInside ? plane[y + down][x + right] : 0
      }
    }
    return result
  }

  @Test(arguments: [1, 2, 9])
  func cropShiftsWholeImages(pad: Int) throws {
    let plain = try batch(80)
    let before = try pixels(plain.x), after = try pixels(apply(Crop(pad: pad), plain).x)
    var shifts: Set<[Int]> = []
    for (a, b) in zip(before, after) {
      // The one shift that explains the image: all channels alike, 0 where nothing was.
      var found: [[Int]] = []
      for down in -pad...pad {
        for right in -pad...pad where b == a.map({ shifted($0, down, right) }) { found.append([down, right]) }
      }
      #expect(found.count >= 1)
      if found.count == 1 { shifts.insert(found[0]) }
    }
    #expect(shifts.count > min(4, pad))
  }

  @Test func cropAsFarAsAnEighthByDefault() throws {
    let (a, b) = (try apply(Crop(), batch(8, 1, 32, 32)), try apply(Crop(pad: 4), batch(8, 1, 32, 32)))
    #expect(try a.x.isEqual(to: b.x))
  }

  @Test(arguments: [1, 3, 8])
  func cutoutBlanksOneSquare(size: Int) throws {
    let plain = try batch(50, 2, 10, 9)
    let before = try pixels(plain.x), after = try pixels(apply(Cutout(size: size), plain).x)
    var whole = 0
    for (a, b) in zip(before, after) {
      var rows: Set<Int> = [], columns: Set<Int> = []
      for channel in a.indices {
        var blank = 0
        for y in 0..<10 {
          for x in 0..<9 where b[channel][y][x] != a[channel][y][x] {
            #expect(b[channel][y][x] == 0)
            rows.insert(y)
            columns.insert(x)
            blank += 1
          }
        }
        #expect(blank == rows.count * columns.count && blank > 0)
      }
      #expect(rows.count <= size && columns.count <= size)
      if rows.count == size, columns.count == size { whole += 1 }
    }
    #expect(whole > 0)
  }

  @Test(arguments: [0.2, 1, 4])
  func mixupMixesImagesAndClasses(alpha: Double) throws {
    let plain = try batch(12)
    var lambdas: [Float] = []
    for seed in 0..<200 {
      let mixed = try apply(Mixup(alpha: alpha), plain, seed: UInt64(seed))
      let shares = try #require(mixed.shares)
      #expect(shares.shape == [12, 3])
      let (x, y) = (try plain.x.values(as: Float.self), try mixed.x.values(as: Float.self))
      let rows = try shares.values(as: Float.self), labels = try mixed.labels().values(as: Int64.self)
      let size = x.count / 12
      for image in 0..<12 {
        let row = Array(rows[image * 3..<image * 3 + 3])
        #expect(abs(row.reduce(0, +) - 1) < 1e-6)
        #expect(row[Int(labels[image])] == row.max())
      }
      // The pixels grow by one each: the value says which share and partner it comes from.
      let first = y[0], lambda = rows[0]
      #expect(first >= 1 && y[size - 1] - first == x[size - 1] - x[0] || abs(y[size - 1] - first - (x[size - 1] - x[0])) < 1e-3)
      lambdas.append(max(lambda, 1 - lambda))
      if seed == 0 { #expect(try mixed.targets.isEqual(to: shares) && plain.targets.isEqual(to: plain.y)) }
    }
    // A small alpha leaves images nearly as they are, a large one mixes them half and half.
    let middle = lambdas.sorted()[100]
    #expect(alpha < 1 ? middle > 0.9 : middle > 0.5 && middle < 0.98, "\(middle)")
  }

  @Test func whatIsDrawnDependsOnSeedAndBatchAlone() throws {
    let data = try smallData()
    func bits(_ augment: [any Augmentation], _ change: (inout TrainingOptions) -> Void = { _ in }) throws -> [String: [UInt32]] {
      var options = TrainingOptions()
      options.epochs = 2
      options.batch = 16
      options.augment = augment
      change(&options)
      return try train(smallNet(), on: data, options).model.bits()
    }
    let all: [any Augmentation] = [Flip(), Crop(pad: 2), Cutout(size: 3), Mixup()]
    let expected = try bits(all)
    #expect(try bits(all) == expected)
    #expect(try bits(all) { $0.prefetches = false } == expected)
    #expect(try bits(all) { $0.seed = 1 } != expected)
    for transform in all { #expect(try bits([transform]) != bits([])) }
  }

  @Test func wrongOnesAreNamed() throws {
    #expect(pareError { _ = try Augmentations.make("flipp") }?.suggestion == "did you mean 'flip'?")
    #expect(pareError { _ = try Augmentations.make("crop", ["size": 3]) }?.argument == "size")
    #expect(pareError { _ = try Augmentations.make("crop", ["pad": 1.5]) }?.argument == "pad")
    #expect(pareError { _ = try Augmentations.make("mixup", ["alpha": 0]) }?.argument == "alpha")
    #expect(try Augmentations.make("cutout", ["size": 4]).text == "cutout(4)")
    var options = TrainingOptions()
    options.augment = [Mixup()]
    let x = try Noise.tensor("x", [8, 1, 4, 4]), y = try Tensor([Int64](repeating: 0, count: 8), shape: [8])
    let nameless = try Dataset(
      name: "own", train: DataPart(.train, x: x, y: y), validation: DataPart(.validation, x: x, y: y), test: DataPart(.test, x: x, y: y))
    #expect(pareError { _ = try train(smallNet(input: nil), on: nameless, options) }?.argument == "augment")
    options.augment = [Flip()]
    let flat = try Dataset(
      name: "flat", train: DataPart(.train, x: y.converted(to: .f32).reshaped([8, 1]), y: y),
      validation: DataPart(.validation, x: y.converted(to: .f32).reshaped([8, 1]), y: y),
      test: DataPart(.test, x: y.converted(to: .f32).reshaped([8, 1]), y: y))
    let net = try NN.sequential([NN.linear(inFeatures: 1, outFeatures: 10)])
    #expect(pareError { _ = try train(net, on: flat, options) }?.argument == "augment")
  }
}
