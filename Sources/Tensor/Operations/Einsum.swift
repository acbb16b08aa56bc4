import Support

extension Tensor {
  /// Einstein's sum: multiplies tensors whose axes are named by letters, summing over letters that the result lacks.
  ///
  /// - Parameter equation: as NumPy's and PyTorch's. "ij,jk->ik" is the matrix product; "..." stands for any axes, which
  ///   broadcast; a letter twice in one operand takes its diagonal. Without "->" the result has the axes of "..." and then,
  ///   in alphabetical order, the letters that come once. Spaces do not matter.
  /// - Shapes: one size for each letter, or 1, which broadcasts.
  /// - Dtypes: one for all; integers wrap.
  /// - Throws: `argument` for an equation that cannot be read, naming the place; `shape`, `dtype`.
  ///
  /// Operands are joined pair by pair, the pair with the smallest result first, by batched matrix products; so gradients
  /// are those of the composition.
  public static func einsum(_ equation: String, _ operands: Tensor...) throws -> Tensor {
    try einsum(equation, operands)
  }

  /// Einstein's sum of operands in a list; see `einsum(_:_:)` with operands one by one.
  /// - Throws: `argument` also for an empty list.
  public static func einsum(_ equation: String, _ operands: [Tensor]) throws -> Tensor {
    let plan = try EinsumEquation(equation, operands)
    var terms = try zip(operands, plan.operands).map { try EinsumTerm($0, $1).withoutRepeats(equation) }
    while terms.count > 1 {
      // What a join leaves: everything that the result or another operand still names.
      func kept(_ i: Int, _ j: Int) -> Set<Int> {
        var names = Set(plan.output)
        for (k, term) in terms.enumerated() where k != i && k != j { names.formUnion(term.labels) }
        return names
      }
      var best = (i: 0, j: 1, size: Double.infinity)
      for i in 0..<terms.count {
        for j in (i + 1)..<terms.count {
          let names = kept(i, j)
          let size = Set(terms[i].labels + terms[j].labels).filter(names.contains)
            .reduce(1.0) { $0 * Double(plan.sizes[$1] ?? 1) }
          if size < best.size { best = (i, j, size) }
        }
      }
      let joined = try terms[best.i].joined(terms[best.j], keeping: kept(best.i, best.j), plan.sizes)
      terms[best.i] = joined
      terms.remove(at: best.j)
    }
    return try terms[0].arranged(plan.output)
  }
}

/// An equation read: axes as numbers, letters from 0, the axes of "..." from -1 downwards as they count from the end.
private struct EinsumEquation {
  let operands: [[Int]]
  let output: [Int]
  private(set) var sizes: [Int: Int] = [:]

