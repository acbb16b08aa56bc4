import Graph
import Support
import Tensor

/// An exponential moving average of all that a training changes: parameters and running statistics.
///
/// After step t (counted from 1) the average is `d a + (1 - d) w` with `d = min(decay, (1 + t) / (10 + t))`, so that the
/// start does not weigh on a short training (TensorFlow's `ExponentialMovingAverage`).
///
/// - Reference: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging", for the idea.
struct WeightAverage {
  let decay: Double
  /// Steps averaged so far.
  var steps = 0
  /// By parameter name; running statistics under theirs.
  var values: [String: Tensor]

  init(decay: Double, _ values: [String: Tensor]) {
    self.decay = decay
    self.values = values
  }

  /// Moves towards the values after a step. What has another shape than before starts anew.
  mutating func add(_ current: [String: Tensor]) throws {
    steps += 1
    let kept = min(decay, Double(1 + steps) / Double(10 + steps))
    var next: [String: Tensor] = [:]
    for (name, value) in current {
      if let average = values[name], average.shape == value.shape, average.dtype == value.dtype {
        next[name] = try average * kept + value * (1 - kept)
      } else {
        next[name] = value
      }
    }
    values = next
  }
}
