import Compression
import Foundation
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import Training

@Suite struct ReportTests {
  private static func result() throws -> CompressionResult {
    let registry = try Fixture.registry()
    var model = try Fixture.model()
    // Names that would break a page that does not escape them.
    model.nodes[0].name = "<b>conv & \"co\"</b>"
    let recipe = try Recipe([
      Step("halve", ["layers": ["fc"]], registry: registry), Step("warm", ["epochs": 3], registry: registry),
    ])
    return try compress(model, recipe, data: Fixture.data(), seed: 1)
  }

  @Test func pageIsWellFormedAndSelfContained() throws {
    let html = try Self.result().html()
    #expect(html.hasPrefix("<!doctype html>"))
    #expect(html.contains("<meta name=\"viewport\""))
    for word in ["http:", "https:", "<script", "src=", "@import", "url(", "<link"] { #expect(!html.contains(word), "\(word)") }
    #expect(html.contains("&lt;b&gt;conv &amp; &quot;co&quot;&lt;/b&gt;"))
    #expect(!html.contains("<b>conv"))
    for title in ["Steps", "Layers", "Weights", "Training", "Confusion", "Layers left alone", "Ledger", "Machine"] {
      #expect(html.contains("<h2>\(title)</h2>"), "\(title)")
    }
    // Every element that is opened is closed, in order.
    var open: [String] = []
    let void: Set<String> = ["meta", "!doctype"]
    var rest = html[...]
    while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      let name = String(tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber || $0 == "!" }).lowercased()
      if tag.hasPrefix("/") { #expect(open.popLast() == name) } else if !void.contains(name), !tag.hasSuffix("/") { open.append(name) }
    }
    #expect(open.isEmpty)
  }

  @Test func textCSVAndJSONAgree() throws {
    let result = try Self.result()
    let lines = result.csv.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0] == "seed,step,method,accuracy,loss,parameters,nonzeros,macs,bytes,median_ms")
    #expect(lines[1].hasPrefix("1,0,baseline,"))
    #expect(lines[3].hasPrefix("1,2,warm,"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.json.utf8)) as? [String: Any])
    let steps = try #require(object["steps"] as? [[String: Any]])
    #expect(steps.map { $0["name"] as? String } == ["halve", "warm"])
    let after = try #require(object["after"] as? [String: Any])
    #expect(after["accuracy"] as? Double == result.after.accuracy)
    #expect(after["bytes"] as? Int == result.after.bytes)
    #expect(lines[3].contains(",\(result.after.bytes),"))
    let ledger = try #require(object["ledger"] as? [[String: Any]])
    #expect(ledger.count == 2)
    let text = result.description
    #expect(text.contains("baseline"))
    #expect(text.contains("halve left alone:\n  <b>conv & \"co\"</b>: not asked for"))
    let table = text.split(separator: "\n\n")[0].split(separator: "\n")
    #expect(table.count == 5)
    #expect(table[4].hasPrefix("gain"))
  }

  @Test func writesFiles() throws {
    let result = try Self.result()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pare-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("r.html").path
    try result.writeReport(to: path)
    // A report of its own has a picture more, whose times are measured while it is written.
    let written = try String(contentsOfFile: path, encoding: .utf8)
    let start = try #require(written.range(of: "<section>\n<h2>Roofline</h2>")), rest = written[start.lowerBound...]
    let end = try #require(rest.range(of: "</section>\n"))
    #expect(written[start.lowerBound..<end.upperBound].components(separatedBy: "<figure>").count == 3)
    #expect(!written.contains("http:"))
    #expect(try String(written[..<start.lowerBound] + written[end.upperBound...]) == result.html())
    let error = try #require(throws: PareError.self) { try result.writeReport(to: "/nowhere/r.html") }
    #expect(error.code == .io)
  }

  @Test(arguments: [
    (Figures.bytes(999), "999 B"), (Figures.bytes(1000), "1.00 kB"), (Figures.bytes(12_345), "12.3 kB"),
    (Figures.bytes(999_600), "1.00 MB"), (Figures.count(151_306), "151 k"), (Figures.count(0), "0"),
    (Figures.percent(0.98765), "98.77%"), (Figures.milliseconds(0.0512), "51.2 µs"), (Figures.milliseconds(0.512), "512 µs"),
    (Figures.milliseconds(12.34), "12.3 ms"), (Figures.seconds(75), "1 min 15 s"), (Figures.ratio(100, 8), "12.5x"),
    (Figures.ratio(100, 0), "-"), (Figures.points(-0.004), "-0.40 pt"), (Figures.fixed(-0.001, 2), "0.00"),
    (Figures.fixed(2.005, 2), "2.01"), (Figures.fixed(.infinity, 2), "inf"), (Figures.short(0.000123), "1.2e-4"),
    (Figures.decibels(200), "exact"),
  ]) func numbersReadWell(_ text: String, _ expected: String) { #expect(text == expected) }
}

@Suite struct FrontTests {
  private func point(_ accuracy: Double, _ bytes: Double) throws -> Front.Point {
    Front.Point(model: try Fixture.model(), candidate: ["width": .number(bytes)], values: ["accuracy": accuracy, "bytes": bytes])
  }

  @Test func keepsWhatNothingBeats() throws {
    var front = Front(objectives: ["accuracy", "bytes"])
    for (accuracy, bytes, stays) in [(0.9, 100.0, true), (0.8, 120, false), (0.8, 50, true), (0.9, 100, false), (0.95, 90, true), (0.7, 50, false)] {
      #expect(try front.insert(point(accuracy, bytes)) == stays)
    }
    #expect(front.points.map(\.bytes) == [50, 90])
    #expect(front.evaluated == 6)
    #expect(try front.best(under: ["bytes": 60]).accuracy == 0.8)
    #expect(try front.best().accuracy == 0.95)
    #expect(try front.best(under: ["accuracy": 0.9]).bytes == 90)
    let error = try #require(throws: PareError.self) { try front.best(under: ["bytes": 10]) }
    #expect(error.code == .notReached)
    #expect(error.description == "no candidate of the front is under the budget: expected bytes <= 10, got at best bytes 50")
    let unknown = try #require(throws: PareError.self) { try front.best(under: ["byte": 10]) }
    #expect(unknown.suggestion == "did you mean 'bytes'?")
    #expect(front.plot.filter { $0 == "●" }.count == 2)
    #expect(throws: PareError.self) { try front.insert(Front.Point(model: Fixture.model(), candidate: [:], values: ["accuracy": 1])) }
    #expect(throws: PareError.self) { try front.insert(point(.nan, 1)) }
  }
}
