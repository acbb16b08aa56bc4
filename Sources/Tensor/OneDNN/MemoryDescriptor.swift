import COneDNN
import Support

/// The shape, element type and physical layout of a oneDNN memory; a value.
package struct MemoryDescriptor: @unchecked Sendable {
  // Unchecked: the C struct is plain data without pointers.
  package var raw: dnnl_memory_desc_t

  package init(raw: dnnl_memory_desc_t) { self.raw = raw }

  /// The absent memory (no bias, no workspace).
  package static var none: MemoryDescriptor { MemoryDescriptor(raw: dnnl_memory_desc_t()) }

  /// A layout by strides, in elements. Without strides: dense row-major.
  package init(_ dimensions: [Int], _ type: dnnl_data_type_t, strides: [Int]? = nil) throws {
    var raw = dnnl_memory_desc_t()
    let sizes = dimensions.map(Int64.init)
    let steps = (strides ?? MemoryDescriptor.rowMajor(dimensions)).map(Int64.init)
    try OneDNN.check(
      dnnl_memory_desc_init_by_strides(&raw, Int32(sizes.count), sizes, type, steps), "dnnl_memory_desc_init_by_strides")
    self.raw = raw
  }

  /// A layout that the primitive chooses.
  package static func any(_ dimensions: [Int], _ type: dnnl_data_type_t) throws -> MemoryDescriptor {
    var raw = dnnl_memory_desc_t()
    let sizes = dimensions.map(Int64.init)
    try OneDNN.check(
      dnnl_memory_desc_init_by_tag(&raw, Int32(sizes.count), sizes, type, dnnl_format_tag_any),
      "dnnl_memory_desc_init_by_tag")
    return MemoryDescriptor(raw: raw)
  }

  /// Logically `[N, C, spatial...]`, physically channels-last.
  package static func channelsLast(_ dimensions: [Int], _ type: dnnl_data_type_t) throws -> MemoryDescriptor {
    try MemoryDescriptor(dimensions, type, strides: channelsLastStrides(dimensions))
  }

  /// `[N, C, H, W]` in blocks of 16 channels, oneDNN's "nChw16c".
  package static func channelBlocks(_ dimensions: [Int], _ type: dnnl_data_type_t) throws -> MemoryDescriptor {
    var raw = dnnl_memory_desc_t()
    try OneDNN.check(
      dnnl_memory_desc_init_by_tag(&raw, Int32(dimensions.count), dimensions.map(Int64.init), type, dnnl_aBcd16b),
      "dnnl_memory_desc_init_by_tag")
    return MemoryDescriptor(raw: raw)
  }

  package static func rowMajor(_ dimensions: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dimensions.count)
    for axis in stride(from: dimensions.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * max(1, dimensions[axis + 1])
    }
    return strides
  }

  package static func channelsLastStrides(_ dimensions: [Int]) -> [Int] {
    guard dimensions.count > 2 else { return rowMajor(dimensions) }
    let order = [0] + Array(2..<dimensions.count) + [1]
    let steps = rowMajor(order.map { dimensions[$0] })
    var strides = [Int](repeating: 1, count: dimensions.count)
    for (position, axis) in order.enumerated() { strides[axis] = steps[position] }
    return strides
  }

  package var isNone: Bool { raw.ndims == 0 }
  package var isAny: Bool { raw.format_kind == dnnl_format_kind_any }
  package var type: dnnl_data_type_t { raw.data_type }
  /// Bytes that a memory of this layout takes, padding included.
  package var bytes: Int { withUnsafePointer(to: raw) { dnnl_memory_desc_get_size($0) } }

  package var dimensions: [Int] {
    withUnsafeBytes(of: raw.dims) { $0.bindMemory(to: Int64.self).prefix(Int(raw.ndims)).map { Int($0) } }
  }

  /// Whether both put every element at the same place: strides of axes of size 1 do not matter.
  package func isSamePlacement(as other: MemoryDescriptor) -> Bool {
    if self == other { return true }
    guard isStrided, other.isStrided, raw.data_type == other.raw.data_type, dimensions == other.dimensions else {
      return false
    }
    return zip(dimensions, zip(strides, other.strides)).allSatisfy { size, steps in size == 1 || steps.0 == steps.1 }
  }

  /// Whether strides alone describe the layout: no blocks, no offset, nothing beside the elements.
  package var isStrided: Bool {
    raw.format_kind == dnnl_blocked && raw.format_desc.blocking.inner_nblks == 0 && raw.offset0 == 0
      && raw.extra.flags == 0
  }

  /// Elements between neighbours along each axis (between blocks, where there are blocks).
  package var strides: [Int] {
    withUnsafeBytes(of: raw.format_desc.blocking.strides) {
      $0.bindMemory(to: Int64.self).prefix(Int(raw.ndims)).map { Int($0) }
    }
  }

  /// Whether the elements fill the memory without gaps or padding.
  package var isDense: Bool { isStrided && bytes == dimensions.reduce(elementBytes, *) }

  /// Bytes of one element.
  package var elementBytes: Int { dnnl_data_type_size(raw.data_type) }

  /// The same places, in elements, for another element type.
  package func with(type: dnnl_data_type_t) throws -> MemoryDescriptor {
    try MemoryDescriptor(dimensions, type, strides: strides)
  }

  /// The same elements seen with other sizes, where the layout allows it.
  package func reshaped(_ dimensions: [Int]) throws -> MemoryDescriptor {
    var result = dnnl_memory_desc_t()
    var source = raw
    let sizes = dimensions.map(Int64.init)
    try OneDNN.check(
      dnnl_memory_desc_reshape(&result, &source, Int32(sizes.count), sizes), "dnnl_memory_desc_reshape")
    return MemoryDescriptor(raw: result)
  }

  /// The region of `sizes` at `offsets`; shares the buffer.
  package func region(_ sizes: [Int], at offsets: [Int]) throws -> MemoryDescriptor {
    var result = dnnl_memory_desc_t()
    var source = raw
    try OneDNN.check(
      dnnl_memory_desc_init_submemory(&result, &source, sizes.map(Int64.init), offsets.map(Int64.init)),
      "dnnl_memory_desc_init_submemory")
    return MemoryDescriptor(raw: result)
  }
}

