import Glibc
import Support
import Tensor

/// Points `[N, 2]` on spiral arms that start at the origin and make one turn; three arms unless said otherwise.
enum SyntheticSpirals {
  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    let classes = options.classes ?? 3
    func pool(_ part: (name: String, size: Int)) throws -> RawDataset.Pool {
      var random = RandomSource(seed: options.seed, name: "spirals.\(part.name)")
      _ = try Shape([part.size, 2])
      var points: [Float] = []
      points.reserveCapacity(part.size * 2)
      let labels = (0..<part.size).map { Int64($0 % classes) }
      for label in labels {
        let radius = random.uniform()
        let angle = 2 * Double.pi * (radius + Double(label) / Double(classes)) + (random.uniform() - 0.5) * 0.4
        points.append(Float(radius * cos(angle)))
        points.append(Float(radius * sin(angle)))
      }
      return .tensors(x: try Tensor(points, shape: Shape([part.size, 2])), y: try Tensor(labels, shape: Shape([part.size])))
    }
    let parts = SyntheticData.parts(options)
    return RawDataset(
      name: name, training: try pool(parts[0]), test: try pool(parts[1]), classes: (0..<classes).map(String.init))
  }
}
