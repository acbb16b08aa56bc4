import Glibc
import Support
import Tensor

/// Five numbers in 0..<1 and a target `[N, 1]`: `10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5`, under noise of
/// deviation 0.1.
///
/// - Reference: Friedman 1991, "Multivariate Adaptive Regression Splines", section 4.3.
enum SyntheticRegression {
  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    func pool(_ part: (name: String, size: Int)) throws -> RawDataset.Pool {
      let x = try Tensor.rand(
        Shape([part.size, 5]), seed: options.seed, stream: Philox.stream(named: "regression.x.\(part.name)"))
      let noise = try Tensor.randn(
        Shape([part.size]), seed: options.seed, stream: Philox.stream(named: "regression.noise.\(part.name)")
      ).scalars()
      let values = try x.scalars()
      let y = (0..<part.size).map { row in
        let v = values[row * 5..<row * 5 + 5].map { $0 }
        return Float(10 * sin(.pi * v[0] * v[1]) + 20 * (v[2] - 0.5) * (v[2] - 0.5) + 10 * v[3] + 5 * v[4] + 0.1 * noise[row])
      }
      return .tensors(x: x, y: try Tensor(y, shape: Shape([part.size, 1])))
    }
    let parts = SyntheticData.parts(options)
    return RawDataset(name: name, training: try pool(parts[0]), test: try pool(parts[1]), classes: [])
  }
}
