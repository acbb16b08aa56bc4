import Formats
import Support
import Tensor
import Testing
import TestSupport

@Suite struct ImageSetTests {
  private func idxImages(_ count: UInt8, _ pixels: [UInt8]) -> [UInt8] {
    [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3] + pixels
  }
  private func idxLabels(_ labels: [UInt8]) -> [UInt8] { [0, 0, 8, 1, 0, 0, 0, UInt8(labels.count)] + labels }

  private func writeIDX(in folder: String) throws {
    try TestFiles.write(idxImages(2, Array(0..<12)), to: "\(folder)/train-images-idx3-ubyte")
    try TestFiles.write(idxLabels([3, 9]), to: "\(folder)/train-labels-idx1-ubyte")
    try TestFiles.write(idxImages(1, Array(20..<26)), to: "\(folder)/t10k-images-idx3-ubyte")
    try TestFiles.write(idxLabels([0]), to: "\(folder)/t10k-labels-idx1-ubyte")
  }

  @Test func readsIDX() throws {
    try TestFiles.withFolder { folder in
      try writeIDX(in: folder)
      let set = try ImageSets.idx(in: folder)
      #expect(set.train.images.shape == [2, 1, 2, 3])
      #expect(set.train.images.dtype == .u8)
      #expect(try set.train.images.values(as: UInt8.self) == Array(0..<12))
      #expect(try set.train.labels.values(as: Int64.self) == [3, 9])
      #expect(try set.test.images.values(as: UInt8.self) == Array(20..<26))
      #expect(set.classes.count == 10)
    }
  }

  @Test func refusesDamagedIDX() throws {
    try TestFiles.withFolder { folder in
      expectError(.notFound, "train-images-idx3-ubyte", "published files") { try ImageSets.idx(in: folder) }
      try writeIDX(in: folder)
      try TestFiles.write(idxLabels([3, 10]), to: "\(folder)/train-labels-idx1-ubyte")
      expectError(.format, "label of sample 1", "0 to 9", "train-labels") { try ImageSets.idx(in: folder) }
      try TestFiles.write(idxLabels([3]), to: "\(folder)/train-labels-idx1-ubyte")
      expectError(.format, "2 labels") { try ImageSets.idx(in: folder) }
      try TestFiles.write(idxImages(2, Array(0..<11)), to: "\(folder)/train-images-idx3-ubyte")
      expectError(.format, "12 bytes", "train-images") { try ImageSets.idx(in: folder) }
      try TestFiles.write([0, 0, 8, 3] + [UInt8](repeating: 255, count: 12), to: "\(folder)/train-images-idx3-ubyte")
      expectError(.format, "shape") { try ImageSets.idx(in: folder) }
      try TestFiles.write(idxLabels([3, 9]), to: "\(folder)/train-images-idx3-ubyte")
      expectError(.format, "magic number 2051") { try ImageSets.idx(in: folder) }
    }
  }

  private func record(_ labels: [UInt8], _ fill: UInt8) -> [UInt8] { labels + [UInt8](repeating: fill, count: 3072) }

  @Test func readsTheCIFARBatchesThatAreThere() throws {
    try TestFiles.withFolder { folder in
      try TestFiles.write(record([1], 10) + record([2], 11), to: "\(folder)/data_batch_2.bin")
      try TestFiles.write(record([3], 12), to: "\(folder)/data_batch_5.bin")
      expectError(.notFound, "test_batch.bin") { try ImageSets.cifar10(in: folder) }
      try TestFiles.write(record([9], 13), to: "\(folder)/test_batch.bin")
      let set = try ImageSets.cifar10(in: folder)
      #expect(set.train.images.shape == [3, 3, 32, 32])
      #expect(try set.train.labels.values(as: Int64.self) == [1, 2, 3])
      #expect(try set.train.images.select(axis: 0, index: 2).values(as: UInt8.self).allSatisfy { $0 == 12 })
      #expect(set.classes[9] == "truck")
      try TestFiles.write(record([10], 13), to: "\(folder)/test_batch.bin")
      expectError(.format, "label of sample 0", "test_batch.bin") { try ImageSets.cifar10(in: folder) }
      try TestFiles.write(record([1], 13) + [0], to: "\(folder)/test_batch.bin")
      expectError(.format, "multiple of 3073") { try ImageSets.cifar10(in: folder) }
    }
  }

