import Compression
import Graph
import OrderedCollections
import Support
import Tensor
import Testing

@Suite struct ArgumentTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let method: String
    let values: [String: Value]
    let code: PareError.Code
    let argument: String
    let message: String
    var testDescription: String { message }
  }

  static let cases: [Case] = [
    Case(method: "halve", values: ["factr": 1], code: .argument, argument: "factr",
      message: "unknown parameter 'factr' for halve; did you mean 'factor'?"),
    Case(method: "halve", values: ["zzz": 1], code: .argument, argument: "zzz",
      message: "unknown parameter 'zzz' for halve; it takes factor, layers, criterion"),
    Case(method: "halve", values: ["factor": 2], code: .argument, argument: "factor",
      message: "parameter 'factor' of halve: expected a number in 0...1, got 2"),
    Case(method: "halve", values: ["factor": "x"], code: .argument, argument: "factor",
      message: "parameter 'factor' of halve: expected a number in 0...1, got 'x'"),
    Case(method: "halve", values: ["factor": .number(.nan)], code: .argument, argument: "factor",
      message: "parameter 'factor' of halve: expected a number in 0...1, got nan"),
    Case(method: "halve", values: ["criterion": "sise"], code: .notFound, argument: "criterion",
      message: "parameter 'criterion' of halve: no criterion is called 'sise'; did you mean 'size'?"),
    Case(method: "halve", values: ["criterion": .table(ValueTable(items: ["size"], fields: ["powr": 2]))],
      code: .argument, argument: "powr", message: "unknown parameter 'powr' for size; did you mean 'power'?"),
    Case(method: "halve", values: ["criterion": .table(ValueTable(items: ["size"], fields: ["reduce": "men"]))],
      code: .argument, argument: "reduce",
      message: "parameter 'reduce' of size: expected 'sum', 'mean' or 'max', got 'men'; did you mean 'mean'?"),
    Case(method: "halve", values: ["criterion": 3], code: .argument, argument: "criterion",
      message: "parameter 'criterion' of halve: expected the name of a criterion or {name, ...}, got 3"),
    Case(method: "halve", values: ["layers": ["x": 1]], code: .argument, argument: "layers",
      message: "parameter 'layers' of halve: expected a list, got a table"),
    Case(method: "mixed", values: ["steps": 1.5], code: .argument, argument: "steps",
      message: "parameter 'steps' of mixed: expected an integer in 1...5, got 1.5"),
    Case(method: "mixed", values: ["steps": 6], code: .argument, argument: "steps",
      message: "parameter 'steps' of mixed: expected an integer in 1...5, got 6"),
    Case(method: "mixed", values: ["share": 1], code: .argument, argument: "share",
      message: "parameter 'share' of mixed: expected a number in 0..<1, got 1"),
    Case(method: "mixed", values: ["teacher": "inptu"], code: .argument, argument: "teacher",
      message: "parameter 'teacher' of mixed: expected a model or 'input', got 'inptu'; did you mean 'input'?"),
    Case(method: "mixed", values: ["hard": 1], code: .argument, argument: "hard",
      message: "parameter 'hard' of mixed: expected true or false, got 1"),
    Case(method: "mixed", values: ["loss": [["soft"], 3]], code: .argument, argument: "loss",
      message: "parameter 'loss' of mixed: expected a loss or a list of them, got 3"),
    Case(method: "mixed", values: ["mask": [1, 2]], code: .argument, argument: "mask",
      message: "parameter 'mask' of mixed: expected a tensor, got a list of 2"),
  ]

  @Test(arguments: cases) func refuses(_ test: Case) throws {
    let registry = try Fixture.registry()
    let error = try #require(throws: PareError.self) { try Step(test.method, test.values, registry: registry) }
    #expect(error.code == test.code)
    #expect(error.argument == test.argument)
    #expect(error.description == test.message)
  }

  @Test func fillsDefaultsAndConverts() throws {
    let registry = try Fixture.registry()
    let step = try Step("mixed", ["steps": 3.0, "share": .tensor(Tensor.scalar(0.25)), "hard": .null], registry: registry)
    #expect(try step.arguments.integer("steps") == 3)
    #expect(try step.arguments.number("share") == 0.25)
    #expect(try step.arguments.boolean("hard") == false)
    #expect(!step.arguments.isGiven("hard"))
    #expect(step.arguments.isGiven("steps"))
    #expect(try step.arguments.string("teacher") == "input")
    #expect(try step.arguments.optionalModel("teacher") == nil)
    #expect(try step.arguments.optionalTable("budget") == nil)
    #expect(step.description == "mixed{steps=3, share=0.25}")
  }

  @Test func missingAndUndeclared() throws {
    let entry = Entry(name: "e", summary: "", parameters: [.number("x", in: 0...1), .integer("n", optional: true)])
    let missing = try #require(throws: PareError.self) { try Arguments(entry, [:], registry: Registry()) }
    #expect(missing.description == "e needs the parameter 'x': expected a number in 0...1")
    let arguments = try Arguments(entry, ["x": 1], registry: Registry())
    #expect(try arguments.optionalInteger("n") == nil)
    let absent = try #require(throws: PareError.self) { try arguments.integer("n") }
    #expect(absent.code == .argument)
    let undeclared = try #require(throws: PareError.self) { try arguments.number("y") }
    #expect(undeclared.code == .internal)
    #expect(undeclared.argument == "y")
  }

  @Test func mixesCarryWeights() throws {
    let registry = try Fixture.registry()
    let mix: Value = [.table(ValueTable(items: ["soft"], fields: ["temperature": 2, "weight": 0.5])), "soft"]
    let made = try #require(try Step("mixed", ["loss": mix], registry: registry).method() as? Mixed)
    #expect(made.losses.map(\.weight) == [0.5, 1])
    let names = try #require(try Step("mixed", ["loss": ["soft", "soft"]], registry: registry).method() as? Mixed)
    #expect(names.losses.count == 2)
    let single = try #require(
      try Step("mixed", ["loss": .table(ValueTable(items: ["soft"], fields: ["weight": 3]))], registry: registry).method()
        as? Mixed)
    #expect(single.losses.map(\.weight) == [3])
  }

  @Test func recordsWhatTheLedgerKeeps() throws {
    let registry = try Fixture.registry()
    let function = FunctionValue(source: "function(x) return x end") { $0 }
    let step = try Step(
      "halve", ["criterion": .table(ValueTable(items: ["size"], fields: ["power": 2]))], registry: registry)
    #expect(try step.arguments.recorded() == .table([
      "factor": .number(0.5), "criterion": .list([.string("size"), .table(["power": .integer(2), "reduce": .string("sum")])]),
    ]))
    let recorded = try Value.function(function).recorded()
    #expect(recorded == .table(["function": .string(function.source), "hash": .string(function.hash)]))
    #expect(function.hash.count == 16)
    #expect(function.hash != FunctionValue(source: "function(x) return 2 * x end") { $0 }.hash)
    #expect(recorded.json == "{\"function\":\"function(x) return x end\",\"hash\":\"\(function.hash)\"}")
    let model = try Fixture.model()
    #expect(try Value.model(model).recorded() == .table(["model": .string(model.hash())]))
    #expect(try Value.table(ValueTable(fields: ["b": 1, "a": 2])).recorded().json == "{\"a\":2,\"b\":1}")
  }

  @Test func jsonEscapes() {
    let value = LedgerValue.table(["k\"": .list([.string("a\n\u{1}\\é"), .number(0.1), .number(.infinity), .null, .number(3)])])
    #expect(value.json == "{\"k\\\"\":[\"a\\n\\u0001\\\\é\",0.1,null,null,3]}")
  }

  @Test(arguments: [
    (Entry(name: "", summary: ""), "an entry needs a name made of letters, digits and '_': got ''"),
    (Entry(name: "a b", summary: ""), "an entry needs a name made of letters, digits and '_': got 'a b'"),
    (Entry(name: "a", summary: "", parameters: [.boolean("x", default: true), .string("x", default: "")]),
      "a declares the parameter 'x' twice"),
    (Entry(name: "a", summary: "", parameters: [.number("x", default: 5, in: 0...1)]),
      "parameter 'x' of a: expected a number in 0...1, got 5"),
  ]) func refusesFaultyDeclarations(_ entry: Entry, _ message: String) throws {
    let error = try #require(throws: PareError.self) { try entry.verified() }
    #expect(error.description == message)
  }
}
