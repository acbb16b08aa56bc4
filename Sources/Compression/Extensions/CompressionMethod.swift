import Graph
import Training

/// Turns a model into another: a step of a recipe.
public protocol CompressionMethod: Extension {
  /// The statistics that the method reads itself, through `Context.statistics`; `[]` by default.
  var needs: Statistics { get }

  /// Returns the compressed model; `model` itself is a value and stays as it is.
  ///
  /// Everything that decides sees `context.data.train` and `.validation` only. Layers that are left alone are reported
  /// with `context.skip(_:_:)`. A method that reaches less than asked throws `not_reached`.
  func apply(_ model: Model, _ context: Context) throws -> Model

  /// Says what `apply` would do, without doing it; nil when the method cannot tell beforehand.
  func plan(_ model: Model, _ context: Context) throws -> Plan?

  /// Run in every training inside `apply` and in later `finetune` and `distill` steps of the recipe.
  var callbacks: TrainingCallbacks? { get }
}

extension CompressionMethod {
  public static var kind: ExtensionKind { .method }
  public var needs: Statistics { [] }
  /// None by default.
  public var callbacks: TrainingCallbacks? { nil }
  /// Nil by default: the method cannot tell beforehand.
  public func plan(_ model: Model, _ context: Context) throws -> Plan? { nil }
}

/// A method that finds many models: its front is a value, and in a recipe the step goes on with the best one.
public protocol FrontMethod: CompressionMethod {
  /// Returns the candidates that no other one beats in every objective.
  func front(_ model: Model, _ context: Context) throws -> Front
}

/// What a step would do and what it would save.
public struct Plan: Sendable {
  /// One layer of a plan.
  public struct Item: Sendable {
    /// The layer's name in the model given to the step.
    public var layer: String
    /// What would happen: "remove 16 of 32 filters".
    public var action: String
    /// Units that would go, of how many.
    public var removed: Int
    /// All units of the layer.
    public var units: Int

    /// One layer of a plan; a method that counts no units leaves both numbers at 0.
    public init(layer: String, action: String, removed: Int = 0, units: Int = 0) {
      self.layer = layer
      self.action = action
      self.removed = removed
      self.units = units
    }
  }

  /// A line for each layer that would change.
  public var items: [Item]
  /// The counters of the model now and after the step.
  public var before: Cost
  /// The counters of the model after the step.
  public var after: Cost
  /// The layers that would be left alone.
  public var skipped: [Skip]

  /// A plan that a method made without changing its model.
  public init(items: [Item], before: Cost, after: Cost, skipped: [Skip] = []) {
    self.items = items
    self.before = before
    self.after = after
    self.skipped = skipped
  }
}

/// A layer that a step left alone, and why.
public struct Skip: Sendable, Hashable, Codable {
  /// The layer's name in the model given to the step.
  public var layer: String
  /// One line, as results and reports show it.
  public var reason: String

  /// A layer by name, and why it was left alone.
  public init(layer: String, reason: String) {
    self.layer = layer
    self.reason = reason
  }
}
