import Graph
import Tensor

/// How important is each weight or unit of a layer?
public protocol ImportanceCriterion: Extension {
  /// The statistics that `score` reads; reading another one is an error.
  var needs: Statistics { get }

  /// Scores one layer; higher means keep. Called once for each layer of a coupled group.
  ///
  /// - Returns: a tensor of the weight's shape, or one score per unit (`[layer.units]`).
  func score(_ layer: LayerView, _ context: Context) throws -> Tensor

  /// What the weights that stay become once the others are gone; nil, the default, leaves them as they are.
  ///
  /// Asked where weights are masked, once for each layer that loses some.
  ///
  /// - Parameter kept: bool, the weight's shape.
  /// - Returns: a tensor of the weight's shape; what it holds where nothing is kept does not matter.
  func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor?
}

extension ImportanceCriterion {
  public static var kind: ExtensionKind { .criterion }
  /// By default the weights that stay are left as they are.
  public func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor? { nil }
  /// Nothing but the weights by default.
  public var needs: Statistics { [] }
}

/// How much of the final ratio holds at which step?
public protocol SparsitySchedule: Extension {
  /// Returns the fraction 0...1 of the final sparsity at `step` of 0...total; both ends are asked.
  func value(step: Int, total: Int) throws -> Double
}

extension SparsitySchedule {
  public static var kind: ExtensionKind { .schedule }
}

/// How much for which layer, when a whole-model ratio or budget is asked for?
public protocol Allocation: Extension {
  /// The statistics that `allocate` reads from its layers.
  var needs: Statistics { get }

  /// Returns the share to remove, 0...1, by layer name; a layer that is absent is left alone.
  ///
  /// - Parameter share: what the model as a whole is to lose, in units of the granularity.
  func allocate(_ layers: [LayerView], share: Double, _ context: Context) throws -> [String: Double]
}

extension Allocation {
  public static var kind: ExtensionKind { .allocation }
  /// Nothing but the weights by default.
  public var needs: Statistics { [] }
}

/// What is added to the loss while training, to make compression cheaper later?
public protocol Regularizer: Extension {
  /// Returns a scalar from the tracked parameters of `model`, by name.
  func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor
}

extension Regularizer {
  public static var kind: ExtensionKind { .regularizer }
}
