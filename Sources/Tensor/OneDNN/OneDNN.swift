import COneDNN
import Support

/// oneDNN 2.6 behind one thin wrapper: whoever wants another version changes this folder only.
///
/// Classes own C handles and free them in `deinit`; raw pointers to the data stay the caller's.
package enum OneDNN {
  /// Turns the status of a oneDNN call into an error that names the call.
  @inline(__always)
  package static func check(_ status: dnnl_status_t, _ call: StaticString) throws {
    if status != dnnl_success { throw failure(status, call) }
  }

  private static func failure(_ status: dnnl_status_t, _ call: StaticString) -> PareError {
    switch status {
    case dnnl_out_of_memory: PareError(.memory, "\(call) failed: out of memory")
    case dnnl_unimplemented: PareError(.unsupported, "\(call) failed: oneDNN has no implementation for this descriptor")
    case dnnl_invalid_arguments: PareError(.internal, "\(call) failed: invalid arguments")
    default: PareError(.internal, "\(call) failed with status \(status.rawValue)")
    }
  }

  /// The CPU engine and its stream, created on first use.
  package static func engine() throws -> Engine { try shared.get() }

  private static let shared: Result<Engine, any Error> = Result { try Engine() }

  /// Whether the processor has these instructions, and the library uses them.
  package static func has(_ instructions: dnnl_cpu_isa_t) -> Bool {
    dnnl_get_effective_cpu_isa().rawValue & instructions.rawValue == instructions.rawValue
  }

  /// The version of the library that is loaded, as "2.6.3".
  package static var version: String {
    guard let version = dnnl_version()?.pointee else { return "unknown" }
    return "\(version.major).\(version.minor).\(version.patch)"
  }
}

/// The CPU engine with an in-order stream.
///
/// Unchecked: both handles are constant after `init`, and oneDNN's CPU streams run what they are handed at once, on the
/// calling thread (and its OpenMP team), without touching state of their own.
package final class Engine: @unchecked Sendable {
  package let handle: dnnl_engine_t
  package let stream: dnnl_stream_t

  fileprivate init() throws {
    var engine: dnnl_engine_t?
    try OneDNN.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create")
    var stream: dnnl_stream_t?
    let status = dnnl_stream_create(&stream, engine, dnnl_stream_in_order.rawValue)
    guard status == dnnl_success, let engine, let stream else {
      if let engine { dnnl_engine_destroy(engine) }
      try OneDNN.check(status, "dnnl_stream_create")
      throw PareError(.internal, "oneDNN returned no engine")
    }
    handle = engine
    self.stream = stream
  }

  deinit {
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(handle)
  }
}
