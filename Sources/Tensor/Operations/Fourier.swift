import Glibc
import Support

/// The plan of a discrete Fourier transform of one length. Lengths whose prime factors are small are split into them
/// (Cooley and Tukey 1965); others become a circular convolution of a power of two (Bluestein 1970).
final class FourierPlan: Sendable {
  typealias Complex = (re: Double, im: Double)

  let n: Int
  /// exp(-2 pi i k / n), real and imaginary parts.
  private let cosines: [Double], sines: [Double]
  private let factors: [Int]
  /// Bluestein's chirp exp(-pi i k^2 / n), and the transform of its conjugate at the padded length.
  private let chirp: [Double]
  private let kernel: [Double]
  private let padded: FourierPlan?

  private static let largestFactor = 31

  init(_ n: Int) {
    self.n = n
    var factors: [Int] = []
    var rest = n
    for p in [4, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31] {
      while rest > 1, rest % p == 0 {
        factors.append(p)
        rest /= p
      }
    }
    self.factors = factors
    guard rest > 1 else {
      cosines = (0..<n).map { Glibc.cos(2 * .pi * Double($0) / Double(n)) }
      sines = (0..<n).map { -Glibc.sin(2 * .pi * Double($0) / Double(n)) }
      (chirp, kernel, padded) = ([], [], nil)
      return
    }
    (cosines, sines) = ([], [])
    var size = 1
    while size < 2 * n - 1 { size *= 2 }
    let plan = FourierPlan(size)
    var chirp = [Double](repeating: 0, count: 2 * n)
    var kernel = [Double](repeating: 0, count: 2 * size)
    for k in 0..<n {
      // k^2 modulo 2n keeps the angle small.
      let square = k.multipliedFullWidth(by: k)
      let angle = Double.pi * Double((2 * n).dividingFullWidth(square).remainder) / Double(n)
      (chirp[2 * k], chirp[2 * k + 1]) = (Glibc.cos(angle), -Glibc.sin(angle))
      for place in Set([k, (size - k) % size]) {
        (kernel[2 * place], kernel[2 * place + 1]) = (chirp[2 * k], -chirp[2 * k + 1])
      }
    }
    let input = kernel
    kernel.withUnsafeMutableBufferPointer { target in
      input.withUnsafeBufferPointer { plan.run($0.baseAddress!, target.baseAddress!) }
    }
    (self.chirp, self.kernel, padded) = (chirp, kernel, plan)
  }

