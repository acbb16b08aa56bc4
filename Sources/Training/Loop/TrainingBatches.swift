import Support
import Tensor

/// The batches of a whole training in their order: shuffled anew for each epoch, gathered, normalized, augmented.
///
/// What a batch holds depends on the seed and its number alone. Where the samples allow it, the next ones are made while
/// the present one is computed with.
final class TrainingBatches {
  private let prefetcher: Prefetcher<Batch>?
  private let maker: Maker
  private var position: Int
  private let end: Int

  /// - Parameters:
  ///   - first: the number of the first batch wanted, counted over all epochs.
  ///   - epochs: how many epochs there are in all.
  init(_ part: DataPart, _ options: TrainingOptions, classes: Int, from first: Int, epochs: Int, perEpoch: Int) throws {
    let maker = Maker(part: part, options, classes: classes, perEpoch: perEpoch)
    self.maker = maker
    position = first
    end = epochs * perEpoch
    prefetcher = part.source.isPrefetchable && options.prefetches && end > first
      ? try Prefetcher(count: end - first) { index in try maker.batch(first + index) } : nil
  }

  /// Returns the next batch.
  func next() throws -> Batch {
    guard position < end else { throw PareError(.internal, "a training asked for more batches than it has") }
    let batch = try prefetcher?.next() ?? maker.batch(position)
    position += 1
    return batch
  }

  /// Makes one batch after another. Sendable because one thread alone calls it: the prefetcher's, or the training's.
  private final class Maker: @unchecked Sendable {
    private let part: DataPart
    private let size: Int, seed: UInt64, shuffles: Bool
    private let augment: [any Augmentation]
    private let classes: Int
    private let perEpoch: Int
    private var order: (epoch: Int, batches: Batches)?

    init(part: DataPart, _ options: TrainingOptions, classes: Int, perEpoch: Int) {
      self.part = part
      (size, seed, shuffles) = (options.batch, options.seed, options.shuffle)
      augment = options.augment
      self.classes = classes
      self.perEpoch = perEpoch
    }

    func batch(_ number: Int) throws -> Batch {
      let epoch = number / perEpoch
      if order?.epoch != epoch {
        order = (epoch, try part.batches(size: size, shuffle: shuffles, seed: seed, epoch: epoch))
      }
      guard let batches = order?.batches else { throw PareError(.internal, "no order of samples") }
      return try Augmentations.applied(
        augment, to: batches[number % perEpoch], classes: classes, seed: seed, index: number)
    }
  }
}
