import Glibc
import Support

/// Taking and placing elements by tensors of positions. Positions are i64 (or i32) from 0; negative ones count from the
/// end. Gradients flow into the tensor and what is placed in it, never into positions.
extension Tensor {
  /// What happens where an element is placed on another.
  public enum ScatterReduction: String, Sendable, CaseIterable {
    /// It replaces it; of several for one place the last stays and alone gets a gradient.
    case none
    case add, mul
    /// The larger or smaller stays; equal ones share the gradient.
    case max, min
  }

  /// Takes one element per position of `indices` along one axis (ONNX GatherElements, NumPy's take_along_axis):
  /// result[.., j, ..] = x[.., indices[.., j, ..], ..].
  ///
  /// - Shapes: `indices` has the rank of x and no larger sizes but along the axis; the result has its shape.
  /// - Throws: `argument` naming the first index outside the axis.
  public func gatherElements(axis: Int, indices: Tensor) throws -> Tensor {
    let flat = try elementPositions("gatherElements", axis, indices)
    return try reshaped(Shape([count])).gather(axis: 0, indices: flat)
  }

  /// Places one element of `values` per position of `indices` along one axis (ONNX ScatterElements, PyTorch scatter):
  /// result[.., indices[.., j, ..], ..] = values[.., j, ..].
  ///
  /// - Shapes: `values` as `indices`; `indices` as in `gatherElements`.
  /// - Throws: `argument` naming the first index outside the axis, `shape`, `dtype`.
  public func scatterElements(
    axis: Int, indices: Tensor, values: Tensor, reduction: ScatterReduction = .none
  ) throws -> Tensor {
    let flat = try elementPositions("scatterElements", axis, indices)
    try checkValues("scatterElements", values, indices.shape)
    return try scattered(flat, values, Shape([count, 1]), reduction)
  }

  /// Takes sub-tensors at the positions that the last axis of `indices` holds (ONNX GatherND).
  ///
  /// - Shapes: x [b.., n.., r..], indices [b.., i.., k] with k numbers for the k axes n after `batchAxes` axes b;
  ///   result [b.., i.., r..].
  public func gatherND(indices: Tensor, batchAxes: Int = 0) throws -> Tensor {
    let (flat, rest) = try blockPositions("gatherND", indices, batchAxes)
    let blocks = rest.isEmpty ? count : shape.dimensions.dropLast(rest.count).reduce(1, *)
    let inner = Shape(unchecked: rest).count
    let taken = try reshaped(Shape([blocks, inner])).gather(axis: 0, indices: flat)
    return try taken.reshaped(Shape(indices.shape.dimensions.dropLast() + rest))
  }

  /// Places sub-tensors of `values` at the positions that the last axis of `indices` holds (ONNX ScatterND).
  ///
  /// - Shapes: x [n.., r..], indices [i.., k] with k numbers for the k axes n, values [i.., r..].
  public func scatterND(indices: Tensor, values: Tensor, reduction: ScatterReduction = .none) throws -> Tensor {
    let (flat, rest) = try blockPositions("scatterND", indices, 0)
    try checkValues("scatterND", values, Shape(indices.shape.dimensions.dropLast() + rest))
    let inner = Shape(unchecked: rest).count
    let blocks = Shape(unchecked: shape.dimensions.dropLast(rest.count)).count
    return try scattered(flat, values, Shape([blocks, inner]), reduction)
  }

  /// Takes elements by their position in row-major order (PyTorch take): the result has the shape of `indices`.
  public func take(_ indices: Tensor) throws -> Tensor {
    try reshaped(Shape([count])).gather(axis: 0, indices: indices)
  }

  /// The elements where `mask` (bool, broadcast to this tensor) is true, in row-major order, as one axis.
  public func maskedSelect(_ mask: Tensor) throws -> Tensor {
    let mask = try checkedMask("maskedSelect", mask)
    let flat = try mask.expanded(to: shape).contiguous().reshaped(Shape([count])).nonzeroIndices()
    return try take(flat.reshaped(Shape([flat.count])))
  }

