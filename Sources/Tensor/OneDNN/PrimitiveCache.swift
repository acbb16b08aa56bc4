import Synchronization

/// Prepared operations by what describes them. Bounded; the whole is dropped when full, which long-lived models never reach.
package final class PrimitiveCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let entries = Mutex<[Key: Value]>([:])
  private let capacity: Int

  package init(capacity: Int = 1024) { self.capacity = capacity }

  /// Returns the value of `key`, made by `make` when it is not there.
  package func value(for key: Key, make: () throws -> Value) throws -> Value {
    if let found = entries.withLock({ $0[key] }) { return found }
    // Made outside the lock: oneDNN compiles for milliseconds, and a second maker's equal value does no harm.
    let made = try make()
    entries.withLock { entries in
      if entries.count >= capacity { entries.removeAll() }
      entries[key] = made
    }
    return made
  }

  package func removeAll() { entries.withLock { $0.removeAll() } }
}
