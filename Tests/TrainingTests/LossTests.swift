import Graph
import Support
import Tensor
import Testing
import Training

@Suite struct LossTests {
  struct Golden: Decodable {
    struct Case: Decodable { let value: Double, gradient: [Double] }
    let labels: [Int64]
    let cross_entropy, cross_entropy_smooth, mse, kl, kl_temperature: Case
  }

  @Test func lossesAndGradientsAsPyTorchs() throws {
    let file = try golden("functions.json", as: Golden.self)
    let labels = try Tensor(file.labels, shape: [5])
    let teacher = try Noise.tensor("loss.teacher", [5, 4], scale: 3), target = try Noise.tensor("loss.target", [5, 4], scale: 3)
    let cases: [(String, Golden.Case, (Tensor) throws -> Tensor)] = [
      ("cross_entropy", file.cross_entropy, { try Loss.crossEntropy($0, labels) }),
      ("smoothing", file.cross_entropy_smooth, { try Loss.crossEntropy($0, labels, smoothing: 0.1) }),
      ("mse", file.mse, { try Loss.mse($0, target) }),
      ("kl", file.kl, { try Loss.klDivergence(student: $0, teacher: teacher) }),
      ("kl temperature", file.kl_temperature, { try Loss.klDivergence(student: $0, teacher: teacher, temperature: 4) }),
    ]
    for (name, expected, loss) in cases {
      let x = try Noise.tensor("loss.student", [5, 4], scale: 3).tracked()
      let value = try loss(x)
      #expect(value.count == 1)
      expectClose([try value.item()], [expected.value], relative: 1e-5, name)
      expectClose(try #require(value.backward()[x]).scalars(), expected.gradient, absolute: 1e-6, relative: 1e-5, name)
    }
  }

  @Test func wrongArguments() throws {
    let x = try Tensor.zeros([2, 3]), labels = try Tensor.zeros([2], .i64)
    #expect(pareError { _ = try Loss.crossEntropy(x, labels, smoothing: 1) }?.argument == "smoothing")
    #expect(pareError { _ = try Loss.mse(x, .zeros([3, 2])) }?.code == .shape)
    #expect(pareError { _ = try Loss.klDivergence(student: x, teacher: x, temperature: 0) }?.argument == "temperature")
    #expect(pareError { _ = try Loss.klDivergence(student: x, teacher: .zeros([2, 4])) }?.code == .shape)
  }
}
