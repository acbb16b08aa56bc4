import Glibc
import Support
import Tensor

/// Where two tensors differ: shape and dtype first, then the worst element with its index.
///
/// Returns nil when every element satisfies |a - b| <= absolute + relative |b|; NaN equals NaN here.
public func difference(
  _ a: Tensor, _ b: Tensor, absolute: Double = 0, relative: Double = 0, checkingDType: Bool = true
) throws -> String? {
  if a.shape != b.shape { return "shape \(a.shape) instead of \(b.shape)" }
  if checkingDType, a.dtype != b.dtype { return "dtype \(a.dtype) instead of \(b.dtype)" }
  let (x, y) = (try a.scalars(), try b.scalars())
  var worst: (index: Int, excess: Double)?
  for i in x.indices where !(x[i] == y[i] || (x[i].isNaN && y[i].isNaN)) {
    let excess = (x[i] - y[i]).magnitude / (absolute + relative * y[i].magnitude)
    if excess <= 1 { continue }
    let size = excess.isNaN ? .infinity : excess
    if size > worst?.excess ?? 1 || worst == nil { worst = (i, size) }
  }
  guard let worst else { return nil }
  var index: [Int] = []
  var rest = worst.index
  for size in a.shape.reversed() {
    index.insert(rest % size, at: 0)
    rest /= size
  }
  return "element \(index) is \(x[worst.index]) instead of \(y[worst.index])"
}

/// The largest difference between two tensors relative to the largest magnitude in the second.
public func relativeError(_ a: Tensor, _ b: Tensor) throws -> Double {
  if a.shape != b.shape { return .infinity }
  let (x, y) = (try a.scalars(), try b.scalars())
  let scale = y.reduce(0) { max($0, $1.magnitude) }
  let largest = zip(x, y).reduce(0) { max($0, ($1.0 - $1.1).magnitude.isNaN ? .infinity : ($1.0 - $1.1).magnitude) }
  return largest == 0 ? 0 : largest / max(scale, .leastNormalMagnitude)
}

/// Compares the gradients of `f` with central differences in f64; returns what is wrong, or nil.
///
/// The result of `f` is weighted by fixed random numbers, so that the gradients of its elements do not cancel.
/// - Parameters:
///   - inputs: f64 tensors, any layout; each is differentiated.
///   - step: of the differences, relative to max(1, |x|).
public func checkGradients(
  _ inputs: [Tensor], step: Double = 1e-5, tolerance: Double = 1e-6, _ f: ([Tensor]) throws -> Tensor
) throws -> String? {
  let leaves = inputs.map { $0.tracked() }
  let y = try f(leaves)
  guard y.dtype == .f64 else { return "the result is \(y.dtype), not f64" }
  let weight = try Tensor.rand(y.shape, low: 0.5, high: 1.5, seed: 77, dtype: .f64)
  guard y.isTracked else { return "the result is not tracked" }
  let gradients = try y.backward(seed: weight)
  for (i, leaf) in leaves.enumerated() {
    guard let gradient = gradients[leaf] else { return "input \(i) has no gradient" }
    guard gradient.shape == leaf.shape, gradient.dtype == .f64 else {
      return "the gradient of input \(i) is \(gradient.shape) \(gradient.dtype) instead of \(leaf.shape) f64"
    }
    let values = try leaf.scalars()
    var numeric = values
    for j in values.indices {
      let h = step * max(1, values[j].magnitude)
      func value(_ v: Double) throws -> Double {
        var moved = values
        moved[j] = v
        var arguments = inputs
        // The same layout as the original, or a fast path would go unchecked.
        arguments[i] = try Tensor(moved, shape: leaf.shape).laidOutLike(leaf)
        return try (f(arguments) * weight).sum().item()
      }
      numeric[j] = try (value(values[j] + h) - value(values[j] - h)) / (2 * h)
    }
    let expected = try Tensor(numeric, shape: leaf.shape)
    let scale = max(1, numeric.reduce(0) { max($0, $1.magnitude) })
    if let wrong = try difference(gradient, expected, absolute: tolerance * scale) { return "gradient of input \(i): \(wrong)" }
  }
  return nil
}

extension Tensor {
  /// The same values laid out as another tensor of the same shape, if that one is dense.
  fileprivate func laidOutLike(_ other: Tensor) throws -> Tensor {
    if other.isContiguous { return self }
    if other.isChannelsLast { return try channelsLast() }
    guard other.rank == 2 else { return self }
    return try transposed().contiguous().transposed()
  }
}

/// Calls `body` with a folder that is gone afterwards.
public func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
  let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  var template = Array("\(base)/pare-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw PareError(.io, "no temporary folder under \(base)") }
  let path = template.withUnsafeBufferPointer { buffer in
    buffer.baseAddress.map { String(cString: $0) } ?? ""
  }
  defer { removeFolder(path) }
  return try body(path)
}

private func removeFolder(_ path: String) {
  if let folder = opendir(path) {
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    closedir(folder)
    for name in names { removeFolder("\(path)/\(name)") }
  }
  remove(path)
}

/// The value of an environment variable, nil when it is unset or empty.
public func environment(_ name: String) -> String? {
  guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
  return value
}
