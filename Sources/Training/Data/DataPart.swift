import Graph
import Support
import Tensor

/// One part of a data set: the samples for training, validation or test.
public struct DataPart: Sendable {
  /// What the samples of a part may be used for.
  public enum Role: String, Sendable, CaseIterable { case train, validation, test }

  /// What the samples may be used for.
  public let role: Role
  /// The samples, in this part and beyond it.
  public let source: any SampleSource
  /// Positions in `source`, in file order; nil: all of it.
  private let indices: [Int]?
  /// Whether the caller chose the normalization, so that a model's own does not replace it.
  private let isNormalizationGiven: Bool

  /// - Parameters:
  ///   - source: where the samples come from.
  ///   - indices: the samples of this part, by their position in `source`, in file order; nil: all.
  ///   - normalizationGiven: whether the user asked for the source's normalization in so many words.
  /// - Throws: `PareError.argument` if an index is outside the source.
  public init(
    _ role: Role, _ source: some SampleSource, indices: [Int]? = nil, normalizationGiven: Bool = false
  ) throws {
    if let wrong = indices?.first(where: { $0 < 0 || $0 >= source.count }) {
      throw PareError(
        .argument, "\(role.rawValue) part", argument: "indices", expected: "positions in 0..<\(source.count)",
        got: "\(wrong)")
    }
    self.init(role, source, checked: indices, normalizationGiven)
  }

  /// Creates a part from tensors: inputs `[N, ...]` and targets `[N]` or `[N, ...]`.
  public init(_ role: Role, x: Tensor, y: Tensor) throws { try self.init(role, TensorSource(x: x, y: y)) }

  /// Creates a part of `count` samples from a function that returns sample `i`, counted from 0.
  public init(_ role: Role, count: Int, get: @escaping @Sendable (Int) throws -> (x: Tensor, y: Tensor)) throws {
    try self.init(role, FunctionSource(count: count, get: get))
  }

  private init(_ role: Role, _ source: any SampleSource, checked indices: [Int]?, _ given: Bool) {
    self.role = role
    self.source = source
    self.indices = indices
    isNormalizationGiven = given
  }

  /// The number of samples.
  public var count: Int { indices?.count ?? source.count }

  /// Returns the samples at `positions` of this part, counted from 0, in that order.
  ///
  /// - Throws: `PareError.argument` for a position outside `0..<count`, or for an empty list.
  public func batch(_ positions: [Int]) throws -> Batch {
    guard !positions.isEmpty else {
      throw PareError(.argument, "\(role.rawValue) part: a batch of no samples", expected: "at least one position")
    }
    if let wrong = positions.first(where: { $0 < 0 || $0 >= count }) {
      throw PareError(
        .argument, "\(role.rawValue) part", argument: "indices", expected: "positions in 0..<\(count)", got: "\(wrong)")
    }
    return try source.batch(indices.map { indices in positions.map { indices[$0] } } ?? positions)
  }

  /// Returns the first `n` samples in file order as a part of the same role; all of them if there are fewer.
  public func take(_ n: Int) throws -> DataPart {
    guard n >= 0 else {
      throw PareError(.argument, "take: n", argument: "n", expected: "0 or more samples", got: "\(n)")
    }
    let kept = indices.map { Array($0.prefix(n)) } ?? Array(0..<min(n, source.count))
    return DataPart(role, source, checked: kept, isNormalizationGiven)
  }

  /// Returns every sample, in file order, as one batch.
  public func all() throws -> Batch { try batch(Array(0..<count)) }

  /// Returns this part cut into batches.
  ///
  /// - Parameters:
  ///   - size: samples in each batch; the last one may be smaller.
  ///   - shuffle: draws the order from (`seed`, `epoch`) alone; otherwise file order.
  /// - Throws: `PareError.argument` if `size` is not positive.
  public func batches(size: Int = 64, shuffle: Bool = false, seed: UInt64 = 0, epoch: Int = 0) throws -> Batches {
    guard size > 0 else {
      throw PareError(.argument, "batches: size", argument: "size", expected: "at least 1", got: "\(size)")
    }
    var order = Array(0..<count)
    if shuffle {
      var random = RandomSource(seed: seed, name: "shuffle.\(epoch)")
      order.shuffle(using: &random)
    }
    return Batches(part: self, order: order, size: size)
  }

  /// Returns this part as `model` wants it: under the normalization that training stored in the model, unless the
  /// caller gave another one, which then stays and is warned about.
  public func normalized(for model: Model) throws -> DataPart {
    guard let stored = model.normalization, let own = source.normalization, stored != own else { return self }
    if isNormalizationGiven {
      Console.warn("the data uses \(own.text), the model was trained with \(stored.text)")
      return self
    }
    return DataPart(role, try source.normalized(by: stored), checked: indices, isNormalizationGiven)
  }

  /// Makes sure that this is not test data.
  ///
  /// - Parameter purpose: what the samples would decide ("training", "calibration"); it stands in the message.
  /// - Throws: `PareError.argument` for the test part.
  public func refuseTest(for purpose: String) throws {
    guard role == .test else { return }
    throw PareError(
      .argument, "\(purpose) must not see the test part", argument: "data", expected: "train or validation", got: "test")
  }
}

/// A data part cut into batches, in an order fixed when it was made.
///
///     for index in 0..<batches.count { let batch = try batches[index] }
public struct Batches: Sendable {
  private let part: DataPart
  private let order: [Int]
  /// Samples in each batch but the last.
  public let size: Int

  init(part: DataPart, order: [Int], size: Int) {
    self.part = part
    self.order = order
    self.size = size
  }

  /// The number of batches.
  public var count: Int { (order.count + size - 1) / size }

  /// Reads batch `index`, counted from 0.
  public subscript(index: Int) -> Batch {
    get throws {
      guard index >= 0, index < count else {
        throw PareError(.argument, "batch \(index)", expected: "0..<\(count)")
      }
      return try part.batch(Array(order[index * size..<min(order.count, (index + 1) * size)]))
    }
  }
}
