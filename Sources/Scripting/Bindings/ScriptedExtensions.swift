import Compression
import Graph
import LuaBridge
import OrderedCollections
import Support
import Tensor
import Training

/// An extension written in Lua. Instances are made by the registration's closure, which carries the definition.
protocol Scripted: Extension {
  var definition: Definition { get }
  init(_ definition: Definition, _ arguments: Arguments) throws
}

extension Scripted {
  static var entry: Entry { Entry(name: "script", summary: "A \(kind) written in Lua") }
  init(_ arguments: Arguments) throws {
    throw PareError(.internal, "a scripted \(Self.kind) is made by its registration")
  }

  var name: String { "\(Self.kind) '\(definition.entry.name)'" }

  func parameters(_ arguments: Arguments) throws -> LuaTable {
    try Conversion.lua(arguments, definition.owner.get())
  }

  func handle(_ tensor: Tensor) throws -> LuaValue {
    try definition.owner.get().state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
  }

  func handle(_ layer: LayerView) throws -> LuaValue {
    try definition.owner.get().state.value(object: LayerHandle(layer))
  }

  func tensor(_ values: [LuaValue], _ index: Int = 0) throws -> Tensor {
    try TensorMethods.tensor(index < values.count ? values[index] : .null, "the \(name)")
  }
}

struct ScriptedCriterion: ImportanceCriterion, Scripted {
  let definition: Definition
  let arguments: Arguments
  let needs: Statistics

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
    needs = try definition.statistics()
  }

  func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try tensor(definition.call("score", [handle(layer), .table(parameters(arguments))])).detached()
  }
}

struct ScriptedSchedule: SparsitySchedule, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func value(step: Int, total: Int) throws -> Double {
    let results = try definition.call("value", [.integer(step), .integer(total), .table(parameters(arguments))])
    let fraction = try Defined.number(results.first ?? .null, "the \(name)")
    guard (0...1).contains(fraction) else {
      throw PareError(.argument, "the \(name) at step \(step) of \(total)", expected: "a fraction in 0...1", got: "\(fraction)")
    }
    return fraction
  }
}

struct ScriptedQuantizer: Quantizer, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  private func parameters(bits: Int?, axis: Int?) throws -> LuaTable {
    let table = try parameters(arguments)
    if let bits { try table.set("bits", .integer(bits)) }
    if let axis { try table.set("axis", .integer(axis + 1)) }
    return table
  }

  func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized {
    let results = try definition.call("quantize", [handle(weight), .table(parameters(bits: bits, axis: axis))])
    let values = try tensor(results)
    let wanted: DType = try values.dtype.isFloating && values.detached().min().item() < 0 ? .i8 : values.dtype.isFloating ? .u8 : values.dtype
    // A zero point of 0 alone is the symmetric grid.
    var zero: Tensor?
    if results.count > 2, results[2].typeName != "nil" {
      let given = try tensor(results, 2).detached()
      if try wanted == .u8 || given.count > 1 || given.item() != 0 { zero = try given.converted(to: wanted) }
    }
    return Quantized(
      values: try values.detached().converted(to: wanted), scale: try tensor(results, 1).detached().converted(to: .f32), zero: zero)
  }

  func dequantize(_ quantized: Quantized, axis: Int?) throws -> Tensor {
    guard definition.functions["dequantize"] != nil else {
      return try PlainQuantizer().dequantize(quantized, axis: axis)
    }
    // As the script's own arithmetic made them: f32.
    let zero = try quantized.zero.map { try handle($0.converted(to: .f32)) } ?? .number(0)
    let results = try definition.call(
      "dequantize", [handle(quantized.values.converted(to: .f32)), handle(quantized.scale), zero, .table(parameters(bits: nil, axis: axis))])
    return try tensor(results).detached()
  }
}

/// Lends its default `dequantize`.
private struct PlainQuantizer: Quantizer {
  static var entry: Entry { Entry(name: "plain", summary: "(q - zero) * scale") }
  init() {}
  init(_ arguments: Arguments) throws {}
  func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized {
    throw PareError(.unsupported, "this quantizer only dequantizes")
  }
}