  /// Transforms n complex numbers, real and imaginary part in turn, from `x` to `y`, which do not overlap.
  func run(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
    if let padded { return bluestein(padded, x, y) }
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        factors.withUnsafeBufferPointer { factors in
          if n == 1 {
            (y[0], y[1]) = (x[0], x[1])
          } else {
            split(x, 1, y, n, factors[...], cosines, sines)
          }
        }
      }
    }
  }

  /// Decimation in time: `size` numbers that lie `step` apart, by their first factor.
  private func split(
    _ x: UnsafePointer<Double>, _ step: Int, _ y: UnsafeMutablePointer<Double>, _ size: Int,
    _ factors: Slice<UnsafeBufferPointer<Int>>, _ cosines: UnsafeBufferPointer<Double>, _ sines: UnsafeBufferPointer<Double>
  ) {
    let p = factors[factors.startIndex]
    let m = size / p
    if m == 1 {
      for j in 0..<p { (y[2 * j], y[2 * j + 1]) = (x[2 * j * step], x[2 * j * step + 1]) }
    } else {
      for j in 0..<p { split(x + 2 * j * step, step * p, y + 2 * j * m, m, factors.dropFirst(), cosines, sines) }
    }
    // Twiddles of this size are every n / size-th of the whole's.
    let turn = n / size
    if p == 2 {
      for k in 0..<m {
        let (a, b) = (y + 2 * k, y + 2 * (k + m))
        let (c, s) = (cosines[k * turn], sines[k * turn])
        let (re, im) = (b[0] * c - b[1] * s, b[0] * s + b[1] * c)
        (b[0], b[1]) = (a[0] - re, a[1] - im)
        (a[0], a[1]) = (a[0] + re, a[1] + im)
      }
      return
    }
    if p == 4 {
      for k in 0..<m {
        let (a, b, c, d) = (y + 2 * k, y + 2 * (k + m), y + 2 * (k + 2 * m), y + 2 * (k + 3 * m))
        @inline(__always) func turned(_ v: UnsafeMutablePointer<Double>, _ i: Int) -> Complex {
          let (c, s) = (cosines[i], sines[i])
          return (v[0] * c - v[1] * s, v[0] * s + v[1] * c)
        }
        let (u, v, w) = (turned(b, k * turn), turned(c, 2 * k * turn), turned(d, 3 * k * turn))
        let even: Complex = (a[0] + v.re, a[1] + v.im), odd: Complex = (a[0] - v.re, a[1] - v.im)
        let sum: Complex = (u.re + w.re, u.im + w.im), gap: Complex = (u.re - w.re, u.im - w.im)
        (a[0], a[1]) = (even.re + sum.re, even.im + sum.im)
        (c[0], c[1]) = (even.re - sum.re, even.im - sum.im)
        (b[0], b[1]) = (odd.re + gap.im, odd.im - gap.re)
        (d[0], d[1]) = (odd.re - gap.im, odd.im + gap.re)
      }
      return
    }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * p) { part in
      for k in 0..<m {
        for j in 0..<p {
          let v = y + 2 * (k + j * m), i = j * k * turn
          (part[2 * j], part[2 * j + 1]) = (v[0] * cosines[i] - v[1] * sines[i], v[0] * sines[i] + v[1] * cosines[i])
        }
        for q in 0..<p {
          var (re, im) = (part[0], part[1])
          for j in 1..<p {
            let i = j * q % p * (n / p)
            re += part[2 * j] * cosines[i] - part[2 * j + 1] * sines[i]
            im += part[2 * j] * sines[i] + part[2 * j + 1] * cosines[i]
          }
          (y[2 * (k + q * m)], y[2 * (k + q * m) + 1]) = (re, im)
        }
      }
    }
  }

  private func bluestein(_ plan: FourierPlan, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
    let size = plan.n
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 4 * size) { scratch in
      guard let a = scratch.baseAddress else { return }
      let b = a + 2 * size
      memset(a, 0, 16 * size)
      for k in 0..<n {
        a[2 * k] = x[2 * k] * chirp[2 * k] - x[2 * k + 1] * chirp[2 * k + 1]
        a[2 * k + 1] = x[2 * k] * chirp[2 * k + 1] + x[2 * k + 1] * chirp[2 * k]
      }
      plan.run(a, b)
      // The inverse transform is the conjugate's transform, conjugated.
      for k in 0..<size {
        let (re, im) = (b[2 * k] * kernel[2 * k] - b[2 * k + 1] * kernel[2 * k + 1], b[2 * k] * kernel[2 * k + 1] + b[2 * k + 1] * kernel[2 * k])
        (a[2 * k], a[2 * k + 1]) = (re, -im)
      }
      plan.run(a, b)
      for k in 0..<n {
        let (re, im) = (b[2 * k] / Double(size), -b[2 * k + 1] / Double(size))
        y[2 * k] = re * chirp[2 * k] - im * chirp[2 * k + 1]
        y[2 * k + 1] = re * chirp[2 * k + 1] + im * chirp[2 * k]
      }
    }
  }
}

/// Fourier transforms. Complex numbers are a last axis of two: real and imaginary part. Sums are f64, results have the
/// input's dtype.
extension Tensor {
  /// The discrete Fourier transform along one axis (ONNX DFT).
  ///
  /// - Shapes: [.., n, .., 2], or real [.., n, .., 1], to [.., length, .., 2]; with `onesided` [.., length / 2 + 1, .., 2].
  /// - Parameters:
  ///   - axis: not the last.
  ///   - length: the input is cut, or filled with zeros, to it; n when absent.
  ///   - inverse: with the opposite sign and divided by the length.
  ///   - onesided: the first half of the result only, from which that of a real input follows.
  /// - Throws: `shape`, `dtype`, `argument`.
  public func dft(axis: Int = -2, length: Int? = nil, inverse: Bool = false, onesided: Bool = false) throws -> Tensor {
    guard rank >= 2, dtype.isFloating, shape.dims[rank - 1] == 1 || shape.dims[rank - 1] == 2 else {
      throw PareError(.shape, "[dft] input \(shape) \(dtype)", expected: "floats [.., n, .., 1 or 2]", op: "dft")
    }
    let axis = try shape.axis(axis, "dft")
    guard axis < rank - 1 else {
      throw PareError(.argument, "[dft] axis \(axis) holds real and imaginary parts", argument: "axis", expected: "0..<\(rank - 1)", op: "dft")
    }
    let n = length ?? shape.dims[axis]
    guard n >= 1, n <= 1 << 28 else { throw PareError(.argument, "[dft] length \(n)", argument: "length", expected: "from 1", op: "dft") }
    guard !(inverse && onesided) else {
      throw PareError(.argument, "[dft] one side of an inverse transform", argument: "onesided", suggestion: "use irfft", op: "dft")
    }
    // Rows of n complex numbers along the last axis but one.
    var x = try axis == rank - 2 ? self : transposed(axis, rank - 2)
    let given = x.shape.dims[rank - 2]
    if given > n { x = try x.narrowed(axis: rank - 2, start: 0, length: n) }
    let complex = x.shape.dims[rank - 1] == 2
    let ends = Array(repeating: 0, count: rank - 2) + [Swift.max(0, n - given), complex ? 0 : 1]
    if ends.contains(where: { $0 > 0 }) { x = try x.padded(Array(repeating: 0, count: rank) + ends) }
    var y = try x.fourier(inverse: inverse)
    if inverse { y = try y / Double(n) }
    if onesided { y = try y.narrowed(axis: rank - 2, start: 0, length: n / 2 + 1) }
    return try axis == rank - 2 ? y : y.transposed(axis, rank - 2)
  }

