import Support

/// Where k-means begins.
public enum KMeansStart: String, Sendable, CaseIterable {
  /// Points chosen one after another, each with a probability that grows with its squared distance from those before
  /// (Arthur and Vassilvitskii 2007, k-means++).
  case plusPlus = "k-means++"
  /// Evenly spaced from the smallest to the largest coordinate (Han et al. 2016, Deep Compression, section 3.2).
  case linear
  /// Evenly spaced quantiles of each coordinate: density-based in Han et al. 2016.
  case density
  /// Different points, chosen at random (Forgy).
  case random
}

/// What k-means found.
public struct KMeansResult: Sendable {
  /// `[k]` or `[k, d]`, f32; of one coordinate ascending.
  public let centroids: Tensor
  /// The nearest centroid of each point, i64 `[n]`; the first of equally near ones.
  public let assignment: Tensor
  /// The sum of squared distances from the nearest centroids.
  public let inertia: Double
  /// Rounds of assignment and averaging.
  public let iterations: Int
}

extension Tensor {
  /// Groups points around `k` centroids that minimize the sum of squared distances, by Lloyd's algorithm (Lloyd 1982).
  ///
  /// It lives among the tensor operations because weights are clustered where no model is at hand. Points of one
  /// coordinate are sorted once: each round then only finds, by bisection, where the sorted points change their centroid,
  /// and means come from running sums, so that assignments are exact. A group that loses all its points keeps its centroid.
  /// The result is a function of points and seed, not of the number of threads. A backward pass through it throws.
  /// - Shapes: self `[n]` or `[n, d]` of floats, computed as f32, sums in f64.
  /// - Parameters:
  ///   - k: from 1 to n.
  ///   - iterations: the most rounds; it ends before when no point moves.
  /// - Throws: `shape`, `dtype`, `argument` for k or elements that are NaN or infinite.
  public func kMeans(_ k: Int, start: KMeansStart = .plusPlus, iterations: Int = 100, seed: UInt64 = 0) throws -> KMeansResult {
    guard rank == 1 || rank == 2 else {
      throw PareError(.shape, "[kMeans] shape \(shape)", expected: "points [n] or [n, d]", op: "kMeans")
    }
    guard dtype.isFloating else { throw PareError(.dtype, "[kMeans] points of \(dtype)", expected: "floats", op: "kMeans") }
    guard k >= 1, k <= shape.dims[0] else {
      throw PareError(.argument, "[kMeans] \(k) centroids of \(shape.dims[0]) points", argument: "k", expected: "1...\(shape.dims[0])", op: "kMeans")
    }
    guard iterations >= 0 else {
      throw PareError(.argument, "[kMeans] \(iterations) iterations", argument: "iterations", expected: "a number from 0", op: "kMeans")
    }
    let points = try detached().converted(to: .f32).contiguous()
    try points.checkFinite("kMeans")
    let found = try rank == 1 || shape.dims[1] == 1
      ? points.kMeansOfLine(k, start, iterations, seed) : points.kMeansOfSpace(k, start, iterations, seed)
    return KMeansResult(
      centroids: found.centroids.refusing("kMeans", self), assignment: found.assignment, inertia: found.inertia,
      iterations: found.iterations)
  }

  // MARK: One coordinate

