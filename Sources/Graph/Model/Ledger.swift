/// A value in the ledger: what JSON can hold, with whole numbers kept apart. Tables are sorted by key, so that equal
/// arguments give equal bytes.
public enum LedgerValue: Sendable, Hashable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([LedgerValue])
  case table([String: LedgerValue])
}

extension LedgerValue: Codable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Reads any JSON value; a number that decodes as a whole one becomes an integer.
  public init(from decoder: any Decoder) throws {
    if let table = try? decoder.container(keyedBy: Key.self) {
      var values: [String: LedgerValue] = [:]
      for key in table.allKeys { values[key.stringValue] = try table.decode(LedgerValue.self, forKey: key) }
      self = .table(values)
    } else if var list = try? decoder.unkeyedContainer() {
      var values: [LedgerValue] = []
      while !list.isAtEnd { values.append(try list.decode(LedgerValue.self)) }
      self = .list(values)
    } else {
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        self = .null
      } else if let value = try? single.decode(Bool.self) {
        self = .boolean(value)
      } else if let value = try? single.decode(Int.self) {
        self = .integer(value)
      } else if let value = try? single.decode(Double.self) {
        self = .number(value)
      } else {
        self = .string(try single.decode(String.self))
      }
    }
  }

  /// Writes the value as JSON, tables by ascending key.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .list(let values):
      var list = encoder.unkeyedContainer()
      for value in values { try list.encode(value) }
    case .table(let values):
      var table = encoder.container(keyedBy: Key.self)
      for (key, value) in values.sorted(by: { $0.key < $1.key }) {
        try table.encode(value, forKey: Key(stringValue: key))
      }
    case .null:
      var single = encoder.singleValueContainer()
      try single.encodeNil()
    case .boolean(let value):
      var single = encoder.singleValueContainer()
      try single.encode(value)
    case .integer(let value):
      var single = encoder.singleValueContainer()
      try single.encode(value)
    case .number(let value):
      var single = encoder.singleValueContainer()
      try single.encode(value)
    case .string(let value):
      var single = encoder.singleValueContainer()
      try single.encode(value)
    }
  }
}

/// One step in a model's history. It holds nothing that differs between two equal runs: no time, no latency, no host.
public struct LedgerEntry: Sendable, Hashable, Codable {
  /// What a model measured at one point.
  public struct Figures: Sendable, Hashable, Codable {
    /// Elements of weights and biases, as `Cost` counts them.
    public var parameters: Int
    /// Those that are not 0.
    public var nonzeros: Int
    /// Multiply-accumulates at batch 1.
    public var macs: Int
    /// What the parameters take in the saved `.pare`.
    public var bytes: Int
    /// A fraction 0...1, where it was measured.
    public var accuracy: Double?

    /// Takes over the four counters of a cost.
    public init(_ cost: Cost, accuracy: Double? = nil) {
      parameters = cost.parameters
      nonzeros = cost.nonzeros
      macs = cost.macs
      bytes = cost.bytes
      self.accuracy = accuracy
    }
  }

  /// The registry entry that ran, or `train`.
  public var method: String
  /// Its arguments, defaults included.
  public var arguments: LedgerValue
  /// The seed that the step was given.
  public var seed: UInt64
  /// The version of Pare.
  public var version: String
  /// `Model.hash()` of the model that the step was given.
  public var parent: String
  /// The model that the step was given; nil where it was not measured.
  public var before: Figures?
  /// The model that the step made; nil where it was not measured.
  public var after: Figures?

  /// Creates an entry; `version` and `parent` are taken as they are given.
  public init(
    method: String, arguments: LedgerValue = .table([:]), seed: UInt64 = 0, version: String, parent: String,
    before: Figures? = nil, after: Figures? = nil
  ) {
    self.method = method
    self.arguments = arguments
    self.seed = seed
    self.version = version
    self.parent = parent
    self.before = before
    self.after = after
  }
}
