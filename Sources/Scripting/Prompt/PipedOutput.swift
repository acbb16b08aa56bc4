import CEdit
import Glibc

/// Standard output that is no terminal.
package enum PipedOutput {
  /// What fits a pipe goes into it at once: with `pare methods | grep -q prune` the reader may leave after the first part,
  /// and another write would end the program. Before the first output.
  package static func gather() {
    if isatty(STDOUT_FILENO) == 0 { pare_gather_output() }
  }

  /// Writes what is still gathered, and says whether anything printed so far did not arrive.
  package static func hasFailed() -> Bool { pare_output_failed() != 0 }
}