  /// The transform of real numbers along the last axis: [.., n] to [.., n / 2 + 1, 2].
  public func rfft(length: Int? = nil) throws -> Tensor { try unsqueezed(-1).dft(axis: -2, length: length, onesided: true) }

  /// The real numbers of a one-sided transform: [.., n / 2 + 1, 2] to [.., n].
  /// - Parameter length: n, which is not clear from the half; even when absent.
  public func irfft(length: Int? = nil) throws -> Tensor {
    guard rank >= 2, shape.dims[rank - 1] == 2, shape.dims[rank - 2] >= 1 else {
      throw PareError(.shape, "[irfft] input \(shape)", expected: "[.., n / 2 + 1, 2]", op: "irfft")
    }
    let n = length ?? Swift.max(1, 2 * (shape.dims[rank - 2] - 1))
    guard n >= 1, n <= 1 << 28 else { throw PareError(.argument, "[irfft] length \(n)", argument: "length", expected: "from 1", op: "irfft") }
    let bins = n / 2 + 1, axis = rank - 2
    var half = self
    if shape.dims[axis] > bins { half = try half.narrowed(axis: axis, start: 0, length: bins) }
    if shape.dims[axis] < bins {
      half = try half.padded(Array(repeating: 0, count: rank + axis) + [bins - shape.dims[axis], 0])
    }
    // The real part of the sum over one side, each bin but the first (and the middle one) twice for its mirror image.
    let weights = try Tensor((0..<bins).map { $0 == 0 || 2 * $0 == n ? 1 / Double(n) : 2 / Double(n) }, shape: Shape([bins, 1])).converted(to: dtype)
    let padded = try (half * weights).padded(Array(repeating: 0, count: rank + axis) + [n - bins, 0])
    return try padded.fourier(inverse: true).select(axis: -1, index: 0)
  }

  /// Transforms rows [.., n, 2] without a factor. The adjoint is the transform of the opposite sign.
  private func fourier(inverse: Bool) throws -> Tensor {
    let x = try detached().converted(to: .f64).contiguous()
    let result = try Tensor.empty(shape, .f64)
    let n = shape.dims[rank - 2]
    if count > 0 {
      let plan = FourierPlan(n)
      let (source, target) = (x.pointer(Double.self), result.pointer(Double.self))
      try Compute.parallel(count / (2 * n), grain: Swift.max(1, 8192 / n)) { part in
        for row in part {
          let y = target + row * 2 * n
          plan.run(source + row * 2 * n, y)
          // exp(+) is exp(-) in reversed order.
          if inverse {
            for k in 1..<Swift.max(1, (n + 1) / 2) {
              (y[2 * k], y[2 * (n - k)]) = (y[2 * (n - k)], y[2 * k])
              (y[2 * k + 1], y[2 * (n - k) + 1]) = (y[2 * (n - k) + 1], y[2 * k + 1])
            }
          }
        }
      }
    }
    let y = try result.converted(to: dtype)
    guard records else { return y }
    return y.recorded("dft", self) { g, pullback in try pullback.add(0, g.fourier(inverse: !inverse)) }
  }

