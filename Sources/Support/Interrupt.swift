import Synchronization

/// The one flag that Ctrl-C sets and long work polls.
public enum Interrupt {
  private static let flag = Atomic<Bool>(false)

  /// Asks running work to stop. Safe in a signal handler.
  public static func request() { flag.store(true, ordering: .relaxed) }
  /// Forgets a request, once it was obeyed.
  public static func clear() { flag.store(false, ordering: .relaxed) }
  /// Whether a stop was asked for and not cleared since.
  public static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Throws `interrupted` if a stop was asked for. Call it between units of work of at most 100 ms.
  public static func check() throws {
    if isRequested { throw PareError(.interrupted, "interrupted") }
  }
}