struct ScriptedObserver: RangeObserver, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func start() throws -> any RangeObservation {
    Observation(
      definition: definition,
      state: try definition.call("start", [.table(parameters(arguments))]).first ?? .null)
  }

  private struct Observation: RangeObservation {
    let definition: Definition
    var state: LuaValue

    mutating func update(_ values: Tensor) throws {
      let handle = try definition.owner.get().state.value(object: TensorHandle(values), bytes: values.byteCount)
      state = try definition.call("update", [state, handle]).first ?? .null
    }

    func range() throws -> (low: Double, high: Double) {
      let results = try definition.call("range", [state])
      let what = "range of the observer '\(definition.entry.name)'"
      let low = try Defined.number(results.first ?? .null, what), high = try Defined.number(results.count > 1 ? results[1] : .null, what)
      guard low.isFinite, high.isFinite, low <= high else {
        throw PareError(.argument, what, expected: "two finite numbers, the lower one first", got: "\(low) and \(high)")
      }
      return (low, high)
    }
  }
}

struct ScriptedLoss: DistillationLoss, Scripted {
  let definition: Definition
  let arguments: Arguments
  let taps: [(student: String, teacher: String)]

  /// `needs` lists layers: `"layer3"`, or `{"layer3", "layer5"}` for student and teacher.
  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
    taps = try definition.needs.map { value in
      switch value {
      case .string(let name): return (name, name)
      case .table(let table):
        if case .string(let student) = try table[index: 1], case .string(let teacher) = try table[index: 2] {
          return (student, teacher)
        }
      default: break
      }
      throw PareError(
        .argument, "needs of the loss '\(definition.entry.name)'", argument: "needs",
        expected: "layer names, or {student, teacher} pairs of them", got: value.typeName)
    }
  }

  func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    try tensor(
      definition.call(
        "value", [table(student), table(teacher), labels.map(handle) ?? .null, .table(parameters(arguments))]))
  }

  private func table(_ outputs: ModelOutputs) throws -> LuaValue {
    let state = try definition.owner.get().state
    return try Conversion.record(
      state, ["logits": handle(outputs.logits), "taps": .table(Conversion.list(outputs.taps, state) { try handle($0) })])
  }
}

struct ScriptedDecomposition: Decomposition, Scripted {
  let definition: Definition
  let arguments: Arguments
  let needs: Statistics

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
    needs = try definition.statistics()
  }

  /// The script's own, or the singular values of the weight as a matrix `[out, rest]`.
  func spectrum(_ layer: LayerView) throws -> [Double] {
    guard definition.functions["spectrum"] != nil else {
      let out = layer.weight.shape.first ?? 0
      return try layer.weight.reshaped([out, out > 0 ? layer.weight.count / out : 0]).svd().s.scalars()
    }
    let result = try definition.call("spectrum", [handle(layer), .table(parameters(arguments))]).first ?? .null
    if case .table(let table) = result { return try table.list.map { try Defined.number($0, "the spectrum of the \(name)") } }
    return try TensorMethods.tensor(result, "the spectrum of the \(name)").scalars()
  }

  func factor(_ layer: LayerView, rank: Int) throws -> Module {
    let result = try definition.call("factor", [handle(layer), .integer(rank), .table(parameters(arguments))]).first ?? .null
    if let module = try NNFunctions.module(in: result) { return module }
    if case .table(let table) = result {
      return Module(sequence: try table.list.map { item in
        if let module = try NNFunctions.module(in: item) { return module }
        throw PareError(.argument, "the \(name) returned no module", expected: "a module or a list of them", got: item.typeName)
      })
    }
    throw PareError(.argument, "the \(name) returned no module", expected: "a module or a list of them", got: result.typeName)
  }
}

struct ScriptedRank: RankSelector, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int {
    let state = try definition.owner.get().state
    let values = LuaValue.table(try Conversion.list(spectrum, state) { .number($0) })
    let results = try definition.call("choose", [handle(layer), values, .table(parameters(arguments))])
    let rank = try Defined.integer(results.first ?? .null, "the \(name)")
    guard (1...max(1, spectrum.count)).contains(rank) else {
      throw PareError(.argument, "the \(name)", expected: "a rank in 1...\(spectrum.count)", got: "\(rank)", layer: layer.name)
    }
    return rank
  }
}