  @Test func readsTheFineLabelsOfCIFAR100() throws {
    try TestFiles.withFolder { folder in
      try TestFiles.write(record([19, 99], 1), to: "\(folder)/train.bin")
      try TestFiles.write(record([1, 7], 2), to: "\(folder)/test.bin")
      let set = try ImageSets.cifar100(in: folder)
      #expect(try set.train.labels.values(as: Int64.self) == [99])
      #expect(try set.test.labels.values(as: Int64.self) == [7])
      #expect(set.classes.count == 100)
      let coarse = try ImageSets.cifar100(in: folder, coarse: true)
      #expect(try coarse.train.labels.values(as: Int64.self) == [19] && coarse.test.labels.values(as: Int64.self) == [1])
      #expect(coarse.classes.count == 20)
      try TestFiles.write(Array((0..<20).map { "group\($0)\n" }.joined().utf8), to: "\(folder)/coarse_label_names.txt")
      #expect(try ImageSets.cifar100(in: folder, coarse: true).classes[19] == "group19")
      try TestFiles.write(Array("one\n".utf8), to: "\(folder)/fine_label_names.txt")
      expectError(.format, "names of classes") { try ImageSets.cifar100(in: folder) }
      try TestFiles.write(record([20, 7], 2), to: "\(folder)/test.bin")
      expectError(.format, "label of sample 0") { try ImageSets.cifar100(in: folder, coarse: true) }
    }
  }

  /// Class counts of scikit-learn's digits; the test split has the same shares.
  @Test func carriesTheDigits() throws {
    let set = try ImageSets.digits()
    #expect(set.train.images.shape == [1297, 1, 8, 8])
    #expect(set.test.images.shape == [500, 1, 8, 8])
    var all = [Int](repeating: 0, count: 10), test = all
    for label in try set.train.labels.values(as: Int64.self) { all[Int(label)] += 1 }
    for label in try set.test.labels.values(as: Int64.self) {
      all[Int(label)] += 1
      test[Int(label)] += 1
    }
    #expect(all == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    for digit in 0..<10 { #expect(abs(Double(test[digit]) - Double(all[digit]) * 500 / 1797) < 1) }
    #expect(try set.train.images.values(as: UInt8.self).max() == 16)
    // The first row of the first image, as scikit-learn prints it.
    let first = try set.train.images.values(as: UInt8.self).prefix(8)
    let firstTest = try set.test.images.values(as: UInt8.self).prefix(8)
    #expect(Array(first) == [0, 0, 5, 13, 9, 1, 0, 0] || Array(firstTest) == [0, 0, 5, 13, 9, 1, 0, 0])
  }

  @Test(.enabled(if: TestFiles.data != nil, "needs PARE_DATA")) func readsPublishedSets() throws {
    let folder = try #require(TestFiles.data)
    let mnist = try ImageSets.idx(in: "\(folder)/mnist")
    #expect(mnist.train.images.shape == [60000, 1, 28, 28])
    #expect(try mnist.train.labels.values(as: Int64.self).prefix(5) == [5, 0, 4, 1, 9])
    #expect(mnist.test.count == 10000)
    let cifar = try ImageSets.cifar10(in: "\(folder)/cifar10")
    #expect(cifar.train.images.shape == [40000, 3, 32, 32])
    #expect(try cifar.train.labels.values(as: Int64.self).prefix(3) == [6, 9, 9])
  }
}
