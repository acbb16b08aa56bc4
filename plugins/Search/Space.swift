import PareKit

/// What a search chooses for each layer: `NAME.ratio` (share of its channels that goes), `NAME.bits` (of its weights),
/// `NAME.rank` (share of the full rank that stays; 1 leaves the layer whole).
struct LayerSpace {
  enum Part: String, CaseIterable { case filters, bits, ranks }

  /// The words for spaces derived from a model.
  static let words = [
    "filters", "bits", "ranks", "filters+bits", "filters+ranks", "ranks+bits", "filters+ranks+bits",
  ]

  /// The shares of channels that may go; no layer loses all.
  static let ratios = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75]
  static let bits = [4, 6, 8]
  static let ranks = [1, 0.5, 0.25, 0.125]

  /// Reads `"filters+bits"` or a table of choices by key.
  static func make(_ value: Value, for model: Model) throws -> SearchSpace {
    if let text = value.asString { return try derived(text, for: model) }
    guard let table = value.asTable, table.items.isEmpty, !table.fields.isEmpty else { throw refused(value.brief) }
    var choices: OrderedDictionary<String, [Value]> = [:]
    for (key, value) in table.fields {
      let (layer, suffix) = try split(key)
      _ = try model.node(named: layer)
      guard let list = value.asList, !list.isEmpty else {
        throw PareError(.argument, "search: the choices of '\(key)'", argument: "space", expected: "a list", got: value.brief)
      }
      for choice in list { try check(choice, suffix, key) }
      choices[key] = list
    }
    return SearchSpace(choices)
  }

  private static func derived(_ text: String, for model: Model) throws -> SearchSpace {
    let parts = try text.split(separator: "+").map { word in
      guard let part = Part(rawValue: String(word)) else { throw refused("'\(word)'") }
      return part
    }
    guard !parts.isEmpty else { throw refused("'\(text)'") }
    var choices: OrderedDictionary<String, [Value]> = [:]
    let views = try model.layerViews()
    if parts.contains(.filters) {
      let names = Set(views.map(\.name))
      for group in try model.groups() where group.blocked == nil && names.contains(group.name) {
        choices["\(group.name).ratio"] = ratios.filter { $0 * Double(group.units.count) >= 1 || $0 == 0 }.map(Value.number)
      }
    }
    if parts.contains(.ranks) {
      for view in views where view.op != "ConvTranspose" && view.weight.shape.dropFirst(2).allSatisfy({ $0 == 1 }) && view.groups == 1 {
        choices["\(view.name).rank"] = ranks.map(Value.number)
      }
    }
    if parts.contains(.bits) { for view in views { choices["\(view.name).bits"] = bits.map(Value.integer) } }
    guard !choices.isEmpty else {
      throw PareError(.nothingChanged, "search: the model has nothing to choose for '\(text)'", argument: "space")
    }
    return SearchSpace(choices)
  }

  /// Takes `conv1.ratio` apart; layer names may hold dots themselves.
  static func split(_ key: String) throws -> (layer: String, suffix: String) {
    guard let dot = key.lastIndex(of: "."), ["ratio", "bits", "rank"].contains(String(key[key.index(after: dot)...])) else {
      throw PareError(
        .argument, "search: the key '\(key)' of the space", argument: "space",
        expected: "a layer's name and .ratio, .bits or .rank")
    }
    return (String(key[..<dot]), String(key[key.index(after: dot)...]))
  }

  private static func check(_ choice: Value, _ suffix: String, _ key: String) throws {
    let number = choice.asNumber ?? .nan
    let (fits, expected) =
      switch suffix {
      case "ratio": (number >= 0 && number < 1, "shares in 0..<1")
      case "rank": (number > 0 && number <= 1, "shares above 0, at most 1")
      default: (choice.asInteger.map { (2...8).contains($0) } ?? false, "whole numbers in 2...8")
      }
    guard fits else {
      throw PareError(
        .argument, "search: the choices of '\(key)'", argument: "space", expected: expected, got: choice.brief)
    }
  }

  private static func refused(_ got: String) -> PareError {
    PareError(
      .argument, "search: space", argument: "space",
      expected: "filters, bits, ranks joined by +, or a table of choices by LAYER.ratio, LAYER.bits, LAYER.rank", got: got)
  }
}