extension MemoryDescriptor: Equatable {
  package static func == (a: MemoryDescriptor, b: MemoryDescriptor) -> Bool {
    withUnsafePointer(to: a.raw) { a in withUnsafePointer(to: b.raw) { b in dnnl_memory_desc_equal(a, b) != 0 } }
  }
}

/// A descriptor bound to a buffer that somebody else owns and keeps alive.
///
/// Unchecked: the handle is set once; rebinding is done by the one owner, between executions.
package final class Memory: @unchecked Sendable {
  package let handle: dnnl_memory_t
  package let descriptor: MemoryDescriptor

  package init(_ descriptor: MemoryDescriptor, _ data: UnsafeMutableRawPointer?) throws {
    var handle: dnnl_memory_t?
    var raw = descriptor.raw
    try OneDNN.check(dnnl_memory_create(&handle, &raw, OneDNN.engine().handle, data), "dnnl_memory_create")
    guard let handle else { throw PareError(.internal, "dnnl_memory_create returned no memory") }
    self.handle = handle
    self.descriptor = descriptor
  }

  package convenience init(_ descriptor: MemoryDescriptor, _ data: UnsafeRawPointer) throws {
    try self.init(descriptor, UnsafeMutableRawPointer(mutating: data))
  }

  /// Points the memory at another buffer of the same layout.
  package func bind(_ data: UnsafeMutableRawPointer?) throws {
    try OneDNN.check(dnnl_memory_set_data_handle(handle, data), "dnnl_memory_set_data_handle")
  }

  deinit { dnnl_memory_destroy(handle) }
}
