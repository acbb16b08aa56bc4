import Graph
import OrderedCollections
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// The seam by which kernels of represented weights enter a session, tried with a plain one.
@Suite struct KernelSeamTests {
  /// Convolution and linear layers in plain loops, channels-last.
  struct PlainKernel: LayerKernel {
    static let name = "plain"
    let task: LayerTask
    init?(_ task: LayerTask) {
      guard task.sourceGrid == nil, task.destinationGrid == nil else { return nil }
      self.task = task
    }
    func prepare(_ task: LayerTask) throws -> [Storage] {
      let dense = try task.weights.dense().contiguous()
      let storage = try Storage(byteCount: dense.byteCount)
      storage.base.copyMemory(from: dense.address, byteCount: dense.byteCount)
      return [storage]
    }
    static func sample(_ curve: String, density: Double) throws -> Model? {
      density < 0.3 ? nil : try NN.graph(input: [3, 6, 6], seed: 1) { try NN.conv2d(inChannels: 3, outChannels: 4, kernel: 3)($0) }
    }
    func run(_ buffers: LayerBuffers) {
      let x = buffers.source.assumingMemoryBound(to: Float.self), y = buffers.destination.assumingMemoryBound(to: Float.self)
      let w = buffers.weights[0].base.assumingMemoryBound(to: Float.self)
      let added = buffers.residual?.assumingMemoryBound(to: Float.self)
      func store(_ sum: Float, _ o: Int, _ at: Int) {
        let value = sum * (task.factor?[o] ?? 1) + (task.bias?[o] ?? 0) + (added?[at] ?? 0)
        y[at] = min(max(value, task.limits.lowerBound), task.limits.upperBound)
      }
      switch task.form {
      case .linear(let rows, let inner, let outputs):
        for row in 0..<rows {
          for o in 0..<outputs {
            var sum: Float = 0
            for k in 0..<inner { sum += x[row * inner + k] * (task.outputsLast ? w[k * outputs + o] : w[o * inner + k]) }
            store(sum, o, row * outputs + o)
          }
        }
      case .convolution(let g):
        let v = g.window, per = g.inputChannels / g.groups
        for n in 0..<g.batch {
          for i in 0..<v.output[0] {
            for j in 0..<v.output[1] {
              for o in 0..<g.outputChannels {
                var sum: Float = 0
                for a in 0..<v.kernel[0] {
                  for b in 0..<v.kernel[1] {
                    let row = i * v.strides[0] + a * v.dilations[0] - v.padding.begin[0]
                    let column = j * v.strides[1] + b * v.dilations[1] - v.padding.begin[1]
                    guard (0..<v.input[0]).contains(row), (0..<v.input[1]).contains(column) else { continue }
                    for c in 0..<per {
                      let channel = o / (g.outputChannels / g.groups) * per + c
                      sum += x[((n * v.input[0] + row) * v.input[1] + column) * g.inputChannels + channel]
                        * w[((o * per + c) * v.kernel[0] + a) * v.kernel[1] + b]
                    }
                  }
                }
                store(sum, o, ((n * v.output[0] + i) * v.output[1] + j) * g.outputChannels + o)
              }
            }
          }
        }
      }
    }
  }

  static func table(_ share: Double) throws -> BreakEvenTable {
    try BreakEvenTable(curves: ["plain": [.init(density: 1, share: share)]])
  }

  @Test(arguments: SessionTests.networks, [1, 3])
  func kernelsComputeWholeNetworks(_ network: SessionTests.Network, batch: Int) throws {
    let model = try network.make()
    let session = try Session(model, threads: 2, batch: batch, kernels: [PlainKernel.self], table: KernelSeamTests.table(0.5))
    let inputs = try session.syntheticInputs(seed: 4)
    let got = try session.run(inputs)
    for (name, value) in try Interpreter(model).run(inputs).outputs {
      #expect(try difference(#require(got[name]), value, relative: 2e-5) == nil)
    }
    let layers = try session.profile(inputs, runs: 1).filter { $0.op.hasPrefix("Conv") || $0.op.hasPrefix("Gemm") }
    #expect(!layers.isEmpty && layers.allSatisfy { $0.implementation == "plain" })
    let dense = try Session(model, threads: 2, batch: batch, kernels: [PlainKernel.self], table: KernelSeamTests.table(1.5))
    #expect(try !dense.profile(inputs, runs: 1).contains { $0.implementation == "plain" })
  }

  @Test func tablesInterpolateAndKeepTheirHash() throws {
    let table = try BreakEvenTable(curves: ["a": [.init(density: 0.1, share: 0.2), .init(density: 0.5, share: 1.0)]])
    #expect(table.share(of: "a", density: 0.05) == 0.2)
    #expect(abs(table.share(of: "a", density: 0.3) - 0.6) < 1e-12)
    #expect(table.share(of: "a", density: 0.9) == 1)
    #expect(table.share(of: "b", density: 0.1) == .infinity)
    #expect(try BreakEvenTable(text: table.text) == table)
    func code(_ body: () throws -> Void) -> PareError.Code? {
      do { try body() } catch { return (error as? PareError)?.code }
      return nil
    }
    try withTemporaryFolder { folder in
      try table.save(in: folder)
      #expect(try BreakEvenTable.load(table.hash, in: folder) == table)
      #expect(try BreakEvenTable.load("built-in", in: folder) == .builtIn)
      #expect(code { _ = try BreakEvenTable.load("0123456789abcdef", in: folder) } == .notFound)
    }
    #expect(code { _ = try BreakEvenTable(text: "a 0.1") } == .format)
    #expect(code { _ = try BreakEvenTable(curves: ["a": []]) } == .argument)
    #expect(code { _ = try BreakEvenTable(curves: ["a": [.init(density: 0.5, share: 1), .init(density: 0.1, share: 1)]]) } == .argument)
  }

  @Test func calibrationMeasuresSamples() throws {
    let table = try BreakEvenTable.measured(threads: 1, runs: 2, kernels: [PlainKernel.self])
    let points = try #require(table.curves["plain"])
    #expect(points.map(\.density) == [0.35, 0.5, 1])
    #expect(points.allSatisfy { $0.share > 0 })
  }

  /// Each kernel of the session has a sample layer that it takes, for each of its curves.
  @Test func kernelsTakeTheirSamples() throws {
    for kernel in LayerKernels.all {
      let one = [BreakEvenTable.Point(density: 1, share: 0.001)]
      let always = try BreakEvenTable(curves: Dictionary(uniqueKeysWithValues: kernel.curves.map { ($0, one) }))
      for curve in kernel.curves {
        let density = try kernel.sample(curve, density: 0.1) == nil ? 1 : 0.1
        let model = try #require(try kernel.sample(curve, density: density))
        let session = try Session(model, threads: 1, kernels: [kernel], table: always)
        let steps = try session.profile(runs: 1).map(\.implementation)
        #expect(steps.contains(kernel.name), "\(curve): \(steps)")
        let inputs = try session.syntheticInputs(), got = try session.run(inputs)
        for (name, value) in try Interpreter(model).run(inputs).outputs {
          let problem = try difference(#require(got[name]), value, absolute: value.dtype == .u8 ? 1 : 2e-3, relative: 1e-4)
          #expect(problem == nil, "\(curve): \(problem ?? "")")
        }
      }
    }
  }
}