  /// `value` where `mask` (bool, broadcast to this tensor) is true, this tensor elsewhere.
  public func maskedFill(_ mask: Tensor, _ value: Double) throws -> Tensor {
    try Tensor.where(checkedMask("maskedFill", mask), held(value, "maskedFill"), self)
  }

  private func checkedMask(_ op: String, _ mask: Tensor) throws -> Tensor {
    guard mask.dtype == .bool else {
      throw PareError(.dtype, "[\(op)] the mask is \(mask.dtype)", argument: "mask", expected: "bool", op: op)
    }
    guard try Shape.broadcast(shape, mask.shape, op) == shape else {
      throw PareError(.shape, "[\(op)] the mask \(mask.shape) does not broadcast to shape \(shape)", argument: "mask", op: op)
    }
    return mask.detached()
  }

  /// Looks rows up in a table: weight [n, d..] and indices [i..] to [i.., d..].
  /// - Parameter padding: a row that gets no gradient (PyTorch's padding_idx).
  public func embedding(_ indices: Tensor, padding: Int? = nil) throws -> Tensor {
    guard rank >= 1 else { throw PareError(.shape, "[embedding] the table has no rows", expected: "[n, d..]", op: "embedding") }
    let positions = try indices.positions(below: shape.dims[0], "embedding")
    let rows = try gather(axis: 0, indices: positions)
    guard let padding, rows.isTracked else { return rows }
    let row = try shape.first.map { n -> Int in
      let row = padding < 0 ? padding + n : padding
      guard row >= 0, row < n else {
        throw PareError(
          .argument, "[embedding] row \(padding) of \(n)", argument: "padding", expected: "\(-n)..<\(n)", op: "embedding")
      }
      return row
    } ?? 0
    let still = try positions.eq(Double(row)).reshaped(Shape(indices.shape.dimensions + Array(repeating: 1, count: rank - 1)))
    return try Tensor.where(still, rows.detached(), rows)
  }

  // MARK: Positions

  private func checkValues(_ op: String, _ values: Tensor, _ expected: Shape) throws {
    guard values.shape == expected else {
      throw PareError(.shape, "[\(op)] values of shape \(values.shape)", argument: "values", expected: "\(expected)", op: op)
    }
    guard values.dtype == dtype else {
      throw PareError(.dtype, "[\(op)] values of \(values.dtype) into \(dtype)", argument: "values", expected: "\(dtype)", op: op)
    }
  }

  /// For each position of `indices` that of its element in the row-major order of this tensor.
  private func elementPositions(_ op: String, _ axis: Int, _ indices: Tensor) throws -> Tensor {
    let axis = try shape.axis(axis, op)
    guard indices.rank == rank, (0..<rank).allSatisfy({ $0 == axis || indices.shape.dims[$0] <= shape.dims[$0] }) else {
      throw PareError(
        .shape, "[\(op)] shape \(shape) and indices \(indices.shape)", argument: "indices",
        expected: "as many axes, none longer but axis \(axis)", op: op)
    }
    let positions = try indices.positions(below: shape.dims[axis], op)
    let steps = shape.rowMajor
    let p = positions.pointer(Int64.self)
    let sizes = indices.shape.dims
    var index = Dims(repeating: 0, rank: rank)
    // The position of the index itself, without its part along the axis.
    var base = 0
    for i in 0..<positions.count {
      p[i] = Int64(base) + p[i] * Int64(steps[axis])
      var k = rank - 1
      while k >= 0 {
        index[k] += 1
        if k != axis { base += steps[k] }
        if index[k] < sizes[k] { break }
        if k != axis { base -= steps[k] * sizes[k] }
        index[k] = 0
        k -= 1
      }
    }
    return positions
  }

