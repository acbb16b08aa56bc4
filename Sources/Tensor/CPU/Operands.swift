import CKernels

extension DType {
  /// The type as kernels name it.
  var element: pare_element {
    switch self {
    case .f32: PARE_F32
    case .f64: PARE_F64
    case .f16: PARE_F16
    case .bf16: PARE_BF16
    case .i8: PARE_I8
    case .u8: PARE_U8
    case .i16: PARE_I16
    case .u16: PARE_U16
    case .i32: PARE_I32
    case .i64: PARE_I64
    case .bool: PARE_BOOL
    }
  }
}

/// A tensor as kernels read it: rows of it, by offset and stride.
struct Operand {
  private let base: UnsafeRawPointer
  private let size: Int
  private let type: pare_element

  init(_ x: borrowing Tensor) {
    base = UnsafeRawPointer(x.address)
    size = x.dtype.size
    type = x.dtype.element
  }

  @inline(__always) func row(_ offset: Int, stride: Int = 1) -> pare_operand {
    pare_operand(data: base + offset * size, stride: stride, type: type)
  }
}

extension Tensor {
  /// This tensor, laid out like a result if it would otherwise be read across its rows: a blocked copy is faster.
  func readable(_ shape: Shape, like layout: Dims) throws -> Tensor {
    guard count >= 4096, self.shape == shape, !Tensor.isSame(self.layout, layout, shape) else { return self }
    for i in 0..<rank where shape.dims[i] != 1 && layout[i] == 1 {
      return self.layout[i] <= 1 && self.layout[i] >= 0 ? self : try detached().laidOut(layout)
    }
    return self
  }
}
