import CKernels
import CLAPACK
import Support

/// The element types that LAPACK computes with, and its routines by one name for both.
protocol LAPACKScalar: TensorElement, BinaryFloatingPoint, SIMDScalar, Codable {
  typealias Sizes = UnsafePointer<Int32>?
  typealias Values = UnsafeMutablePointer<Self>?
  typealias Integers = UnsafeMutablePointer<Int32>?
  typealias Option = UnsafePointer<CChar>?
  static var bdsdc: (Option, Option, Sizes, Values, Values, Values, Sizes, Values, Sizes, Values, Integers, Values, Integers, Integers) -> Void { get }
  static var geqrf: (Sizes, Sizes, Values, Sizes, Values, Values, Sizes, Integers) -> Void { get }
  static var orgqr: (Sizes, Sizes, Sizes, Values, Sizes, UnsafePointer<Self>?, Values, Sizes, Integers) -> Void { get }
  static var potrf: (Option, Sizes, Values, Sizes, Integers) -> Void { get }
  static var getrf: (Sizes, Sizes, Values, Sizes, Integers, Integers) -> Void { get }
  static var getrs: (Option, Sizes, Sizes, Values, Sizes, Integers, Values, Sizes, Integers) -> Void { get }
  static var syevd: (Option, Option, Sizes, Values, Sizes, Values, Values, Sizes, Integers, Sizes, Integers) -> Void { get }
  static var gemm: (
    CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, Int32, Int32, Int32, Self, UnsafePointer<Self>?, Int32,
    UnsafePointer<Self>?, Int32, Self, Values, Int32) -> Void { get }
  static var trsm: (
    CBLAS_ORDER, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, Int32, Int32, Self, UnsafePointer<Self>?, Int32,
    Values, Int32) -> Void { get }
  /// See `CKernels.h`.
  static var bidiagonalize: (Values, Int, Int, Int, Values, Values, Values, Values, Values, Int, Values, Int, Int, Int32) -> Void { get }
}

extension Float: LAPACKScalar {
  static var bdsdc: (Option, Option, Sizes, Values, Values, Values, Sizes, Values, Sizes, Values, Integers, Values, Integers, Integers) -> Void { sbdsdc_ }
  static var geqrf: (Sizes, Sizes, Values, Sizes, Values, Values, Sizes, Integers) -> Void { sgeqrf_ }
  static var orgqr: (Sizes, Sizes, Sizes, Values, Sizes, UnsafePointer<Float>?, Values, Sizes, Integers) -> Void { sorgqr_ }
  static var potrf: (Option, Sizes, Values, Sizes, Integers) -> Void { spotrf_ }
  static var getrf: (Sizes, Sizes, Values, Sizes, Integers, Integers) -> Void { sgetrf_ }
  static var getrs: (Option, Sizes, Sizes, Values, Sizes, Integers, Values, Sizes, Integers) -> Void { sgetrs_ }
  static var syevd: (Option, Option, Sizes, Values, Sizes, Values, Values, Sizes, Integers, Sizes, Integers) -> Void { ssyevd_ }
  static var gemm: (
    CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32,
    UnsafePointer<Float>?, Int32, Float, Values, Int32) -> Void { cblas_sgemm }
  static var trsm: (
    CBLAS_ORDER, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, Int32, Int32, Float, UnsafePointer<Float>?, Int32,
    Values, Int32) -> Void { cblas_strsm }
  static var bidiagonalize: (Values, Int, Int, Int, Values, Values, Values, Values, Values, Int, Values, Int, Int, Int32) -> Void { pare_bidiagonalize_f32 }
}

extension Double: LAPACKScalar {
  static var bdsdc: (Option, Option, Sizes, Values, Values, Values, Sizes, Values, Sizes, Values, Integers, Values, Integers, Integers) -> Void { dbdsdc_ }
  static var geqrf: (Sizes, Sizes, Values, Sizes, Values, Values, Sizes, Integers) -> Void { dgeqrf_ }
  static var orgqr: (Sizes, Sizes, Sizes, Values, Sizes, UnsafePointer<Double>?, Values, Sizes, Integers) -> Void { dorgqr_ }
  static var potrf: (Option, Sizes, Values, Sizes, Integers) -> Void { dpotrf_ }
  static var getrf: (Sizes, Sizes, Values, Sizes, Integers, Integers) -> Void { dgetrf_ }
  static var getrs: (Option, Sizes, Sizes, Values, Sizes, Integers, Values, Sizes, Integers) -> Void { dgetrs_ }
  static var syevd: (Option, Option, Sizes, Values, Sizes, Values, Values, Sizes, Integers, Sizes, Integers) -> Void { dsyevd_ }
  static var gemm: (
    CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, Int32, Int32, Int32, Double, UnsafePointer<Double>?, Int32,
    UnsafePointer<Double>?, Int32, Double, Values, Int32) -> Void { cblas_dgemm }
  static var trsm: (
    CBLAS_ORDER, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, Int32, Int32, Double, UnsafePointer<Double>?, Int32,
    Values, Int32) -> Void { cblas_dtrsm }
  static var bidiagonalize: (Values, Int, Int, Int, Values, Values, Values, Values, Values, Int, Values, Int, Int, Int32) -> Void { pare_bidiagonalize_f64 }
}
