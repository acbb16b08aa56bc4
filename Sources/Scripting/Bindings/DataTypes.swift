import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// Data sets in Lua: `d = data.load("digits")`, `d.train`, `d.test:evaluate(m)`.
enum DataTypes {
  static func register(in environment: ScriptEnvironment) throws {
    var dataset = LuaType<DatasetHandle>("dataset")
    func part(_ key: KeyPath<Dataset, DataPart>) -> LuaType<DatasetHandle>.Property {
      { handle, call in try call.push(object: DataPartHandle(handle.dataset[keyPath: key])); return 1 }
    }
    dataset.properties = [
      ("train", part(\.train)), ("validation", part(\.validation)), ("test", { handle, call in
        guard !handle.isTestClosed else {
          throw PareError(
            .argument, "data.test is read inside a method", argument: "data.test", expected: "train or validation",
            suggestion: "whatever decides sees validation only")
        }
        try call.push(object: DataPartHandle(handle.dataset.test))
        return 1
      }),
      ("name", { handle, call in call.push(handle.dataset.name); return 1 }),
      ("classes", { handle, call in try call.push(Conversion.strings(handle.dataset.classes, call.state)); return 1 }),
      ("input", { handle, call in
        try call.push(.table(Conversion.list(handle.dataset.inputShape, call.state) { .integer($0) }))
        return 1
      }),
    ]
    dataset.metamethods = [
      ("__tostring", { call in
        guard let handle: DatasetHandle = call.object(1) else { throw PareError(.argument, "not a dataset") }
        let d = handle.dataset
        call.push(
          "dataset '\(d.name)': \(d.train.count) train, \(d.validation.count) validation, \(d.test.count) test, "
            + "inputs \(d.inputShape), \(d.classes.count) classes")
        return 1
      }),
      ("__concat", Text.concat),
    ]
    try environment.state.register(dataset)

    var type = LuaType<DataPartHandle>("data part")
    type.methods = environment.declare(partMethods)
    type.properties = [
      ("size", { handle, call in call.push(handle.part.count); return 1 }),
      ("role", { handle, call in call.push(handle.part.role.rawValue); return 1 }),
    ]
    type.metamethods = [
      ("__len", { call in
        guard let handle: DataPartHandle = call.object(1) else { throw PareError(.argument, "not a data part") }
        call.push(handle.part.count)
        return 1
      }),
      ("__tostring", { call in
        guard let handle: DataPartHandle = call.object(1) else { throw PareError(.argument, "not a data part") }
        call.push("\(handle.part.role.rawValue) part: \(handle.part.count) samples")
        return 1
      }),
    ]
    try environment.state.register(type)
  }

  // MARK: Loading

  static var functions: [Function] {
    [
      Function(
        "data.load", [.string("name", doc: "digits, mnist, fashion-mnist, cifar10, cifar100, images, npy, synthetic")],
        options: [
          .string("dir", optional: true, doc: "Folder of the files; default $PARE_DATA/NAME"),
          .choice("normalize", among: ["default"], optional: true, doc: "\"default\", false, or {mean={...}, std={...}}"),
          .choice("layout", among: ["nchw", "nhwc"], default: "nchw", doc: "Order of the axes"),
          .number("train", default: 0.9, allowed: ParameterRange(minimum: 0, maximum: 1, includesMinimum: false), doc: "Share of the training part that is trained on"),
          .integer("seed", default: 0, in: 0..., doc: "Of the split"),
          .choice("labels", among: LabelKind.allCases.map(\.rawValue), default: "fine", doc: "Of cifar100: 100 classes or 20"),
          .integer("size", optional: true, doc: "Of images {height, width}; of synthetic their number"),
          .choice("kind", among: SyntheticKind.allCases.map(\.rawValue), default: "images", doc: "Of synthetic"),
          .list("shape", optional: true, doc: "Of synthetic images and shapes: {channels, height, width}"),
          .integer("classes", in: 1..., optional: true, doc: "Of synthetic images and spirals"),
        ], "Loads a data set; nothing is downloaded", example: "d = data.load(\"digits\")", load)
    ]
  }