  /// The short-time Fourier transform of real signals (ONNX STFT).
  ///
  /// - Shapes: [.., length] to [.., frames, bins, 2] with (length - frame) / step + 1 frames and frame / 2 + 1 bins, or
  ///   `frame` bins when not one-sided.
  /// - Parameters:
  ///   - frame: samples of one transform.
  ///   - window: [frame] factors; none when absent.
  /// - Throws: `shape`, `argument`, `dtype`.
  public func stft(frame: Int, step: Int, window: Tensor? = nil, onesided: Bool = true) throws -> Tensor {
    guard rank >= 1, dtype.isFloating else { throw PareError(.shape, "[stft] input \(shape) \(dtype)", expected: "floats [.., length]", op: "stft") }
    try Tensor.checkFrame("stft", frame, window, dtype)
    var frames = try windows(axis: rank - 1, size: frame, step: step)
    if let window { frames = try frames * window }
    return try frames.unsqueezed(-1).dft(onesided: onesided)
  }

  /// The signal of a one-sided short-time Fourier transform: overlapping frames, each times the window, added and divided
  /// by the sum of the squared windows (Griffin and Lim 1984). Where no window reaches, the signal is 0.
  ///
  /// - Shapes: [.., frames, frame / 2 + 1, 2] to [.., (frames - 1) * step + frame].
  public func istft(frame: Int, step: Int, window: Tensor? = nil) throws -> Tensor {
    guard rank >= 3, shape.dims[rank - 1] == 2, shape.dims[rank - 2] == frame / 2 + 1, shape.dims[rank - 3] >= 1 else {
      throw PareError(.shape, "[istft] input \(shape)", expected: "[.., frames, \(frame / 2 + 1), 2]", op: "istft")
    }
    try Tensor.checkFrame("istft", frame, window, dtype)
    let w = try window ?? Tensor.ones(Shape([frame]), dtype)
    let frames = shape.dims[rank - 3]
    let (steps, overflow) = (frames - 1).multipliedReportingOverflow(by: step)
    guard step >= 1, !overflow, steps < 1 << 40 else { throw PareError(.argument, "[istft] step \(step)", argument: "step", expected: "from 1", op: "istft") }
    let length = steps + frame
    let signal = try (irfft(length: frame) * w).overlapAdded(axis: rank - 3, length: length, step: step)
    let weight = try w.square().unsqueezed(0).expanded(to: Shape([frames, frame])).overlapAdded(axis: 0, length: length, step: step)
    let reached = try weight.detached().gt(1e-11)
    return try Tensor.where(reached, signal / Tensor.where(reached, weight, Tensor.scalar(1, dtype)), Tensor.scalar(0, dtype))
  }

  private static func checkFrame(_ op: String, _ frame: Int, _ window: Tensor?, _ dtype: DType) throws {
    guard frame >= 1, window.map({ $0.rank == 1 && $0.count == frame && $0.dtype == dtype }) ?? true else {
      throw PareError(
        .shape, "[\(op)] frame \(frame)\(window.map { ", window \($0.shape) \($0.dtype)" } ?? "")",
        expected: "from 1, and a window [\(Swift.max(frame, 1))] \(dtype)", op: op)
    }
  }
}

/// Windows of a short-time transform: sums of cosines.
public enum WindowFunction: String, Sendable, CaseIterable {
  case hann, hamming, blackman, rectangular

  private var coefficients: [Double] {
    switch self {
    case .hann: [0.5, 0.5]
    // ONNX's digits; PyTorch has 0.54 and 0.46.
    case .hamming: [25.0 / 46, 21.0 / 46]
    case .blackman: [0.42, 0.5, 0.08]
    case .rectangular: [1]
    }
  }

  /// The factors of `size` samples.
  /// - Parameter periodic: one period of a longer signal (for spectra); else symmetric (for filters).
  public func callAsFunction(_ size: Int, periodic: Bool = true, dtype: DType = .f32) throws -> Tensor {
    guard size >= 0 else { throw PareError(.argument, "[\(rawValue)] a window of \(size)", argument: "size", expected: "from 0", op: rawValue) }
    let period = Double(max(1, periodic ? size : size - 1))
    let shape = try Shape([size])
    let values = (0..<size).map { i in
      coefficients.enumerated().reduce(0.0) { sum, term in
        sum + (term.offset % 2 == 0 ? 1 : -1) * term.element * Glibc.cos(2 * .pi * Double(term.offset * i) / period)
      }
    }
    return try Tensor(values, shape: shape).converted(to: dtype)
  }
}
