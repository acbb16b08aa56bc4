import Compression
import Support
import Tensor
import Testing

@Suite struct RegistryTests {
  private func scripted(_ name: String, _ origin: Registration.Origin, power: Double = 1) -> Registration {
    Registration(kind: .criterion, entry: Entry(name: name, summary: "scripted"), origin: origin) { arguments in
      try Size(Arguments(Size.entry, ["power": .number(power)]).carrying(arguments.entry.name))
    }
  }

  @Test func listsSortedAndFinds() throws {
    let registry = try Fixture.registry()
    #expect(registry.list(.method).map(\.name) == ["halve", "mixed", "peek", "warm"])
    #expect(registry.list().map(\.kind) == [.criterion, .loss, .method, .method, .method, .method])
    #expect(try registry.find(.criterion, "size").family == "test")
    let error = try #require(throws: PareError.self) { try registry.find(.method, "halv") }
    #expect(error.description == "no method is called 'halv'; did you mean 'halve'?")
    #expect(error.code == .notFound)
    let none = try #require(throws: PareError.self) { try registry.find(.rank, "energy") }
    #expect(none.description == "no rank is called 'energy'; no rank is registered")
  }

  @Test func kindsComeFromProtocols() {
    #expect(Halve.kind == .method)
    #expect(Size.kind == .criterion)
    #expect(Soft.kind == .loss)
    #expect(ExtensionKind.allCases.count == 17)
  }

  @Test func builtInNamesAreTakenOnce() throws {
    let registry = try Fixture.registry()
    let twice = try #require(throws: PareError.self) {
      try Plugin(Size.self).register(in: registry, family: "other", origin: .builtIn)
    }
    #expect(twice.code == .internal)
    #expect(twice.description == "two built-in families define the criterion 'size': got test and other")
    let redefined = try #require(throws: PareError.self) { try registry.register(scripted("size", .script("a.lua:3"))) }
    #expect(redefined.code == .argument)
    #expect(redefined.description
      == "the criterion 'size' is built in (test) and cannot be redefined by script a.lua:3; choose another name")
  }

  @Test func scriptsReplaceTheirOwn() throws {
    let registry = try Fixture.registry()
    try registry.register(scripted("mine", .script("1"), power: 1))
    try registry.register(scripted("mine", .script("2"), power: 2))
    let made: any ImportanceCriterion = try registry.make(.criterion, "mine")
    #expect((made as? Size)?.power == 2)
    #expect(try registry.find(.criterion, "mine").origin == .script("2"))
    registry.removeAll(from: .script("2"))
    #expect(registry.lookUp(.criterion, "mine") == nil)
    registry.remove(.criterion, "size")
    #expect(registry.lookUp(.criterion, "size") != nil)
  }

  @Test func registersAllOrNone() throws {
    let registry = try Fixture.registry()
    #expect(throws: PareError.self) {
      try registry.register([scripted("fresh", .script("a")), scripted("size", .script("a"))])
    }
    #expect(registry.lookUp(.criterion, "fresh") == nil)
    #expect(throws: PareError.self) {
      try registry.register([scripted("fresh", .script("a")), scripted("fresh", .script("a"))])
    }
  }

  @Test func refusesTheWrongKind() throws {
    let registry = try Fixture.registry()
    let error = try #require(throws: PareError.self) {
      let _: any SparsitySchedule = try registry.make(.criterion, "size")
    }
    #expect(error.code == .internal)
    let step = try #require(throws: PareError.self) {
      let size = try registry.find(.criterion, "size")
      return try Step(size, Arguments(size.entry, registry: registry))
    }
    #expect(step.description == "a recipe is made of methods: expected a method, got the criterion 'size'")
  }
}