  private func kMeansOfLine(_ k: Int, _ start: KMeansStart, _ iterations: Int, _ seed: UInt64) throws -> KMeansResult {
    let n = shape.dims[0]
    let flat = try reshaped(Shape([n])).contiguous()
    let ordered = try flat.sorted()
    let x = ordered.pointer(Float.self)
    // Sums of the first i points and of their squares.
    let running = try Tensor.empty(Shape([2, n + 1]), .f64)
    let sums = running.pointer(Double.self), squares = running.pointer(Double.self) + n + 1
    (sums[0], squares[0]) = (0, 0)
    for i in 0..<n {
      let v = Double(x[i])
      (sums[i + 1], squares[i + 1]) = (sums[i] + v, squares[i] + v * v)
    }
    var random = RandomSource(seed: seed, stream: 0)
    var centroids: [Double]
    switch start {
    case .linear:
      let (low, high) = (Double(x[0]), Double(x[n - 1]))
      centroids = (0..<k).map { k == 1 ? (low + high) / 2 : low + (high - low) * Double($0) / Double(k - 1) }
    case .density: centroids = (0..<k).map { Double(x[Swift.min(n - 1, (2 * $0 + 1) * n / (2 * k))]) }
    case .random: centroids = try Tensor.permutation(n, seed: seed).values(as: Int.self).prefix(k).map { Double(x[$0]) }
    case .plusPlus:
      centroids = [Double(x[random.integer(below: n)])]
      while centroids.count < k {
        // Distances, summed over pieces of points with the same nearest centroid, are known from the running sums.
        let sorted = centroids.sorted()
        let ends = Tensor.boundaries(sorted, x, n)
        func weight(_ c: Double, _ a: Int, _ b: Int) -> Double {
          Swift.max(0, squares[b] - squares[a] - 2 * c * (sums[b] - sums[a]) + c * c * Double(b - a))
        }
        var pieces: [Double] = []
        for (j, c) in sorted.enumerated() { pieces.append(weight(c, j == 0 ? 0 : ends[j - 1], ends[j])) }
        var left = random.uniform() * pieces.reduce(0, +)
        var j = 0
        while j + 1 < pieces.count, left >= pieces[j] {
          left -= pieces[j]
          j += 1
        }
        // The first point up to which the piece weighs as much.
        var (a, b) = (j == 0 ? 0 : ends[j - 1], Swift.max(ends[j] - 1, j == 0 ? 0 : ends[j - 1]))
        let first = a
        while a < b {
          let middle = (a + b) / 2
          if weight(sorted[j], first, middle + 1) > left { b = middle } else { a = middle + 1 }
        }
        centroids.append(Double(x[Swift.min(a, n - 1)]))
      }
    }
    centroids.sort()
    var rounds = 0
    var ends = Tensor.boundaries(centroids, x, n)
    while rounds < iterations {
      try Interrupt.check()
      rounds += 1
      for j in 0..<k {
        let begin = j == 0 ? 0 : ends[j - 1]
        if ends[j] > begin { centroids[j] = (sums[ends[j]] - sums[begin]) / Double(ends[j] - begin) }
      }
      centroids.sort()
      let next = Tensor.boundaries(centroids, x, n)
      if next == ends { break }
      ends = next
    }
    // What is handed out is f32, and so is what points are compared with.
    let table = centroids.map { Float($0) }
    let assignment = try Tensor.empty(Shape([n]), .i64)
    let p = flat.pointer(Float.self), target = assignment.pointer(Int64.self)
    let middles = (1..<Swift.max(k, 1)).map { (Double(table[$0 - 1]) + Double(table[$0])) / 2 }
    let (grain, chunks) = (65536, (n + 65535) / 65536)
    var partial = [Double](repeating: 0, count: chunks)
    try partial.withUnsafeMutableBufferPointer { partial in
      nonisolated(unsafe) let partial = partial
      try middles.withUnsafeBufferPointer { middles in
        nonisolated(unsafe) let middles = middles
        try table.withUnsafeBufferPointer { table in
          nonisolated(unsafe) let table = table
          try Compute.parallel(chunks, grain: 1) { part in
            for chunk in part {
              var sum = 0.0
              for i in chunk * grain..<Swift.min(n, (chunk + 1) * grain) {
                let v = Double(p[i])
                // Bisection without branches: how many middles lie below.
                var (base, length) = (0, middles.count)
                while length > 0 {
                  let half = (length + 1) / 2
                  base += middles[base + half - 1] < v ? half : 0
                  length -= half
                }
                target[i] = Int64(base)
                let d = v - Double(table[base])
                sum += d * d
              }
              partial[chunk] = sum
            }
          }
        }
      }
    }
    withExtendedLifetime((flat, ordered, running)) {}
    let result = try Tensor(table)
    return KMeansResult(
      centroids: rank == 1 ? result : try result.reshaped(Shape([k, 1])), assignment: assignment,
      inertia: partial.reduce(0, +), iterations: rounds)
  }

  /// Where in ascending points each of ascending centroids ends to be the nearest, the first of equally near ones.
  private static func boundaries(_ centroids: [Double], _ x: UnsafePointer<Float>, _ n: Int) -> [Int] {
    var ends: [Int] = []
    for j in centroids.indices.dropLast() {
      let middle = (centroids[j] + centroids[j + 1]) / 2
      var (a, b) = (ends.last ?? 0, n)
      while a < b {
        let half = (a + b) / 2
        if Double(x[half]) <= middle { a = half + 1 } else { b = half }
      }
      ends.append(a)
    }
    return ends + [n]
  }

  // MARK: Several coordinates

