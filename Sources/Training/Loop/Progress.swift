/// Where a training is, and what the epoch in progress has seen.
struct Progress: Equatable {
  /// Finished epochs.
  var epoch = 0
  /// Finished batches of the epoch in progress.
  var batch = 0
  var lossSum = 0.0
  var samples = 0
  /// Answers with a class, and those that were right.
  var counted = 0
  var correct = 0
  /// The learning rate of the epoch's first step.
  var rate = 0.0
  /// Steps of the epoch that were left out because f16 overflowed.
  var skipped = 0

  var meanLoss: Double { samples > 0 ? lossSum / Double(samples) : .infinity }

  mutating func add(loss: Double, samples: Int, answers: (counted: Int, correct: Int)?, rate: Double) {
    if batch == 0 { self.rate = rate }
    batch += 1
    // An f16 loss may overflow; such a step is left out of the mean as of the training.
    if loss.isFinite {
      lossSum += loss * Double(samples)
      self.samples += samples
    }
    if let answers {
      counted += answers.counted
      correct += answers.correct
    }
  }

  /// The fields in order; a `Double` prints with all the digits that bring it back.
  var text: String { "\(epoch) \(batch) \(lossSum) \(samples) \(counted) \(correct) \(rate) \(skipped)" }

  init(epoch: Int = 0) { self.epoch = epoch }

  init?(text: String) {
    let fields = text.split(separator: " ")
    guard fields.count == 8, let epoch = Int(fields[0]), let batch = Int(fields[1]), let lossSum = Double(fields[2]),
      let samples = Int(fields[3]), let counted = Int(fields[4]), let correct = Int(fields[5]), let rate = Double(fields[6]),
      let skipped = Int(fields[7]), [epoch, batch, samples, counted, correct, skipped].allSatisfy({ $0 >= 0 && $0 < 1 << 40 })
    else { return nil }
    (self.epoch, self.batch, self.lossSum, self.samples) = (epoch, batch, lossSum, samples)
    (self.counted, self.correct, self.rate, self.skipped) = (counted, correct, rate, skipped)
  }
}