  private static func load(_ call: Call) throws -> Int {
    // A registered set may be given with its parameters, {"x", n=2}, or these among the options.
    var fields: [String: Value] = [:]
    let name: String
    if case .table(let table) = call.value(1), case .string(let first) = try table[index: 1], try table.count == 1 {
      name = first
      for (key, value) in try table.fields { fields[key] = try Conversion.value(value, call.environment) }
    } else {
      name = try call.string(1)
    }
    let registration = Registry.shared.lookUp(.dataset, name)
    let own = Set(registration?.entry.parameters.map(\.name) ?? []).subtracting(call.function.options.map(\.name))
    let (given, raw) = try call.options(raw: ["normalize", "size"], others: own)
    if case .table(let table) = call.value(2) {
      for (key, value) in try table.fields where registration?.entry.parameter(key) != nil {
        fields[key] = try Conversion.value(value, call.environment)
      }
    }
    var options = DatasetOptions()
    options.dir = try given.optionalString("dir").map { try call.environment.readable($0) }
    options.layout = ImageLayout(rawValue: try given.string("layout")) ?? .nchw
    options.train = try given.number("train")
    options.seed = UInt64(try given.integer("seed"))
    options.normalize = try normalization(raw["normalize"])
    if let shape = try given.optionalList("shape") { options.shape = try shape.map { try integer($0, "shape") } }
    options.classes = try given.optionalInteger("classes")
    options.labels = LabelKind(rawValue: try given.string("labels")) ?? .fine
    options.kind = SyntheticKind(rawValue: try given.string("kind")) ?? .images
    switch raw["size"] {
    case nil: break
    case .integer(let count)?: options.size = count
    case .table(let list)?: options.imageSize = try list.list.map { try integer(Conversion.value($0, call.environment), "size") }
    case let other?:
      throw PareError(
        .argument, "data.load: size", argument: "size", expected: "{height, width} of images, or a number of samples",
        got: other.typeName)
    }
    let dataset: Dataset
    if let registration {
      dataset = try EntryValue(registration, Arguments(registration.entry, fields)).make(as: (any DatasetSource).self).open(options)
    } else {
      if call.environment.options.sandbox, name != "digits", name != "synthetic", options.dir == nil {
        options.dir = try call.environment.sandboxedDataFolder(name)
      }
      dataset = try Dataset.load(name, options: options)
    }
    var origin: [String: LedgerValue] = [:]
    if case .table(let table) = call.value(2) {
      for (key, value) in try Conversion.named(table, of: "data.load", call.environment) { origin[key] = try value.recorded() }
    }
    try call.lua.push(object: DatasetHandle(dataset, origin: .table(["name": .string(name), "options": .table(origin)])))
    return 1
  }

  private static func integer(_ value: Value, _ name: String) throws -> Int {
    if let integer = value.asInteger { return integer }
    throw PareError(.argument, "data.load: \(name)", argument: name, expected: "a list of integers", got: value.brief)
  }

  private static func normalization(_ value: LuaValue?) throws -> NormalizationChoice {
    let refused = PareError(
      .argument, "data.load: normalize", argument: "normalize", expected: "\"default\", false or {mean={...}, std={...}}",
      got: value?.typeName ?? "nothing")
    func numbers(_ value: LuaValue) throws -> [Double] {
      guard case .table(let table) = value else { throw refused }
      return try table.list.map { item in
        switch item {
        case .number(let number): return number
        case .integer(let integer): return Double(integer)
        default: throw refused
        }
      }
    }
    switch value {
    case nil, .string("default")?: return .standard
    case .boolean(false)?: return .none
    case .table(let table)?:
      return .given(Normalization(mean: try numbers(table[key: "mean"]), deviation: try numbers(table[key: "std"])))
    default: throw refused
    }
  }

