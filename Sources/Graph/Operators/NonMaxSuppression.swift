import Support
import Tensor

/// Boxes by falling score, those left out that overlap a chosen one of their class too much: rows of (batch, class, box).
struct NonMaxSuppressionOperator: Operator {
  static let name = "NonMaxSuppression"
  var arity: ClosedRange<Int> { 2...5 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(.i64, [.symbol("\(node.name)_count"), 3])]
  }

  /// Corners, in ascending order along both axes.
  private struct Box {
    let y1, x1, y2, x2: Double

    init(_ v: ArraySlice<Double>, isCentre: Bool) {
      let v = Array(v)
      if isCentre {
        (y1, x1, y2, x2) = (v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2)
      } else {
        (y1, x1, y2, x2) = (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
      }
    }

    var area: Double { (y2 - y1) * (x2 - x1) }

    /// Common area over joint area.
    func overlap(_ other: Box) -> Double {
      let common = max(0, min(y2, other.y2) - max(y1, other.y1)) * max(0, min(x2, other.x2) - max(x1, other.x1))
      let joint = area + other.area - common
      return joint > 0 ? common / joint : 0
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let boxes = try inputs.required(0, node), scores = try inputs.required(1, node)
    guard boxes.rank == 3, boxes.shape[2] == 4, scores.rank == 3, scores.shape[0] == boxes.shape[0], scores.shape[2] == boxes.shape[1] else {
      throw node.failure(.shape, "boxes \(boxes.shape) and scores \(scores.shape)", expected: "[N, boxes, 4] and [N, classes, boxes]")
    }
    let most = try inputs.optional(2)?.integers().first ?? 0
    let limit = try inputs.optional(3)?.scalars().first ?? 0, least = try inputs.optional(4)?.scalars().first
    let isCentre = try node.flag("center_point_box")
    let corners = try boxes.scalars(), chances = try scores.scalars(), count = boxes.shape[1], classes = scores.shape[1]
    var rows: [Int64] = []
    for sample in 0..<boxes.shape[0] {
      let all = (0..<count).map { box in
        let start = (sample * count + box) * 4
        return Box(corners[start..<(start + 4)], isCentre: isCentre)
      }
      for kind in 0..<classes {
        let chance = chances[((sample * classes + kind) * count)..<((sample * classes + kind + 1) * count)]
        func score(_ box: Int) -> Double { chance[chance.startIndex + box] }
        let order = (0..<count).filter { box in least.map { score(box) > $0 } ?? true }
          .sorted { score($0) != score($1) ? score($0) > score($1) : $0 < $1 }
        var chosen: [Int] = []
        for box in order {
          guard chosen.count < most else { break }
          if chosen.allSatisfy({ all[$0].overlap(all[box]) <= limit }) { chosen.append(box) }
        }
        for box in chosen { rows += [Int64(sample), Int64(kind), Int64(box)] }
      }
    }
    return [try Tensor(rows, shape: [rows.count / 3, 3])]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(NonMaxSuppressionOperator.self) }
