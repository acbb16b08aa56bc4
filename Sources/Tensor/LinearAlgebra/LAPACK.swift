import CLAPACK
import Support

/// The element types that LAPACK computes with, and its routines by one name for both.
protocol LAPACKScalar: TensorElement, BinaryFloatingPoint {
  static var gesdd: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Self>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { get }
  static var geqrf: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Self>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { get }
  static var orgqr: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafePointer<Self>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { get }
  static var potrf: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { get }
  static var gesv: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { get }
  static var syevd: (
    UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Self>?, UnsafeMutablePointer<Self>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { get }
}

extension Float: LAPACKScalar {
  static var gesdd: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { sgesdd_ }
  static var geqrf: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { sgeqrf_ }
  static var orgqr: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { sorgqr_ }
  static var potrf: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { spotrf_ }
  static var gesv: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { sgesv_ }
  static var syevd: (
    UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { ssyevd_ }
}

extension Double: LAPACKScalar {
  static var gesdd: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Double>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { dgesdd_ }
  static var geqrf: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Double>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { dgeqrf_ }
  static var orgqr: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafePointer<Double>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { dorgqr_ }
  static var potrf: (
    UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?) -> Void { dpotrf_ }
  static var gesv: (
    UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { dgesv_ }
  static var syevd: (
    UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?,
    UnsafeMutablePointer<Double>?, UnsafeMutablePointer<Double>?, UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?,
    UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?) -> Void { dsyevd_ }
}
