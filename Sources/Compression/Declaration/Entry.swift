import Support

/// What an extension says about itself. Argument checks, error texts, help, completion, the method catalogue and the
/// ledger are all derived from this one declaration.
public struct Entry: Sendable {
  /// The name that recipes and scripts use: lower case, words joined by `_`.
  public var name: String
  /// One line: what it does.
  public var summary: String
  /// The paper ("Molchanov et al. 2019, ..."), or "own".
  public var reference: String
  /// The parameters in the order in which help and ledger list them.
  public var parameters: [ParameterSpec]
  /// The family it belongs to ("pruning"); set by whoever registers it when nil.
  public var family: String?
  /// A line that uses it, for help; made of the required parameters when nil.
  public var example: String?

  /// Takes the declaration as it is; `verified` checks it.
  public init(
    name: String, summary: String, reference: String = "own", parameters: [ParameterSpec] = [], family: String? = nil,
    example: String? = nil
  ) {
    self.example = example
    self.name = name
    self.summary = summary
    self.reference = reference
    self.parameters = parameters
    self.family = family
  }

  /// Returns the declared parameter of that name, if any.
  public func parameter(_ name: String) -> ParameterSpec? { parameters.first { $0.name == name } }

  /// Checks the declaration itself: names, doubles, defaults that their own type refuses.
  ///
  /// - Throws: `argument`, naming the entry and the first fault.
  public func verified() throws -> Entry {
    let letters = name.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || "0123456789_".unicodeScalars.contains($0) }
    guard let first = name.unicodeScalars.first, letters, first.properties.isAlphabetic || first == "_" else {
      throw PareError(.argument, "an entry needs a name made of letters, digits and '_'", argument: "name", got: "'\(name)'")
    }
    var seen: Set<String> = []
    for parameter in parameters {
      guard seen.insert(parameter.name).inserted else {
        throw PareError(.argument, "\(name) declares the parameter '\(parameter.name)' twice", argument: parameter.name)
      }
      // An entry's default is looked up when it is used: what it names may be registered later.
      if let value = parameter.default, parameter.type != .entry { _ = try parameter.checked(value, for: name) }
    }
    return self
  }
}