  private func kMeansOfSpace(_ k: Int, _ start: KMeansStart, _ iterations: Int, _ seed: UInt64) throws -> KMeansResult {
    var centroids = try startsOfSpace(k, start, seed)
    var assignment = try nearest(centroids)
    var rounds = 0
    while rounds < iterations {
      try Interrupt.check()
      rounds += 1
      centroids = try means(assignment.index, centroids)
      let next = try nearest(centroids)
      let isSettled = next.index == assignment.index
      assignment = next
      if isSettled { break }
    }
    let index = try Tensor(assignment.index.map { Int64($0) })
    return KMeansResult(
      centroids: centroids, assignment: index, inertia: assignment.distance.reduce(0) { $0 + Double($1) }, iterations: rounds)
  }

  private func startsOfSpace(_ k: Int, _ start: KMeansStart, _ seed: UInt64) throws -> Tensor {
    let n = shape.dims[0]
    switch start {
    case .random:
      return try gather(axis: 0, indices: Tensor.permutation(n, seed: seed).narrowed(axis: 0, start: 0, length: k))
    case .linear:
      let (low, high) = (try min(axes: [0]), try max(axes: [0]))
      let rows = try (0..<k).map { try low + (high - low) * (k == 1 ? 0.5 : Double($0) / Double(k - 1)) }
      return try Tensor.stack(rows, axis: 0)
    case .density:
      return try sorted(axis: 0).gather(axis: 0, indices: Tensor((0..<k).map { Swift.min(n - 1, (2 * $0 + 1) * n / (2 * k)) }))
    case .plusPlus:
      var random = RandomSource(seed: seed, stream: 0)
      var chosen = [random.integer(below: n)]
      var least = [Float](repeating: .infinity, count: n)
      while chosen.count < k {
        let last = try narrowed(axis: 0, start: chosen[chosen.count - 1], length: 1)
        let distance = try nearest(last).distance
        var total = 0.0
        for i in 0..<n {
          least[i] = Swift.min(least[i], distance[i])
          total += Double(least[i])
        }
        var left = random.uniform() * total
        var next = n - 1
        for i in 0..<n {
          left -= Double(least[i])
          if left < 0 {
            next = i
            break
          }
        }
        chosen.append(next)
      }
      return try gather(axis: 0, indices: Tensor(chosen))
    }
  }

  /// The nearest of `centroids` and the squared distance from it, summed over coordinates in their order.
  private func nearest(_ centroids: Tensor) throws -> (index: [Int32], distance: [Float]) {
    let (n, d, k) = (shape.dims[0], shape.dims[1], centroids.shape.dims[0])
    // Centroids innermost, so that one point meets them all at once.
    let columns = try centroids.transposed().contiguous()
    var index = [Int32](repeating: 0, count: n), distance = [Float](repeating: 0, count: n)
    let (p, c) = (pointer(Float.self), columns.pointer(Float.self))
    try index.withUnsafeMutableBufferPointer { index in
      nonisolated(unsafe) let index = index
      try distance.withUnsafeMutableBufferPointer { distance in
        nonisolated(unsafe) let distance = distance
        try Compute.parallel(n, grain: Swift.max(1, 32768 / Swift.max(1, d * k))) { part in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: k) { sums in
            for i in part {
              for j in 0..<k { sums[j] = 0 }
              for a in 0..<d {
                let v = p[i * d + a], row = c + a * k
                for j in 0..<k {
                  let difference = v - row[j]
                  sums[j] += difference * difference
                }
              }
              var best = 0
              for j in 1..<Swift.max(k, 1) where sums[j] < sums[best] { best = j }
              index[i] = Int32(best)
              distance[i] = sums[best]
            }
          }
        }
      }
    }
    withExtendedLifetime(columns) {}
    return (index, distance)
  }

  private func means(_ assignment: [Int32], _ centroids: Tensor) throws -> Tensor {
    let (n, d, k) = (shape.dims[0], shape.dims[1], centroids.shape.dims[0])
    var sums = [Double](repeating: 0, count: k * d), counts = [Int](repeating: 0, count: k)
    let p = pointer(Float.self)
    for i in 0..<n {
      let j = Int(assignment[i])
      counts[j] += 1
      for a in 0..<d { sums[j * d + a] += Double(p[i * d + a]) }
    }
    let result = try centroids.scratch()
    let target = result.pointer(Float.self)
    for j in 0..<k where counts[j] > 0 {
      for a in 0..<d { target[j * d + a] = Float(sums[j * d + a] / Double(counts[j])) }
    }
    return result
  }
}