  init(_ equation: String, _ tensors: [Tensor]) throws {
    func wrong(_ why: String) -> PareError {
      PareError(
        .argument, "[einsum] \"\(equation)\": \(why)", argument: "equation", expected: "letters such as \"ij,jk->ik\"", op: "einsum")
    }
    guard let first = tensors.first else { throw wrong("there are no operands") }
    for (i, t) in tensors.enumerated() where t.dtype != first.dtype {
      throw PareError(.dtype, "[einsum] operands 1 and \(i + 1) are \(first.dtype) and \(t.dtype)", expected: "one dtype", op: "einsum")
    }
    guard first.dtype != .bool else { throw ReferenceBackend.refusal("einsum", .bool, expected: "a number type") }
    let text = Array(equation.unicodeScalars.filter { $0 != " " })
    guard text.count < 4096 else { throw wrong("it is too long") }
    // Two characters make the arrow.
    var sides: [[Unicode.Scalar]] = [[]]
    var at = 0
    while at < text.count {
      if text[at] == "-" {
        guard at + 1 < text.count, text[at + 1] == ">", sides.count == 1 else { throw wrong("'-' without '>', or a second arrow") }
        sides.append([])
        at += 2
      } else {
        sides[sides.count - 1].append(text[at])
        at += 1
      }
    }
    let parts = sides[0].split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == tensors.count else { throw wrong("\(parts.count) operands are named, \(tensors.count) given") }

    /// Letters as numbers, nil for "...".
    func names(_ part: some Sequence<Unicode.Scalar>) throws -> [Int?] {
      var result: [Int?] = []
      var dots = 0
      for scalar in part {
        if scalar == "." {
          dots += 1
          if dots == 3 { result.append(nil) }
          continue
        }
        guard dots == 0 || dots == 3 else { throw wrong("'.' comes as \"...\"") }
        guard (65...90).contains(scalar.value) || (97...122).contains(scalar.value) else { throw wrong("'\(scalar)' is no letter") }
        result.append(Int(scalar.value))
      }
      guard dots == 0 || dots == 3 else { throw wrong("'.' comes as \"...\", once in an operand") }
      return result
    }

    var operands: [[Int]] = []
    var ellipsis = 0
    var sizes: [Int: Int] = [:]
    for (i, part) in parts.enumerated() {
      let names = try names(part)
      let letters = names.compactMap { $0 }.count
      let shape = tensors[i].shape
      let free = shape.rank - letters
      guard names.count > letters ? free >= 0 : free == 0 else {
        throw PareError(
          .shape, "[einsum] \"\(equation)\" names \(letters) axes of operand \(i + 1), which has shape \(shape)", argument: "equation",
          expected: "one letter for each axis, or \"...\"", op: "einsum")
      }
      let labels = names.flatMap { $0.map { [$0] } ?? (0..<free).map { $0 - free } }
      if names.count > letters { ellipsis = max(ellipsis, free) }
      for (axis, label) in labels.enumerated() {
        let (known, size) = (sizes[label] ?? 1, shape.dims[axis])
        guard known == size || known == 1 || size == 1 else {
          let name = label < 0 ? "..." : Unicode.Scalar(UInt8(label)).description
          throw PareError(
            .shape, "[einsum] \"\(equation)\": '\(name)' has sizes \(known) and \(size)", expected: "one size, or 1", op: "einsum")
        }
        sizes[label] = known == 1 ? size : known
      }
      operands.append(labels)
    }

    let all = operands.flatMap { $0 }
    let broadcast = (0..<ellipsis).map { $0 - ellipsis }
    if sides.count == 2 {
      let names = try names(sides[1])
      output = names.flatMap { $0.map { [$0] } ?? broadcast }
      for label in names.compactMap({ $0 }) {
        let letter = Unicode.Scalar(UInt8(label))
        guard all.contains(label) else { throw wrong("'\(letter)' of the result is in no operand") }
        guard names.filter({ $0 == label }).count == 1 else { throw wrong("'\(letter)' comes twice in the result") }
      }
    } else {
      let once = Set(all.filter { $0 >= 0 }).filter { label in all.filter { $0 == label }.count == 1 }
      output = broadcast + once.sorted()
    }
    self.operands = operands
    self.sizes = sizes
  }
}

/// An operand on its way: a tensor and the name of each axis.
private struct EinsumTerm {
  var tensor: Tensor
  var labels: [Int]

  init(_ tensor: Tensor, _ labels: [Int]) { (self.tensor, self.labels) = (tensor, labels) }

  /// Axes of one name become their diagonal.
  func withoutRepeats(_ equation: String) throws -> EinsumTerm {
    var term = self
    while let second = term.labels.indices.first(where: { term.labels[..<$0].contains(term.labels[$0]) }),
      let first = term.labels.firstIndex(of: term.labels[second])
    {
      guard term.tensor.shape.dims[first] == term.tensor.shape.dims[second] else {
        throw PareError(
          .shape, "[einsum] \"\(equation)\": a diagonal of axes of sizes \(term.tensor.shape.dims[first]) and \(term.tensor.shape.dims[second])",
          expected: "one size", op: "einsum")
      }
      let label = term.labels[first]
      term.tensor = try term.tensor.diagonal(first, second)
      term.labels.remove(at: second)
      term.labels.remove(at: first)
      term.labels.append(label)
    }
    return term
  }

