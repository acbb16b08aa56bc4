import Support
import Tensor

/// Unsigned integers shifted to the left or right by as many bits as b says.
struct BitShiftOperator: BinaryOperator {
  static let name = "BitShift"

  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    switch try node.string("direction", default: "") {
    case "LEFT": return try a.shiftedLeft(b)
    case "RIGHT": return try a.shiftedRight(b)
    case let other:
      throw node.failure(.argument, "attribute 'direction'", argument: "direction", expected: "LEFT or RIGHT", got: other)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BitShiftOperator.self) }
