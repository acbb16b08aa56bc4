import COneDNN
import Support

/// An operation for which oneDNN has chosen an implementation and layouts, before its code is made.
///
/// Unchecked: constant after `init`; oneDNN's queries are const.
package final class PrimitiveDescriptor: @unchecked Sendable {
  package let handle: dnnl_primitive_desc_t

  package init(owning handle: dnnl_primitive_desc_t) { self.handle = handle }

  /// - Parameters:
  ///   - operation: one of oneDNN's operation descriptors (`dnnl_convolution_desc_t`, ...).
  ///   - hint: the forward descriptor, for backward operations.
  package convenience init<Operation>(
    _ operation: Operation, attributes: Attributes = Attributes(), hint: PrimitiveDescriptor? = nil
  ) throws {
    let engine = try OneDNN.engine().handle
    let handle = try attributes.withHandle { attributes in
      var created: dnnl_primitive_desc_t?
      try withUnsafePointer(to: operation) { operation in
        try OneDNN.check(
          dnnl_primitive_desc_create(&created, UnsafeRawPointer(operation), attributes, engine, hint?.handle),
          "dnnl_primitive_desc_create")
      }
      return created
    }
    guard let handle else { throw PareError(.internal, "dnnl_primitive_desc_create returned nothing") }
    self.init(owning: handle)
  }

  /// A copy between two layouts or types.
  package static func reorder(
    from source: MemoryDescriptor, to target: MemoryDescriptor, attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    let engine = try OneDNN.engine().handle
    return try attributes.withHandle { attributes in
      var created: dnnl_primitive_desc_t?
      var from = source.raw
      var to = target.raw
      try OneDNN.check(
        dnnl_reorder_primitive_desc_create(&created, &from, engine, &to, engine, attributes),
        "dnnl_reorder_primitive_desc_create")
      guard let created else { throw PareError(.internal, "dnnl_reorder_primitive_desc_create returned nothing") }
      return PrimitiveDescriptor(owning: created)
    }
  }

  /// The layout the implementation wants for `what` (`dnnl_query_weights_md`, ...); `.none` if it takes no such thing.
  package func layout(_ what: dnnl_query_t, _ index: Int32 = 0) -> MemoryDescriptor {
    guard let raw = dnnl_primitive_desc_query_md(handle, what, index) else { return .none }
    return MemoryDescriptor(raw: raw.pointee)
  }

  package var source: MemoryDescriptor { layout(dnnl_query_src_md) }
  package var weights: MemoryDescriptor { layout(dnnl_query_weights_md) }
  package var destination: MemoryDescriptor { layout(dnnl_query_dst_md) }
  package var workspace: MemoryDescriptor { layout(dnnl_query_workspace_md) }
  package var scratchpad: MemoryDescriptor { layout(dnnl_query_scratchpad_md) }

  /// The implementation's name, as "jit:avx512_core".
  package var implementation: String {
    var name: UnsafePointer<CChar>?
    guard dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, &name) == dnnl_success, let name else {
      return "unknown"
    }
    return String(cString: name)
  }

  deinit { dnnl_primitive_desc_destroy(handle) }
}

/// Compiled code for one descriptor. Runs on any thread; scratch memory comes with the arguments.
///
/// Unchecked: constant after `init`; `dnnl_primitive_execute` takes it as const.
package final class Primitive: @unchecked Sendable {
  package let handle: dnnl_primitive_t
  package let descriptor: PrimitiveDescriptor

  package init(_ descriptor: PrimitiveDescriptor) throws {
    var created: dnnl_primitive_t?
    try OneDNN.check(dnnl_primitive_create(&created, descriptor.handle), "dnnl_primitive_create")
    guard let created else { throw PareError(.internal, "dnnl_primitive_create returned nothing") }
    handle = created
    self.descriptor = descriptor
  }

  /// Runs once with the given memories, by argument number.
  package func execute(_ arguments: [(Int32, Memory)]) throws {
    let engine = try OneDNN.engine()
    let status = withUnsafeTemporaryAllocation(of: dnnl_exec_arg_t.self, capacity: arguments.count) { list in
      for (index, (argument, memory)) in arguments.enumerated() {
        list.initializeElement(at: index, to: dnnl_exec_arg_t(arg: argument, memory: memory.handle))
      }
      return dnnl_primitive_execute(handle, engine.stream, Int32(arguments.count), list.baseAddress)
    }
    withExtendedLifetime(arguments) {}
    try OneDNN.check(status, "dnnl_primitive_execute")
  }

  deinit { dnnl_primitive_destroy(handle) }
}
