import CLAPACK
import COneDNN
import Support

/// Matrix products of f32 and f64 by OpenBLAS, larger ones of f32 by oneDNN's sgemm. Transposed views are read in place.
enum BLAS {
  #if arch(x86_64)
    /// From this many multiplications on oneDNN's sgemm is faster: 1.1 to 5 times, most where one side is short (measured
    /// with AVX-512, one and two threads). Elsewhere it has no kernels of its own.
    private static let mostInOpenBLAS = 1 << 20
  #else
    private static let mostInOpenBLAS = Int.max
  #endif

  /// How BLAS reads one matrix: as it is or transposed, with its leading dimension.
  private struct Operand {
    let tensor: Tensor
    let transposed: Bool
    let leading: Int32

    /// Copies only what has no unit stride in its last two axes.
    init(_ t: Tensor) throws {
      let (row, column) = (t.rank - 2, t.rank - 1)
      let (rows, columns) = (t.shape.dims[row], t.shape.dims[column])
      if (t.layout[column] == 1 || columns == 1) && (t.layout[row] >= columns || rows == 1) {
        (tensor, transposed, leading) = (t, false, Int32(max(rows == 1 ? columns : t.layout[row], 1)))
      } else if (t.layout[row] == 1 || rows == 1) && (t.layout[column] >= rows || columns == 1) {
        (tensor, transposed, leading) = (t, true, Int32(max(columns == 1 ? rows : t.layout[column], 1)))
      } else {
        (tensor, transposed, leading) = (try t.contiguous(), false, Int32(max(columns, 1)))
      }
    }
  }

  private static func letter(_ x: Operand) -> CChar { CChar(UInt8(ascii: x.transposed ? "T" : "N")) }

  static func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard a.byteCount / 4 < Int32.max, b.byteCount / 4 < Int32.max else {
      throw PareError(.unsupported, "[matmul] matrices of more than 2^31 elements", op: "matmul")
    }
    let (x, y) = (try Operand(a), try Operand(b))
    let batches = try MatrixBatches(x.tensor, y.tensor)
    let out = try Tensor.empty(batches.shape, a.dtype)
    let (m, n, k) = (Int32(batches.m), Int32(batches.n), Int32(batches.k))
    guard out.count > 0 else { return out }
    guard k > 0 else {
      out.clear()
      return out
    }
    Compute.prepareLibraries()
    let (tx, ty) = (x.transposed ? CblasTrans : CblasNoTrans, y.transposed ? CblasTrans : CblasNoTrans)
    for batch in 0..<batches.count {
      let (i, j) = batches.offsets(batch)
      let o = batch * batches.m * batches.n
      if a.dtype == .f32 {
        let (p, q, r) = (x.tensor.pointer(Float.self), y.tensor.pointer(Float.self), out.pointer(Float.self))
        if batches.m * batches.n * batches.k < mostInOpenBLAS {
          cblas_sgemm(CblasRowMajor, tx, ty, m, n, k, 1, p + i, x.leading, q + j, y.leading, 0, r + o, n)
        } else {
          let status = dnnl_sgemm(
            letter(x), letter(y), Int64(m), Int64(n), Int64(k), 1, p + i, Int64(x.leading), q + j, Int64(y.leading), 0, r + o, Int64(n))
          guard status == dnnl_success else { throw PareError(.memory, "[matmul] oneDNN: status \(status.rawValue)", op: "matmul") }
        }
      } else {
        let (p, q, r) = (x.tensor.pointer(Double.self), y.tensor.pointer(Double.self), out.pointer(Double.self))
        cblas_dgemm(CblasRowMajor, tx, ty, m, n, k, 1, p + i, x.leading, q + j, y.leading, 0, r + o, n)
      }
    }
    return out
  }
}
