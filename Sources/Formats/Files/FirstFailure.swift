import Synchronization

/// The error of the first of many pieces of work that failed, by their number: the same whatever the threads' order.
final class FirstFailure: Sendable {
  private let state: Mutex<(index: Int, error: (any Error)?)>

  /// - Parameter count: the number of pieces.
  init(_ count: Int) { state = Mutex((count, nil)) }

  /// Whether a piece before `index` failed, so that this one need not be done.
  func isEarlier(than index: Int) -> Bool { state.withLock { $0.index < index } }

  func note(_ index: Int, _ error: any Error) {
    state.withLock { if index < $0.index { $0 = (index, error) } }
  }

  func rethrow() throws {
    if let error = state.withLock({ $0.error }) { throw error }
  }
}
