import Compression
import LuaBridge
import Support
import Tensor

/// Taking and placing elements by tensors of positions, which count from 0.
extension TensorMethods {
  private static let reductions = Tensor.ScatterReduction.allCases.map(\.rawValue)

  static var indexing: [Function] {
    [
      Function(
        "x:gather", [.integer("axis"), .tensor("indices")], "One element per 0-based index along an axis, in the indices' shape",
        example: "logits:gather(2, labels:unsqueeze(2))"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.gatherElements(axis: call.axis(1, rank: x.rank), indices: indices(call, 2)))
      },
      Function(
        "x:gather_nd", [.tensor("indices")], options: [.integer("batch_axes", default: 0, in: 0...8)],
        "Sub-tensors at the positions in the last axis of the indices", example: "x:gather_nd(tensor{{0, 1}, {2, 0}})"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.gatherND(indices: indices(call, 1), batchAxes: call.options().integer("batch_axes")))
      },
      Function(
        "x:scatter", [.integer("axis"), .tensor("indices"), .tensor("source", doc: "A tensor or a number")],
        options: [.choice("reduce", among: reductions, default: "none", doc: "What happens where an element is placed on another")],
        "A copy with one element placed per 0-based index along an axis", example: "x:scatter(1, indices, source, {reduce=\"add\"})"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let at = try indices(call, 2)
        var source = try operand(call, 3, x.dtype)
        if source.rank == 0 { source = try source.expanded(to: at.shape) }
        let reduction = try Tensor.ScatterReduction(rawValue: call.options().string("reduce")) ?? .none
        return try call.push(
          x.scatterElements(axis: call.axis(1, rank: x.rank), indices: at, values: source, reduction: reduction))
      },
      Function(
        "x:scatter_nd", [.tensor("indices"), .tensor("source")], options: [.choice("reduce", among: reductions, default: "none")],
        "A copy with sub-tensors placed at the positions in the last axis of the indices",
        example: "x:scatter_nd(tensor{{0, 1}}, tensor{5})"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let reduction = try Tensor.ScatterReduction(rawValue: call.options().string("reduce")) ?? .none
        return try call.push(x.scatterND(indices: indices(call, 1), values: call.tensor(2), reduction: reduction))
      },
      Function("x:take", [.tensor("indices")], "Elements by their 0-based position in row-major order", example: "x:take(tensor{0, 5})") { call in
        try call.push(call.receiver(TensorHandle.self).value.take(indices(call, 1)))
      },
      Function("x:masked_fill", [.tensor("mask"), .number("value")], "value where the mask holds", example: "x:masked_fill(x:lt(0), 0)") { call in
        try call.push(call.receiver(TensorHandle.self).value.maskedFill(truth(call.tensor(1)), call.number(2)))
      },
      Function("x:masked_select", [.tensor("mask")], "The elements where the mask holds, as one axis", example: "x:masked_select(x:gt(0))") { call in
        try call.push(call.receiver(TensorHandle.self).value.maskedSelect(truth(call.tensor(1))))
      },
      Function("x:nonzero", "0-based positions of the elements that are not 0, one row each", example: "x:nonzero()") { call in
        try call.push(call.receiver(TensorHandle.self).value.nonzeroIndices().transposed(0, 1))
      },
      triangle("triu", "Elements on and above a diagonal, 0 below") { try $0.triu(diagonal: $1) },
      triangle("tril", "Elements on and below a diagonal, 0 above") { try $0.tril(diagonal: $1) },
      triangle("diag_embed", "Square matrices with the last axis on a diagonal") { try $0.diagonalMatrix(offset: $1) },
      Function(
        "x:diagonal", options: [.integer("offset", default: 0), .integer("axis1", default: -2), .integer("axis2", default: -1)],
        "A diagonal of two axes, as the last axis", example: "x:diagonal{offset=1}"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        let options = try call.options()
        func axis(_ name: String) throws -> Int { try Axis.position(options.integer(name), rank: x.rank, in: "x:diagonal", what: name) }
        return try call.push(x.diagonal(offset: options.integer("offset"), axis("axis1"), axis("axis2")))
      },
      Function("x:trace", "Sum of the main diagonal of the last two axes") { call in
        try call.push(call.receiver(TensorHandle.self).value.trace())
      },
      Function(
        "x:embedding", [.tensor("indices")],
        options: [.integer("padding_idx", optional: true, doc: "0-based row that gets no gradient")],
        "Rows of this table at 0-based indices", example: "table:embedding(words)"
      ) { call in
        let x = try call.receiver(TensorHandle.self).value
        return try call.push(x.embedding(indices(call, 1), padding: call.options().optionalInteger("padding_idx")))
      },
    ]
  }

  private static func triangle(_ name: String, _ summary: String, _ operation: @escaping (Tensor, Int) throws -> Tensor) -> Function {
    Function("x:" + name, [.integer("diagonal", optional: true)], summary, example: "x:\(name)(1)") { call in
      try call.push(operation(call.receiver(TensorHandle.self).value, call.optionalInteger(1) ?? 0))
    }
  }
}
