import Support
import Tensor

/// Products of eight-bit integers, collected in i32.
extension Tensor {
  /// Integers less their zero point: one, or one for each position of `axis`. f64, which holds every sum of products of
  /// bytes that i32 can hold.
  func centred(_ zero: Tensor?, axis: Int, _ node: Node) throws -> Tensor {
    let wide = try converted(to: .f64)
    guard let zero else { return wide }
    let point = try zero.converted(to: .f64)
    if zero.count == 1 { return try wide - point.reshaped([] as Shape) }
    guard zero.rank <= 1 else { return try wide - point }
    let place = axis < 0 ? axis + rank : axis
    guard (0..<rank).contains(place), shape[place] == zero.count else {
      throw node.failure(.shape, "zero point \(zero.shape)", expected: "one, or one for each of \(shape) along axis \(axis)")
    }
    return try wide - point.reshaped((0..<rank).map { $0 == place ? zero.count : 1 })
  }
}