  /// Sums over the axes whose names are not in `names`.
  private func summed(keeping names: (Int) -> Bool) throws -> EinsumTerm {
    let axes = labels.indices.filter { !names(labels[$0]) }
    guard !axes.isEmpty else { return self }
    // Integers are summed as i64, which converted back is the wrapped sum.
    return EinsumTerm(try tensor.sum(axes: axes).converted(to: tensor.dtype), labels.filter(names))
  }

  /// Returns the axes in the order of `names`, absent ones with size 1.
  private func aligned(_ names: [Int]) throws -> Tensor {
    let present = names.filter(labels.contains)
    let moved = try tensor.permuted(present.compactMap(labels.firstIndex(of:)))
    var next = 0
    return try moved.reshaped(
      Shape(names.map { name in
        guard labels.contains(name) else { return 1 }
        defer { next += 1 }
        return moved.shape.dims[next]
      }))
  }

  /// The product with another term, summed over the names that are not in `names`.
  func joined(_ other: EinsumTerm, keeping names: Set<Int>, _ sizes: [Int: Int]) throws -> EinsumTerm {
    let a = try summed { names.contains($0) || other.labels.contains($0) }
    let b = try other.summed { names.contains($0) || a.labels.contains($0) }
    let shared = a.labels.filter(b.labels.contains)
    let (batch, contracted) = (shared.filter(names.contains), shared.filter { !names.contains($0) })
    let (left, right) = (a.labels.filter { !shared.contains($0) }, b.labels.filter { !shared.contains($0) })
    let result = batch + left + right
    // Without a sum, or with nothing but sums along many batches, a matrix product would be a loop of single numbers.
    if contracted.isEmpty || (left.isEmpty && right.isEmpty && !batch.isEmpty) {
      let product = try a.aligned(result + contracted) * b.aligned(result + contracted)
      return try EinsumTerm(product, result + contracted).summed(keeping: names.contains)
    }
    func size(_ names: [Int]) throws -> Int { try Shape(names.map { sizes[$0] ?? 1 }).count }
    func matrices(_ term: EinsumTerm, _ order: [[Int]]) throws -> Tensor {
      let flat = order.flatMap { $0 }
      // Shared axes of size 1 are repeated to their full size.
      let full = try Shape(flat.map { name in sizes[name] ?? 1 })
      return try term.aligned(flat).expanded(to: full).reshaped(Shape(order.map(size)))
    }
    let product = try matrices(a, [batch, left, contracted]).matmul(matrices(b, [batch, contracted, right]))
    return EinsumTerm(try product.reshaped(Shape(result.map { sizes[$0] ?? 1 })), result)
  }

  /// The result: exactly `names`, in that order.
  func arranged(_ names: [Int]) throws -> Tensor {
    let term = try summed(keeping: names.contains)
    return try term.tensor.permuted(names.compactMap(term.labels.firstIndex(of:)))
  }
}

/// Products of vectors and matrices by name.
extension Tensor {
  /// The sum of the products of two vectors.
  public func dot(_ other: Tensor) throws -> Tensor {
    guard rank == 1, other.rank == 1 else {
      throw PareError(.shape, "[dot] shapes \(shape) and \(other.shape)", expected: "two vectors", op: "dot")
    }
    return try matmul(other)
  }

  /// All products of two vectors: [m] and [n] to [m, n].
  public func outer(_ other: Tensor) throws -> Tensor {
    guard rank == 1, other.rank == 1 else {
      throw PareError(.shape, "[outer] shapes \(shape) and \(other.shape)", expected: "two vectors", op: "outer")
    }
    return try unsqueezed(1) * other.unsqueezed(0)
  }

  /// The Kronecker product: each element replaced by itself times `other`; sizes multiply axis by axis.
  public func kron(_ other: Tensor) throws -> Tensor {
    let n = Swift.max(rank, other.rank)
    func sizes(_ t: Tensor) -> [Int] { Array(repeating: 1, count: n - t.rank) + t.shape.dimensions }
    let (p, q) = (sizes(self), sizes(other))
    let a = try reshaped(Shape(p.flatMap { [$0, 1] })), b = try other.reshaped(Shape(q.flatMap { [1, $0] }))
    return try (a * b).reshaped(Shape(zip(p, q).map { $0 * $1 }))
  }
}