  /// A dataset handle, or a table `{train=, validation=, test=, classes=}` of parts.
  static func dataset(_ value: LuaValue, in name: String) throws -> Dataset {
    switch value {
    case .object(let object):
      if let handle = try object.object(as: DatasetHandle.self) { return handle.dataset }
      if let part = try object.object(as: DataPartHandle.self) {
        throw PareError(
          .argument, "\(name): data", argument: "data", expected: "a whole data set",
          got: "its \(part.part.role.rawValue) part", suggestion: "give d instead of d.\(part.part.role.rawValue)")
      }
    case .table(let table):
      func part(_ role: DataPart.Role) throws -> DataPart { try self.part(table[key: role.rawValue], role, in: name) }
      var classes: [String] = []
      if case .table(let list) = try table[key: "classes"] {
        classes = try list.list.compactMap { if case .string(let text) = $0 { text } else { nil } }
      }
      let train = try part(.train)
      return try Dataset(name: "own", train: train, validation: part(.validation), test: part(.test), classes: classes)
    default: break
    }
    throw PareError(
      .argument, "\(name): data", argument: "data", expected: "a data set such as data.load(\"digits\")", got: value.typeName)
  }

  /// A part handle, `{x=tensor, y=tensor}` or `{size=n, get=function(i) return x, y end}`; an absent one is empty.
  private static func part(_ value: LuaValue, _ role: DataPart.Role, in name: String) throws -> DataPart {
    switch value {
    case .object(let object):
      if let handle = try object.object(as: DataPartHandle.self) {
        guard handle.part.role == role else {
          throw PareError(
            .argument, "\(name): the \(handle.part.role.rawValue) part stands in the place of \(role.rawValue)",
            argument: role.rawValue, expected: "the \(role.rawValue) part", got: "the \(handle.part.role.rawValue) part")
        }
        return handle.part
      }
    case .table(let table):
      if case .object(let x) = try table[key: "x"], let x = try x.object(as: TensorHandle.self),
        case .object(let y) = try table[key: "y"], let y = try y.object(as: TensorHandle.self)
      {
        // Labels written as plain numbers are f32 in Lua.
        let isLabels = try y.value.rank == 1 && y.value.dtype.isFloating && whole(y.value)
        let labels = isLabels ? try y.value.converted(to: .i64) : y.value
        return try DataPart(role, x: x.value, y: labels)
      }
      if case .function(let get) = try table[key: "get"] {
        guard case .integer(let size) = try table[key: "size"], size >= 0 else {
          throw PareError(
            .argument, "\(name): size of the \(role.rawValue) part", argument: "size", expected: "an integer at least 0",
            got: try get.state().describe(table[key: "size"]))
        }
        return try DataPart(role, count: size) { index in
          let results = try get.state().call(get, [.integer(index + 1)])
          guard results.count >= 2 else {
            throw PareError(.argument, "get of the \(role.rawValue) part returned no x, y", expected: "two values", got: "\(results.count)")
          }
          // An integer is a class, a float a value.
          var y = try TensorMethods.tensor(results[1], "get of the \(role.rawValue) part")
          if case .integer = results[1] { y = try y.converted(to: .i64) }
          return (try TensorMethods.tensor(results[0], "get of the \(role.rawValue) part"), y)
        }
      }
    default: break
    }
    throw PareError(
      .argument, "\(name): the \(role.rawValue) part", argument: role.rawValue,
      expected: "a part, {x=tensor, y=tensor} or {size=n, get=function(i) return x, y end}", got: value.typeName)
  }

  private static func whole(_ tensor: Tensor) throws -> Bool {
    try tensor.detached().scalars().allSatisfy { Int64(exactly: $0) != nil }
  }

  // MARK: Parts

