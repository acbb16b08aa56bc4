import CKernels
import COneDNN
import Graph
import Support
import Tensor

extension Lowering {
  /// Greatest values of f32 images that lie plane by plane, as kernels of sparse weights leave them: oneDNN's kernel takes
  /// twice the time there. Returns false for other layouts and windows.
  func lowerPlanarPool(_ node: Node, _ window: WindowGeometry, _ form: Value.Form) throws -> Bool {
    let sizes = form.layout.dimensions
    guard form.layout.type == dnnl_f32, sizes.count == 4, !sizes.contains(0),
      form.layout.isSamePlacement(as: try MemoryDescriptor(sizes, dnnl_f32)), window.dilations == [1, 1],
      window.kernel.count == 2, window.input[1] <= Int(PARE_MAX_POOL_WIDTH), window.input[0] < 1 << 20,
      window.kernel[0] < 1 << 10, (window.kernel + window.strides + window.padding.begin).allSatisfy({ $0 <= 16 })
    else { return false }
    for axis in 0..<2 {
      let last = (window.output[axis] - 1) * window.strides[axis] - window.padding.begin[axis]
      guard window.output[axis] >= 1, last < window.input[axis], window.padding.begin[axis] < window.kernel[axis] else { return false }
    }
    let pool = pare_max_pool(
      height: Int32(window.input[0]), width: Int32(window.input[1]), kernel_height: Int32(window.kernel[0]),
      kernel_width: Int32(window.kernel[1]), stride_y: Int32(window.strides[0]), stride_x: Int32(window.strides[1]),
      pad_top: Int32(window.padding.begin[0]), pad_left: Int32(window.padding.begin[1]),
      out_height: Int32(window.output[0]), out_width: Int32(window.output[1]))
    let result = try makeValue(node.outputs[0])
    let place = Place.arena(newBuffer(result.count * 4))
    result.forms = [try rowMajorForm(result, place)]
    let planes = Int64(sizes[0] * sizes[1]), threads = Int32(clamping: threads(for: result.count * window.kernel.reduce(1, *)))
    emit(node.name, node.op, "planes", touching: [form.place, place]) { base, _ in
      withUnsafePointer(to: pool) { pool in
        pare_max_pool_planes(
          pool, form.place.address(base).assumingMemoryBound(to: Float.self),
          place.address(base).assumingMemoryBound(to: Float.self), planes, threads)
      }
    }
    values[node.outputs[0]] = result
    return true
  }
}
