import Compression
import LuaBridge
import Support
import Tensor

extension TensorMethods {
  /// Decompositions, systems and determinants; leading axes are batches.
  static var linearAlgebra: [Function] {
    [
      Function(
        "x:svd", options: [.boolean("full", default: false, doc: "All columns of u and rows of vt")],
        "Singular value decomposition: u, s, vt", example: "u, s, vt = x:svd()"
      ) { call in
        let (u, s, vt) = try call.receiver(TensorHandle.self).value.svd(full: call.options().boolean("full"))
        return try call.push(u) + call.push(s) + call.push(vt)
      },
      Function(
        "x:truncated_svd", [.integer("rank", in: 0...)], "The rank largest singular values with their vectors: u, s, vt",
        example: "u, s, vt = x:truncated_svd(8)"
      ) { call in
        let (u, s, vt) = try call.receiver(TensorHandle.self).value.truncatedSVD(rank: call.integer(1))
        return try call.push(u) + call.push(s) + call.push(vt)
      },
      Function(
        "x:randomized_svd", [.integer("rank", in: 0...)],
        options: [
          .integer("oversampling", default: 10, in: 0..., doc: "Further random vectors"),
          .integer("iterations", default: 2, in: 0..., doc: "Power iterations"), .integer("seed", default: 0, in: 0...),
        ],
        "About the rank largest singular values, from a random sketch (Halko et al. 2011)",
        example: "u, s, vt = x:randomized_svd(8, {seed=1})"
      ) { call in
        let options = try call.options()
        let (u, s, vt) = try call.receiver(TensorHandle.self).value.randomizedSVD(
          rank: call.integer(1), oversampling: options.integer("oversampling"), iterations: options.integer("iterations"),
          seed: UInt64(options.integer("seed")))
        return try call.push(u) + call.push(s) + call.push(vt)
      },
      one("singular_values", "Singular values, descending") { try $0.singularValues() },
      Function("x:qr", "QR decomposition: q, r", example: "q, r = x:qr()") { call in
        let (q, r) = try call.receiver(TensorHandle.self).value.qr()
        return try call.push(q) + call.push(r)
      },
      Function("x:eigh", "Eigenvalues, ascending, and eigenvectors of symmetric matrices", example: "values, vectors = x:eigh()") { call in
        let (values, vectors) = try call.receiver(TensorHandle.self).value.eigh()
        return try call.push(values) + call.push(vectors)
      },
      one("cholesky", "Lower triangular factor of symmetric positive definite matrices") { try $0.cholesky() },
      one("inverse", "Inverse of square matrices") { try $0.inverse() },
      one("det", "Determinant of square matrices") { try $0.determinant() },
      Function("x:slogdet", "Sign and logarithm of the magnitude of the determinant", example: "sign, log = x:slogdet()") { call in
        let (sign, logarithm) = try call.receiver(TensorHandle.self).value.logDeterminant()
        return try call.push(sign) + call.push(logarithm)
      },
      Function("x:solve", [.tensor("b")], "The y with x:matmul(y) equal to b", example: "y = x:solve(b)") { call in
        try call.push(call.receiver(TensorHandle.self).value.solve(call.tensor(1)))
      },
      Function(
        "x:solve_triangular", [.tensor("b")],
        options: [
          .boolean("upper", default: false, doc: "Reads the upper triangle"), .boolean("transposed", default: false),
          .boolean("unit", default: false, doc: "The diagonal counts as ones"),
        ],
        "Solves with one triangle of x", example: "y = l:solve_triangular(b)"
      ) { call in
        let options = try call.options()
        return try call.push(
          call.receiver(TensorHandle.self).value.solveTriangular(
            call.tensor(1), upper: options.boolean("upper"), transposed: options.boolean("transposed"),
            unit: options.boolean("unit")))
      },
      Function(
        "x:lstsq", [.tensor("b")], options: [tolerance], "The y of smallest norm for which x:matmul(y) is nearest to b",
        example: "y = x:lstsq(b)"
      ) { call in
        try call.push(call.receiver(TensorHandle.self).value.leastSquares(call.tensor(1), tolerance: chosenTolerance(call)))
      },
      Function("x:pinv", options: [tolerance], "Pseudo-inverse", example: "x:pinv()") { call in
        try call.push(call.receiver(TensorHandle.self).value.pseudoInverse(tolerance: chosenTolerance(call)))
      },
      Function("x:matrix_rank", options: [tolerance], "Number of singular values that are not 0", example: "x:matrix_rank()") { call in
        try call.push(call.receiver(TensorHandle.self).value.matrixRank(tolerance: chosenTolerance(call)))
      },
      one("cond", "Largest by smallest singular value") { try $0.conditionNumber() },
    ]
  }

  private static let tolerance = ParameterSpec.number(
    "tolerance", optional: true, doc: "Singular values up to this share of the largest count as 0")

  private static func chosenTolerance(_ call: Call) throws -> Double? { try call.options().optionalNumber("tolerance") }

  private static func one(_ name: String, _ summary: String, _ operation: @escaping (Tensor) throws -> Tensor) -> Function {
    Function("x:" + name, summary, example: "x:\(name)()") { call in
      try call.push(operation(call.receiver(TensorHandle.self).value))
    }
  }
}