  /// For each row of `indices` the number of its block, and the sizes of a block.
  private func blockPositions(_ op: String, _ indices: Tensor, _ batchAxes: Int) throws -> (flat: Tensor, rest: [Int]) {
    guard indices.dtype == .i64 || indices.dtype == .i32 else {
      throw PareError(.dtype, "[\(op)] indices of \(indices.dtype)", argument: "indices", expected: "i64", op: op)
    }
    let b = batchAxes
    guard let k = indices.shape.last, b >= 0, b < indices.rank, k <= rank - b, k >= 1,
      (0..<b).allSatisfy({ indices.shape.dims[$0] == shape.dims[$0] })
    else {
      throw PareError(
        .shape, "[\(op)] shape \(shape), indices \(indices.shape), \(b) batch axes", argument: "indices",
        expected: "[b.., i.., k], k from 1 for axes that there are", op: op)
    }
    let plain = try indices.detached().converted(to: .i64).contiguous()
    let rows = plain.count / k
    let flat = try Tensor.empty(Shape([rows]), .i64)
    let (p, q) = (plain.pointer(Int64.self), flat.pointer(Int64.self))
    let batches = Shape(unchecked: shape.dimensions.prefix(b)).count
    for row in 0..<rows {
      var position = b == 0 ? 0 : row / Swift.max(rows / Swift.max(batches, 1), 1)
      for j in 0..<k {
        let (size, given) = (shape.dims[b + j], p[row * k + j])
        let index = given < 0 ? given &+ Int64(size) : given
        guard index >= 0, index < size else {
          throw PareError(
            .argument, "[\(op)] index \(given) at row \(row) lies outside axis \(b + j) of shape \(shape)", argument: "indices",
            expected: "\(-size)..<\(size)", op: op)
        }
        position = position * size + Int(index)
      }
      q[row] = Int64(position)
    }
    return (flat, Array(shape.dimensions.dropFirst(b + k)))
  }

  // MARK: Placing

  /// Returns this tensor, seen as `blocks` [n, inner], with blocks of `values` placed at `positions`.
  private func scattered(_ positions: Tensor, _ values: Tensor, _ blocks: Shape, _ reduction: ScatterReduction) throws -> Tensor {
    let origin = shape
    let at = try positions.reshaped(Shape([positions.count]))
    let rows = try values.reshaped(Shape([at.count, blocks.dims[1]]))
    let x = try reshaped(blocks)
    let result = try x.detached().placed(at, rows.detached(), reduction)
    guard x.records || rows.records else { return try result.reshaped(origin) }
    let (p, q) = (x.detached(), rows.detached())
    let tracked: Tensor
    switch reduction {
    case .none:
      tracked = result.recorded("scatter", x, rows, repeatable: true) { g, pullback in
        let none = try Tensor.zeros(q.shape, g.dtype)
        try pullback.add(0, g.scattered(at, none, blocks, .none))
        let last = try at.winners(blocks.dims[0])
        try pullback.add(1, Tensor.where(last, g.gather(axis: 0, indices: at), Tensor.scalar(0, g.dtype)))
      }
    case .add:
      tracked = result.recorded("scatter", x, rows, repeatable: true) { g, pullback in
        pullback.add(0, g)
        try pullback.add(1, g.gather(axis: 0, indices: at))
      }
    case .mul:
      tracked = result.recorded("scatter", x, rows) { g, pullback in
        let one = try Tensor.ones(blocks, g.dtype)
        try pullback.add(0, g * one.placed(at, q, .mul))
        // The product of all others, those before and those after, so that zeros need no division.
        let before = try p.products(at, q, reverse: false)
        let after = try one.products(at, q, reverse: true)
        try pullback.add(1, g.gather(axis: 0, indices: at) * before * after)
      }
    case .max, .min:
      tracked = result.recorded("scatter", x, rows, repeatable: true) { g, pullback in
        let mine = try p.eq(result).converted(to: g.dtype)
        let theirs = try q.eq(result.gather(axis: 0, indices: at)).converted(to: g.dtype)
        let share = try g / mine.placed(at, theirs, .add).maximum(1)
        try pullback.add(0, share * mine)
        try pullback.add(1, share.gather(axis: 0, indices: at) * theirs)
      }
    }
    return try tracked.reshaped(origin)
  }

