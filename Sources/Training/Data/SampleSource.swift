import Graph
import Support
import Tensor

/// Where the samples of a data part come from. Conform to it to bring data of your own.
public protocol SampleSource: Sendable {
  /// The number of samples.
  var count: Int { get }
  /// Returns the samples at `indices` (each in `0..<count`, in any order, repeats allowed), in that order.
  func batch(_ indices: [Int]) throws -> Batch
  /// The normalization that `batch` applies; nil where samples come as they are.
  var normalization: Normalization? { get }
  /// Returns the same samples under another normalization; sources without one return themselves.
  func normalized(by normalization: Normalization) throws -> any SampleSource
  /// Whether `batch` may be called from another thread than the one that trains. Such a `batch` must not enter the
  /// thread pool: it copies with plain loops. Default: no.
  var isPrefetchable: Bool { get }
}

extension SampleSource {
  /// None by default: samples come as they are.
  public var normalization: Normalization? { nil }
  public var isPrefetchable: Bool { false }
  /// The source itself by default.
  public func normalized(by normalization: Normalization) throws -> any SampleSource { self }
}

/// Samples held in two tensors and given as they are.
public struct TensorSource: SampleSource {
  private let x: Tensor
  private let y: Tensor
  public var count: Int { x.shape[0] }
  /// Yes: rows are copied.
  public var isPrefetchable: Bool { true }

  /// - Parameters:
  ///   - x: inputs `[N, ...]` of any dtype.
  ///   - y: targets `[N]` or `[N, ...]`.
  /// - Throws: `PareError.shape` unless both have the same first axis.
  public init(x: Tensor, y: Tensor) throws {
    guard x.rank > 0, y.rank > 0, x.shape[0] == y.shape[0] else {
      throw PareError(
        .shape, "data part", argument: "y", expected: "as many targets as inputs along the first axis",
        got: "x \(x.shape.dimensions) and y \(y.shape.dimensions)")
    }
    self.x = try x.detached().contiguous()
    self.y = try y.detached().contiguous()
  }

  /// The samples at these positions, in this order; positions count from 0 and may repeat.
  ///
  /// - Throws: what `rows` throws for a position outside.
  public func batch(_ indices: [Int]) throws -> Batch { Batch(x: try x.rows(indices), y: try y.rows(indices)) }
}

/// Samples that a function gives one at a time.
public struct FunctionSource: SampleSource {
  /// As many samples as the function can be asked for.
  public let count: Int
  private let get: @Sendable (Int) throws -> (x: Tensor, y: Tensor)

  /// - Parameters:
  ///   - count: the number of samples.
  ///   - get: returns sample `i`, counted from 0: an input without batch axis, and its target (a 0-d tensor for a class).
  public init(count: Int, get: @escaping @Sendable (Int) throws -> (x: Tensor, y: Tensor)) throws {
    guard count >= 0 else {
      throw PareError(.argument, "data part", argument: "size", expected: "0 or more samples", got: "\(count)")
    }
    self.count = count
    self.get = get
  }

  /// Calls the function for each sample in turn and stacks the answers along a new first axis.
  ///
  /// Targets of different dtypes become f32.
  /// - Throws: `PareError.shape` for an input of another shape than the first one's; what the function throws.
  public func batch(_ indices: [Int]) throws -> Batch {
    var xs: [Tensor] = []
    var ys: [Tensor] = []
    for index in indices {
      let sample = try get(index)
      if let first = xs.first, first.shape != sample.x.shape {
        throw PareError(
          .shape, "sample \(index)", argument: "x", expected: "shape \(first.shape.dimensions), as the samples before it",
          got: "\(sample.x.shape.dimensions)")
      }
      xs.append(sample.x.detached())
      // A class may come as a number or as a list of one.
      ys.append(sample.y.rank == 1 && sample.y.count == 1 ? try sample.y.reshaped([]) : sample.y.detached())
    }
    // Whole and broken numbers may take turns in a regression.
    if let first = ys.first, ys.contains(where: { $0.dtype != first.dtype }) {
      ys = try ys.map { try $0.converted(to: .f32) }
    }
    return Batch(x: try Tensor.stack(xs, axis: 0), y: try Tensor.stack(ys, axis: 0))
  }
}
