import Support
import Tensor

/// Returns the axis counted from 0.
///
/// - Throws: `argument` naming the attribute when it lies outside the rank.
func normalized(_ axis: Int, rank: Int, _ node: Node, _ attribute: String = "axis") throws -> Int {
  guard (-rank..<max(rank, 1)).contains(axis) || (rank == 0 && axis == 0) else {
    throw node.failure(.argument, "\(attribute) \(axis)", argument: attribute, expected: "within rank \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}

/// Returns axes counted from 0.
func normalized(_ axes: [Int], rank: Int, _ node: Node) throws -> [Int] {
  let result = try axes.map { try normalized($0, rank: rank, node, "axes") }
  guard Set(result).count == result.count else {
    throw node.failure(.argument, "axes \(axes) name one axis twice", argument: "axes")
  }
  return result
}

/// The integers that are an attribute in older operator sets and an input in newer ones, while types are inferred.
func integers(_ attribute: String, input: Int, _ node: Node, _ inputs: [ValueType?]) throws -> [Int]? {
  if let values = try node.ints(attribute) { return values }
  guard node.has(input) else { return nil }
  guard let known = inputs.optional(input)?.contents else { return nil }
  let values = known.compactMap(\.value)
  return values.count == known.count ? values : nil
}

/// The same at run time.
func integers(_ attribute: String, input: Int, _ node: Node, _ inputs: [Tensor?]) throws -> [Int]? {
  if let values = try node.ints(attribute) { return values }
  return try inputs.optional(input)?.integers()
}

extension Tensor {
  /// The elements as integers.
  func integers() throws -> [Int] { try values(as: Int64.self).map(Int.init) }
}

/// Returns the sum of sizes along an axis that all shapes agree on otherwise; nil sizes stay unknown.
func checkedProduct(_ sizes: [Int], _ node: Node) throws -> Int {
  var product = 1
  for size in sizes {
    let (next, overflow) = product.multipliedReportingOverflow(by: size)
    guard !overflow else { throw node.failure(.shape, "the product of \(sizes) is too large") }
    product = next
  }
  return product
}
