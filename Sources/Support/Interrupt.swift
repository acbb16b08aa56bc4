import Synchronization

/// The one flag that Ctrl-C sets and long work polls.
public enum Interrupt {
  private static let flag = Atomic<Bool>(false)
  /// How many bodies of `held` run now.
  private static let holds = Atomic<Int>(0)

  /// Asks running work to stop. Safe in a signal handler.
  public static func request() { flag.store(true, ordering: .relaxed) }
  /// Forgets a request, once it was obeyed.
  public static func clear() { flag.store(false, ordering: .relaxed) }
  /// Whether a stop was asked for, and nothing holds it off.
  public static var isRequested: Bool { flag.load(ordering: .relaxed) && holds.load(ordering: .relaxed) == 0 }

  /// Throws `interrupted` if a stop was asked for. Call it between units of work of at most 100 ms.
  public static func check() throws {
    if isRequested { throw PareError(.interrupted, "interrupted") }
  }

  /// Runs `body` to its end: what must not be left half done, such as values that change in place, or what is saved
  /// because of a stop. A stop that is asked for meanwhile is obeyed at the next check after it.
  public static func held<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    holds.add(1, ordering: .relaxed)
    defer { holds.subtract(1, ordering: .relaxed) }
    return try body()
  }
}