  /// For contiguous positions below `size`: whether each is the last of its value, as bool [m, 1].
  private func winners(_ size: Int) throws -> Tensor {
    var last = [Int](repeating: -1, count: size)
    let p = pointer(Int64.self)
    for i in 0..<count { last[Int(p[i])] = i }
    return try Tensor((0..<count).map { last[Int(p[$0])] == $0 }, shape: Shape([count, 1]))
  }

  private func placed(_ at: Tensor, _ rows: Tensor, _ reduction: ScatterReduction) throws -> Tensor {
    if reduction == .none {
      let result = try laidOut(shape.rowMajor)
      let source = try rows.contiguous()
      let block = shape.dims[1] * dtype.size
      let (p, q, i) = (source.address, result.address, at.pointer(Int64.self))
      for row in 0..<at.count where block > 0 { memcpy(q + Int(i[row]) * block, p + row * block, block) }
      return result
    }
    switch dtype {
    case .f32: return try joined(at, rows, reduction, Float.self)
    case .f64: return try joined(at, rows, reduction, Double.self)
    case .i32: return try joined(at, rows, reduction, Int32.self)
    case .i64: return try joined(at, rows, reduction, Int64.self)
    case .f16, .bf16: return try converted(to: .f32).placed(at, rows.converted(to: .f32), reduction).converted(to: dtype)
    case .i8, .u8, .i16, .u16: return try converted(to: .i32).placed(at, rows.converted(to: .i32), reduction).converted(to: dtype)
    case .bool: throw ReferenceBackend.refusal("scatter \(reduction)", .bool, expected: "a number type")
    }
  }

  private func joined<T: Number>(_ at: Tensor, _ rows: Tensor, _ reduction: ScatterReduction, _: T.Type) throws -> Tensor {
    let result = try laidOut(shape.rowMajor)
    let source = try rows.contiguous()
    let n = shape.dims[1]
    let (p, q, i) = (source.pointer(T.self), result.pointer(T.self), at.pointer(Int64.self))
    @inline(__always) func each(_ join: (T, T) -> T) {
      for row in 0..<at.count {
        let (p, q) = (p + row * n, q + Int(i[row]) * n)
        for k in 0..<n { q[k] = join(q[k], p[k]) }
      }
    }
    switch reduction {
    case .add: each(T.plus)
    case .mul: each(T.times)
    case .max: each(T.larger)
    case .min: each(T.smaller)
    case .none: break
    }
    withExtendedLifetime(source) {}
    return result
  }

  /// The running products at the places of `at` before each row joins them, from the last row on if `reverse`.
  private func products(_ at: Tensor, _ rows: Tensor, reverse: Bool) throws -> Tensor {
    if dtype.isHalf { return try converted(to: .f32).products(at, rows.converted(to: .f32), reverse: reverse).converted(to: dtype) }
    return dtype == .f64 ? try running(at, rows, reverse, Double.self) : try running(at, rows, reverse, Float.self)
  }

  private func running<T: Real>(_ at: Tensor, _ rows: Tensor, _ reverse: Bool, _: T.Type) throws -> Tensor {
    let totals = try laidOut(shape.rowMajor)
    let source = try rows.contiguous()
    let result = try Tensor.empty(source.shape, dtype)
    let n = shape.dims[1]
    let (p, q, r, i) = (source.pointer(T.self), totals.pointer(T.self), result.pointer(T.self), at.pointer(Int64.self))
    for step in 0..<at.count {
      let row = reverse ? at.count - 1 - step : step
      for k in 0..<n {
        let place = Int(i[row]) * n + k
        r[row * n + k] = q[place]
        q[place] *= p[row * n + k]
      }
    }
    withExtendedLifetime((source, totals)) {}
    return result
  }
}
