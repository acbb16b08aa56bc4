import CKernels
import Graph
import Support
import Tensor

/// Linear layers of few rows whose weights are mostly zero (`NarrowLinear.h`).
package struct SparseLinear: LayerKernel {
  package static let name = "sparse-linear.f32"
  private let rows: Int, inner: Int, outputs: Int
  private let limits: ClosedRange<Float>
  private let hasBias: Bool

  package init?(_ task: LayerTask) {
    guard case .linear(let rows, let inner, let outputs) = task.form, task.sourceGrid == nil, task.destinationGrid == nil,
      !(task.weights is MaskedRepresentation), (1...65536).contains(inner), outputs < Int(Int32.max), rows <= 64,
      task.density < 0.75
    else { return nil }
    (self.rows, self.inner, self.outputs) = (rows, inner, outputs)
    limits = task.limits
    hasBias = task.bias != nil
  }

  /// Every row gathers anew, where a dense product reads its weights once for several.
  package func share(of task: LayerTask, _ table: BreakEvenTable) -> Double {
    table.share(of: Self.name, density: task.density) * (1 + 0.25 * Double(rows - 1))
  }

  package static func sample(_ curve: String, density: Double) throws -> Model? {
    density > 0.5 ? nil : try SparseLayers.linear(CSRRepresentation(SparseLayers.sample([2048, 2048], density: density)))
  }

  package func prepare(_ task: LayerTask) throws -> [Storage] {
    let dense = try SparseLayers.rows(task)
    defer { withExtendedLifetime(dense) {} }
    let weights = dense.pointer(Float.self)
    let steps = pare_sparse_linear_pack(weights, Int64(outputs), Int64(inner), nil, nil, nil, nil)
    guard steps >= 0 else { throw PareError(.limit, task.name, expected: "memory to pack its weights") }
    let blocks = (outputs + 15) / 16
    let begins = try SparseLayers.blank(blocks + 1, of: Int64.self)
    let targets = try SparseLayers.blank(blocks * 16, of: Int32.self)
    let columns = try SparseLayers.blank(Int(steps) * 16, of: UInt16.self)
    let values = try SparseLayers.blank(Int(steps) * 16, of: Float.self)
    _ = pare_sparse_linear_pack(
      weights, Int64(outputs), Int64(inner), begins.array(of: Int64.self), targets.array(of: Int32.self),
      columns.array(of: UInt16.self), values.array(of: Float.self))
    return [begins, targets, columns, values, try SparseLayers.storage(task.bias)]
  }

  package func run(_ buffers: LayerBuffers) {
    let weights = buffers.weights
    var epilogue = pare_sparse_epilogue(
      bias: hasBias ? UnsafePointer(weights[4].array(of: Float.self)) : nil,
      residual: buffers.residual?.array(of: Float.self), low: limits.lowerBound, high: limits.upperBound)
    pare_sparse_linear(
      Int64(rows), Int64(inner), Int64(outputs), weights[0].array(of: Int64.self), weights[1].array(of: Int32.self),
      weights[2].array(of: UInt16.self), weights[3].array(of: Float.self), buffers.source.array(of: Float.self),
      buffers.destination.assumingMemoryBound(to: Float.self), &epilogue, buffers.threads)
  }
}