  private static var partMethods: [Function] {
    [
      Function(
        "part:batches",
        options: [
          .integer("size", default: 64, in: 1...), .boolean("shuffle", default: false, doc: "Another order, drawn from the seed"),
          .integer("seed", default: 0, in: 0...), .integer("epoch", default: 0, in: 0..., doc: "Another order for each epoch"),
        ], style: .table, "Batches for a for loop, each with x and y",
        example: "for batch in d.train:batches{size=64, shuffle=true, seed=1} do print(batch.x) end"
      ) { call in
        let part = try call.receiver(DataPartHandle.self).part
        let options = try call.options(at: 1)
        let batches = try part.batches(
          size: options.integer("size"), shuffle: options.boolean("shuffle"), seed: UInt64(options.integer("seed")),
          epoch: options.integer("epoch"))
        var position = 0
        return try call.push(.function(call.state.function { inner in
          guard position < batches.count else { try inner.push(.null); return 1 }
          let batch = try batches[position]
          position += 1
          try inner.push(Self.batch(batch, inner.state))
          return 1
        }))
      },
      Function("part:take", [.integer("n", in: 0...)], "The first samples, in file order", example: "d.train:take(512)") { call in
        let part = try call.receiver(DataPartHandle.self).part
        try call.lua.push(object: DataPartHandle(part.take(call.integer(1))))
        return 1
      },
      Function("part:all", "Every sample as one batch", example: "d.test:all().x.shape") { call in
        try call.push(batch(call.receiver(DataPartHandle.self).part.all(), call.state))
      },
      Function(
        "part:evaluate", [.model("model")],
        options: [
          metricOption("accuracy, loss, top5, a metric's name, or function(outputs, labels) return number end", own: ["accuracy", "loss", "top5"]),
          .integer("batch", default: 256, in: 1...),
        ], "Measures a model on this part", example: "d.test:evaluate(m).accuracy"
      ) { call in
        let part = try call.receiver(DataPartHandle.self).part
        let (options, raw) = try call.options(raw: ["metric"])
        return try call.push(
          Tables.evaluation(
            evaluation(call.model(1), part, metric: raw["metric"], batch: options.integer("batch"), call.environment), call.state))
      },
    ]
  }

  static func batch(_ batch: Batch, _ state: LuaState) throws -> LuaValue {
    try Conversion.record(
      state,
      [
        "x": state.value(object: TensorHandle(batch.x), bytes: batch.x.byteCount),
        "y": state.value(object: TensorHandle(batch.targets), bytes: batch.targets.byteCount),
      ])
  }

  /// What a data set was loaded with.
  static func origin(of value: LuaValue) throws -> LedgerValue {
    if case .object(let object) = value, let handle = try object.object(as: DatasetHandle.self) { return handle.origin }
    return .table(["name": .string("own"), "own": .boolean(true)])
  }

  /// The declaration of `metric=`, for which completion offers entries and `own`.
  static func metricOption(_ doc: String, own: [String] = []) -> ParameterSpec {
    var spec = ParameterSpec.function("metric", optional: true, doc: doc)
    spec.kind = .metric
    spec.suggestions = own
    return spec
  }

  /// A metric's name or a function, as a function of outputs and labels.
  static func metric(
    _ value: LuaValue, in name: String, _ environment: ScriptEnvironment
  ) throws -> (Tensor, Tensor) throws -> Double {
    switch value {
    case .function(let function): return { try Defined.number(environment.state, function, $0, $1, "a metric") }
    case .string, .table:
      let entry = Entry(name: name, summary: "", parameters: [.entry("metric", kind: .metric)])
      do {
        let metric = try Arguments(entry, ["metric": Conversion.value(value, environment)]).entry("metric", as: (any Metric).self)
        return { try metric.value(outputs: $0, labels: $1) }
      } catch var error as PareError where error.code == .notFound {
        // What every evaluation counts by itself is no entry.
        let names = ["accuracy", "top5", "loss"] + Registry.shared.list(.metric).map(\.name)
        if case .string(let word) = value { error.suggestion = Suggestion.didYouMean(word, among: names) }
        error.suggestion = error.suggestion ?? "there are \(names.joined(separator: ", ")), or a function(outputs, labels)"
        throw error
      }
    default:
      throw PareError(.argument, "\(name): metric", argument: "metric", expected: "a name or a function", got: value.typeName)
    }
  }

  static func evaluation(
    _ model: Model, _ part: DataPart, metric: LuaValue?, batch: Int = 256, _ environment: ScriptEnvironment
  ) throws -> Evaluation {
    switch metric {
    case nil, .string("accuracy")?: return try evaluate(model, on: part, batch: batch)
    case .string("loss")?:
      var result = try evaluate(model, on: part, batch: batch)
      result.value = result.loss
      return result
    case .string("top5")?:
      var result = try evaluate(model, on: part, batch: batch)
      result.value = result.top5
      return result
    case let own?: return try evaluate(model, on: part, metric: DataTypes.metric(own, in: "part:evaluate", environment), batch: batch)
    }
  }
}
