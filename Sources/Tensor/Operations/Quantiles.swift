import CKernels
import Glibc
import Support

extension Tensor {
  /// The value below which the fraction `q` of all elements lies, linear between neighbours (NumPy's default).
  /// - Throws: `argument` unless 0 <= q <= 1, `shape` if there is no element. NaN if one element is NaN.
  public func quantile(_ q: Double) throws -> Tensor { try quantile([q]).squeezed(0) }

  /// Several quantiles of all elements: `[q.count]`, of the dtype, f64 for integers. The gradient goes to the neighbours of
  /// each, in the shares in which they were mixed.
  public func quantile(_ q: [Double]) throws -> Tensor {
    for value in q where !(value >= 0 && value <= 1) {
      throw PareError(.argument, "[quantile] \(value)", argument: "q", expected: "0...1", op: "quantile")
    }
    guard count > 0 else { throw PareError(.shape, "[quantile] shape \(shape) has no elements", op: "quantile") }
    if records { return try reshaped(Shape([count])).quantile(q, axis: 0) }
    let places = q.map { Tensor.place($0, count) }
    let ranks = Set(places.flatMap { [$0.low, Swift.min($0.low + 1, count - 1)] }).sorted()
    let (elements, hasNaN) = try elements(ranks: ranks)
    let values = Dictionary(uniqueKeysWithValues: zip(ranks, elements))
    let result: [Double] = places.map { place in
      guard !hasNaN, let a = values[place.low], let b = values[Swift.min(place.low + 1, count - 1)] else { return .nan }
      // Equal infinities have no difference.
      return a == b || place.fraction == 0 ? a : a + (b - a) * place.fraction
    }
    return try Tensor(result).converted(to: dtype.isFloating ? dtype : .f64)
  }

  /// Several quantiles along an axis, which becomes the first, of size q.count.
  public func quantile(_ q: [Double], axis: Int) throws -> Tensor {
    let axis = try shape.axis(axis, "quantile")
    let n = shape.dims[axis]
    for value in q where !(value >= 0 && value <= 1) {
      throw PareError(.argument, "[quantile] \(value)", argument: "q", expected: "0...1", op: "quantile")
    }
    guard n > 0 else { throw PareError(.shape, "[quantile] axis \(axis) of shape \(shape) has no elements", op: "quantile") }
    let kind: DType = dtype.isFloating ? dtype : .f64
    let ordered = try sorted(axis: axis).converted(to: .f64)
    let last = try ordered.select(axis: axis, index: n - 1)
    let rows = try q.map { value in
      let place = Tensor.place(value, n)
      let a = try ordered.select(axis: axis, index: place.low)
      let b = try ordered.select(axis: axis, index: Swift.min(place.low + 1, n - 1))
      let between = place.fraction == 0 ? a : try Tensor.where(a.eq(b).and(a.isFinite().not()), a, a + (b - a) * place.fraction)
      return try Tensor.where(last.isNaN(), last, between)
    }
    guard !rows.isEmpty else { return try Tensor.zeros(Shape([0] + last.shape.dimensions), kind) }
    return try Tensor.stack(rows, axis: 0).converted(to: kind)
  }

  /// The k-th smallest element along an axis, counted from 1, and its position, i64; of equal ones the one that a stable
  /// sort puts there. NaN comes last. The axis is gone.
  /// - Throws: `argument` unless 1 <= k <= size of the axis.
  public func kthValue(_ k: Int, axis: Int = -1) throws -> (value: Tensor, index: Tensor) {
    let position = try shape.axis(axis, "kthValue")
    guard k >= 1, k <= shape.dims[position] else {
      throw PareError(
        .argument, "[kthValue] element \(k) of axis \(axis) of shape \(shape)", argument: "k",
        expected: "1...\(shape.dims[position])", op: "kthValue")
    }
    let (values, indices) = try topk(k, axis: position, largest: false)
    return (try values.select(axis: position, index: k - 1), try indices.select(axis: position, index: k - 1))
  }

  private static func place(_ q: Double, _ n: Int) -> (low: Int, fraction: Double) {
    let position = q * Double(n - 1)
    let low = position.rounded(.down)
    return (Int(low), position - low)
  }

  /// The elements of ascending order at ascending 0-based ranks, NaN last, and whether there is a NaN among all.
  private func elements(ranks: [Int]) throws -> (values: [Double], hasNaN: Bool) {
    let plain = try detached().contiguous()
    guard SortKey(dtype, shape) != nil else {
      let ordered = try plain.reshaped(Shape([count])).sorted().scalars()
      return (ranks.map { ordered[$0] }, ordered[count - 1].isNaN)
    }
    let keys = try plain.converted(to: .f32)
    Compute.prepareLibraries()
    var found: [Double] = []
    var hasNaN: Int32 = 0
    for first in stride(from: 0, to: ranks.count, by: Int(PARE_SELECT_RANKS)) {
      let some = ranks[first..<Swift.min(first + Int(PARE_SELECT_RANKS), ranks.count)].map { Int64($0) }
      var values = [Float](repeating: 0, count: some.count)
      let done = withExtendedLifetime(keys) {
        pare_select_f32(keys.pointer(Float.self), keys.count, some, Int32(some.count), &values, &hasNaN, Int32(Compute.threads))
      }
      guard done == 1 else { throw PareError(.memory, "[quantile] no memory for histograms", op: "quantile") }
      found += values.map { Double($0) }
    }
    return (found, hasNaN == 1)
  }
}
