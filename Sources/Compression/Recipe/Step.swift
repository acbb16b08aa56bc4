import Graph
import Support
import Tensor
import Training

/// A method with its arguments: a value that can be planned, applied, and put into recipes.
public struct Step: Sendable {
  /// The method's entry in the registry.
  public let registration: Registration
  /// Its arguments, checked, defaults included.
  public let arguments: Arguments

  /// - Throws: `argument` when the registration is no method.
  public init(_ registration: Registration, _ arguments: Arguments) throws {
    guard registration.kind == .method else {
      throw PareError(
        .argument, "a recipe is made of methods", expected: "a method", got: "the \(registration.kind) '\(registration.name)'")
    }
    self.registration = registration
    self.arguments = arguments
  }

  /// Looks the method up and checks its arguments: `try Step("prune", ["sparsity": 0.5])`.
  ///
  /// - Throws: `not_found`, or `argument` as `Arguments` does.
  public init(_ method: String, _ values: [String: Value] = [:], registry: Registry = .shared) throws {
    let registration = try registry.find(.method, method)
    try self.init(registration, Arguments(registration.entry, values, registry: registry))
  }

  /// The method's name.
  public var name: String { registration.name }

  /// Makes the method.
  public func method() throws -> any CompressionMethod {
    try located { try EntryValue(registration, arguments).make(as: (any CompressionMethod).self) }
  }

  /// Says what the step would do to `model`, without doing it.
  ///
  /// - Throws: `unsupported` for a method that cannot tell.
  public func plan(_ model: Model, data: Dataset? = nil, seed: UInt64 = 0) throws -> Plan {
    let method = try method()
    return try located {
      let context = try Context(model, data: data, seed: seed, method: name, needs: method.needs)
      guard var plan = try method.plan(model, context) else {
        throw PareError(.unsupported, "\(name) cannot tell its plan beforehand", suggestion: "apply it to a copy")
      }
      for skip in context.record.skipped where !plan.skipped.contains(skip) { plan.skipped.append(skip) }
      return plan
    }
  }

  /// Applies the step: the model, checked and with the step in its ledger.
  ///
  /// - Throws: errors with `method` set; `nothing_changed` when the model came back as it was.
  public func callAsFunction(_ model: Model, data: Dataset? = nil, seed: UInt64 = 0) throws -> Model {
    try compress(
      model, Recipe([self]), data: data, seed: seed, options: CompressOptions(measuresAccuracy: false, measuresLatency: false)
    ).model
  }

  /// Returns the front of a step that finds many models (`search`).
  public func front(_ model: Model, data: Dataset? = nil, seed: UInt64 = 0) throws -> Front {
    let method = try method()
    guard let finder = method as? any FrontMethod else {
      throw PareError(.unsupported, "\(name) finds one model, not a front", method: name)
    }
    return try located {
      try finder.front(model, Context(model, data: data, seed: seed, method: name, needs: method.needs))
    }
  }

  private func located<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as PareError { throw error.located(method: name) }
  }
}

extension Step: CustomStringConvertible {
  /// The step as a script writes it: `prune{sparsity=0.5}`.
  public var description: String { "\(name){\(arguments.brief)}" }
}

/// Steps that run one after another, each on what the one before it made.
public struct Recipe: Sendable {
  /// The steps, in the order in which they run.
  public var steps: [Step]

  /// A recipe of these steps; `compress` refuses an empty one.
  public init(_ steps: [Step]) { self.steps = steps }
}

extension PareError {
  fileprivate init(_ code: Code, _ message: String, method: String) {
    self.init(code, message)
    self.method = method
  }
}
