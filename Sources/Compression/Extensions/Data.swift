import Graph
import Tensor
import Training

/// How good is a model on a split?
public protocol Metric: Extension {
  /// Returns one number; called once, with the outputs and labels of the whole split.
  func value(outputs: Tensor, labels: Tensor) throws -> Double
}

extension Metric {
  public static var kind: ExtensionKind { .metric }
}

/// Where do samples come from?
public protocol DatasetSource: Extension {
  /// Opens the data set.
  ///
  /// - Throws: `not_found` or `format`, naming the file.
  func open(_ options: DatasetOptions) throws -> Dataset
}

extension DatasetSource {
  public static var kind: ExtensionKind { .dataset }
}

/// Adds a way to store a parameter.
public protocol RepresentationProvider: Extension {
  static var representation: any Representation.Type { get }
}

extension RepresentationProvider {
  public static var kind: ExtensionKind { .representation }
}

/// Adds a graph operator.
public protocol OperatorProvider: Extension {
  static var `operator`: any Operator.Type { get }
}

extension OperatorProvider {
  public static var kind: ExtensionKind { .operator }
}
