/// The one error type of Pare: values first, prose second, so that Lua, `--json` and tests read the same fields.
///
/// The description is one line: thing, place, expectation, what came, suggestion.
public struct PareError: Error, Sendable, Equatable {
  /// The kind of an error, as scripts branch on it. Codes are those of the contract.
  public struct Code: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    /// A code by its name in messages and scripts, such as `not_found`; names beside those below are possible.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// A wrong argument: unknown name, wrong type, out of range.
    public static let argument = Code(rawValue: "argument")
    /// Shapes that do not fit together.
    public static let shape = Code(rawValue: "shape")
    /// An element type that an operation does not take.
    public static let dtype = Code(rawValue: "dtype")
    /// Memory that was asked for and cannot be had.
    public static let memory = Code(rawValue: "memory")
    /// A file, layer, parameter or entry that does not exist.
    public static let notFound = Code(rawValue: "not_found")
    /// A file or a value that is not in the format it claims.
    public static let format = Code(rawValue: "format")
    /// Something that Pare does not do (yet); the message names it.
    public static let unsupported = Code(rawValue: "unsupported")
    /// A statistic that was read without having been declared in `needs`.
    public static let undeclared = Code(rawValue: "undeclared")
    /// A step that changed nothing.
    public static let nothingChanged = Code(rawValue: "nothing_changed")
    /// A step that fell short of what was asked.
    public static let notReached = Code(rawValue: "not_reached")
    /// A plugin that cannot be built, is refused, or failed.
    public static let plugin = Code(rawValue: "plugin")
    /// A limit of the sandbox or of the caller that was reached.
    public static let limit = Code(rawValue: "limit")
    /// Ctrl-C, or a cancelled search or training.
    public static let interrupted = Code(rawValue: "interrupted")
    /// The operating system refused a file operation.
    public static let io = Code(rawValue: "io")
    /// A fault of Pare itself.
    public static let `internal` = Code(rawValue: "internal")
  }

  /// What kind of error it is: what scripts branch on.
  public var code: Code
  /// The thing, the place and what is wrong, without the fields below.
  public var message: String
  /// The name of the argument, parameter or attribute at fault.
  public var argument: String?
  /// What would have been right.
  public var expected: String?
  /// What came instead.
  public var got: String?
  /// The nearest right spelling, or the next thing to do.
  public var suggestion: String?
  /// The recipe step, counted from 1, with its method, in which the error happened.
  public var step: Int?
  /// The compression method in which the error happened.
  public var method: String?
  /// The layer in which the error happened.
  public var layer: String?
  /// The operator in which the error happened.
  public var op: String?
  /// The file at fault.
  public var file: String?
  /// The line in that file or script.
  public var line: Int?

  /// Creates an error; recipe step and method are added on the way out, by `located`.
  public init(
    _ code: Code, _ message: String, argument: String? = nil, expected: String? = nil, got: String? = nil,
    suggestion: String? = nil, layer: String? = nil, op: String? = nil, file: String? = nil, line: Int? = nil
  ) {
    self.code = code
    self.message = message
    self.argument = argument
    self.expected = expected
    self.got = got
    self.suggestion = suggestion
    self.layer = layer
    self.op = op
    self.file = file
    self.line = line
  }

  /// Returns the same error with its place filled in, where the error did not know it yet.
  public func located(
    step: Int? = nil, method: String? = nil, layer: String? = nil, op: String? = nil, file: String? = nil
  ) -> PareError {
    var error = self
    error.step = error.step ?? step
    error.method = error.method ?? method
    error.layer = error.layer ?? layer
    error.op = error.op ?? op
    error.file = error.file ?? file
    return error
  }
}

extension PareError: CustomStringConvertible {
  /// One line: place, message, expectation, what came, suggestion.
  public var description: String {
    var text = ""
    if let step { text += "step \(step): " }
    if let method, !message.hasPrefix(method) { text += "\(method): " }
    if let layer, !message.contains(layer) { text += "layer '\(layer)': " }
    if let op, !message.contains(op) { text += "[\(op)] " }
    if let file, !message.contains(file) { text += "\(file): " }
    text += message
    switch (expected, got) {
    case (let expected?, let got?): text += ": expected \(expected), got \(got)"
    case (let expected?, nil): text += ": expected \(expected)"
    case (nil, let got?): text += ": got \(got)"
    case (nil, nil): break
    }
    if let suggestion { text += "; \(suggestion)" }
    return text
  }
}
