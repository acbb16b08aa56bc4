import CLAPACK
import COneDNN
import Support
import Synchronization

/// Matrix products of f32 and f64 by OpenBLAS, larger ones of f32 by oneDNN's sgemm. Transposed views are read in place.
enum BLAS {
  /// Whether oneDNN's sgemm is the faster: from a million multiplications on 1.1 to 5 times, most where one side is short,
  /// but not where some rows meet a transposed matrix (measured with AVX-512, one and two threads). On other processors it
  /// has no kernels of its own.
  private static func suitsOneDNN(_ m: Int, _ n: Int, _ k: Int, transposed: Bool) -> Bool {
    #if arch(x86_64)
      return m * n * k >= 1 << 20 && !(transposed && (9..<128).contains(m))
    #else
      return false
    #endif
  }

  /// How BLAS reads one matrix: as it is or transposed, with its leading dimension.
  struct Operand {
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

  /// r = a b + beta r: f32 matrices that begin at `i` and `j` of two operands, rows of r next to each other. False where
  /// oneDNN refuses.
  static func multiply(
    _ a: Operand, at i: Int, _ b: Operand, at j: Int, into r: UnsafeMutablePointer<Float>, _ m: Int, _ n: Int, _ k: Int,
    beta: Float = 0
  ) -> Bool {
    let (p, q) = (a.tensor.pointer(Float.self) + i, b.tensor.pointer(Float.self) + j)
    guard suitsOneDNN(m, n, k, transposed: b.transposed) else {
      cblas_sgemm(
        CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans, Int32(m), Int32(n),
        Int32(k), 1, p, a.leading, q, b.leading, beta, r, Int32(n))
      return true
    }
    return dnnl_sgemm(
      letter(a), letter(b), Int64(m), Int64(n), Int64(k), 1, p, Int64(a.leading), q, Int64(b.leading), beta, r, Int64(n))
      == dnnl_success
  }

  static let refusal = PareError(.memory, "[matmul] oneDNN's sgemm refused", op: "matmul")

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
    let failed = Atomic<Bool>(false)
    func run(_ batch: Int) {
      let (i, j) = batches.offsets(batch)
      let o = batch * batches.m * batches.n
      guard a.dtype == .f32 else {
        let (p, q, r) = (x.tensor.pointer(Double.self), y.tensor.pointer(Double.self), out.pointer(Double.self))
        return cblas_dgemm(CblasRowMajor, tx, ty, m, n, k, 1, p + i, x.leading, q + j, y.leading, 0, r + o, n)
      }
      if !multiply(x, at: i, y, at: j, into: out.pointer(Float.self) + o, batches.m, batches.n, batches.k) {
        failed.store(true, ordering: .relaxed)
      }
    }
    // Small products of a batch are shared out whole, large ones each run on all threads.
    let operations = batches.m * batches.n * batches.k
    if operations < 1 << 22 {
      try Compute.parallel(batches.count, grain: max(1, (1 << 16) / operations)) { for batch in $0 { run(batch) } }
    } else {
      for batch in 0..<batches.count { run(batch) }
    }
    guard !failed.load(ordering: .relaxed) else { throw refusal }
    return out
  }
}