struct ScriptedStrategy: SearchStrategy, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun {
    let environment = try definition.owner.get()
    let table = environment.state.table()
    for (key, choices) in space.choices {
      try table.set(key, .table(Conversion.list(choices, environment.state) { try Conversion.lua($0, environment) }))
    }
    let random = RandomHandle(RandomSource(seed: seed, name: "strategy.\(definition.entry.name)"))
    let state = try definition.call(
      "start", [.table(table), environment.state.value(object: random), .table(parameters(arguments))])
    return Run(definition: definition, space: space, state: state.first ?? .null)
  }

  private struct Run: SearchRun {
    let definition: Definition
    let space: SearchSpace
    var state: LuaValue

    /// A table from keys to choices, or nil at the end; a second result is the next state.
    mutating func ask() throws -> Candidate? {
      let results = try definition.call("ask", [state])
      if results.count > 1 { state = results[1] }
      guard let first = results.first, first.typeName != "nil" else { return nil }
      guard case .table(let table) = first else {
        throw PareError(
          .argument, "ask of the strategy '\(definition.entry.name)'", expected: "a table from keys to choices, or nil",
          got: first.typeName)
      }
      let environment = try definition.owner.get()
      var picks: OrderedDictionary<String, Int> = [:]
      for (key, choices) in space.choices {
        let value = try Conversion.value(table[key: key], environment)
        let wanted = try value.recorded()
        guard let pick = try choices.firstIndex(where: { try $0.recorded() == wanted }) else {
          throw PareError(
            .argument, "candidate of the strategy '\(definition.entry.name)': key '\(key)'", argument: key,
            expected: "one of \(choices.map(\.brief).joined(separator: ", "))", got: value.brief)
        }
        picks[key] = pick
      }
      return Candidate(picks)
    }

    mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws {
      let environment = try definition.owner.get()
      let chosen = environment.state.table(), objectives = environment.state.table()
      for (key, value) in try candidate.values(in: space) { try chosen.set(key, Conversion.lua(value, environment)) }
      for (key, value) in values { try objectives.set(key, .number(value)) }
      let results = try definition.call("tell", [state, .table(chosen), .table(objectives)])
      if let next = results.first, next.typeName != "nil" { state = next }
    }
  }
}

struct ScriptedDataset: DatasetSource, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func open(_ options: DatasetOptions) throws -> Dataset {
    let table = try parameters(arguments)
    if let dir = options.dir { try table.set("dir", .string(dir)) }
    try table.set("seed", .integer(Int(truncatingIfNeeded: options.seed)))
    let result = try definition.call("open", [.table(table)]).first ?? .null
    let dataset = try DataTypes.dataset(result, in: "the \(name)")
    return try Dataset(
      name: definition.entry.name, train: dataset.train, validation: dataset.validation, test: dataset.test,
      classes: dataset.classes)
  }
}

struct ScriptedMetric: Metric, Scripted {
  let definition: Definition
  let arguments: Arguments

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
  }

  func value(outputs: Tensor, labels: Tensor) throws -> Double {
    let results = try definition.call("value", [handle(outputs), handle(labels), .table(parameters(arguments))])
    return try Defined.number(results.first ?? .null, "the \(name)")
  }
}

struct ScriptedMethod: CompressionMethod, Scripted {
  let definition: Definition
  let arguments: Arguments
  let needs: Statistics

  init(_ definition: Definition, _ arguments: Arguments) throws {
    self.definition = definition
    self.arguments = arguments
    needs = try definition.statistics()
  }

  func apply(_ model: Model, _ context: Context) throws -> Model {
    let state = try definition.owner.get().state
    let results = try definition.call(
      "apply",
      [
        state.value(object: ModelHandle(model), bytes: model.heldBytes), state.value(object: ContextHandle(context)),
        .table(parameters(arguments)),
      ])
    if case .object(let object)? = results.first, let handle = try object.object(as: ModelHandle.self) { return handle.model }
    throw PareError(
      .argument, "apply of the \(name) returned no model", expected: "a model", got: results.first?.typeName ?? "nothing")
  }

  var callbacks: TrainingCallbacks? {
    guard let table = definition.callbacks, let environment = definition.owner.environment else { return nil }
    // The names were checked when the method was defined.
    return try? TrainingFunctions.callbacks(table, environment)
  }
}
