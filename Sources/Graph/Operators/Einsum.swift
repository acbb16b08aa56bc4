import Support
import Tensor

/// Einstein's sum: products of operands whose axes are named by letters, summed over letters that the result lacks.
struct EinsumOperator: Operator {
  static let name = "Einsum"
  var precision: PrecisionPolicy { .narrow }
  var arity: ClosedRange<Int> { 1...Int.max }

  /// The letters of each operand and of the result; axes under "..." are numbered from the end.
  private struct Equation {
    var operands: [[String]] = []
    var output: [String] = []

    init(_ node: Node, ranks: [Int]) throws {
      let text = try node.string("equation", default: "").filter { $0 != " " }
      let sides = text.split(separator: ">", omittingEmptySubsequences: false)
      let left = sides[0].hasSuffix("-") ? sides[0].dropLast() : sides[0]
      let terms = left.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard sides.count <= 2, terms.count == ranks.count else {
        throw node.failure(.argument, "equation '\(text)' for \(ranks.count) operands", argument: "equation")
      }
      var widest = 0
      for (term, rank) in zip(terms, ranks) {
        let named = term.filter { $0 != "." }.count
        widest = max(widest, term.contains(".") ? rank - named : 0)
        guard term.contains(".") ? named <= rank : named == rank else {
          throw node.failure(.shape, "term '\(term)' of '\(text)'", argument: "equation", expected: "\(rank) axes")
        }
        operands.append(Self.letters(term, spread: rank - named))
      }
      if sides.count == 2 {
        output = Self.letters(String(sides[1]), spread: widest)
      } else {
        let all = operands.flatMap { $0 }.filter { !$0.hasPrefix(".") }
        output = (0..<widest).map { ".\(widest - $0)" } + Set(all).filter { letter in all.count { $0 == letter } == 1 }.sorted()
      }
    }

    private static func letters(_ term: String, spread: Int) -> [String] {
      guard let first = term.firstIndex(of: "."), let last = term.lastIndex(of: ".") else { return term.map { String($0) } }
      return term[..<first].map { String($0) } + (0..<max(0, spread)).map { ".\(spread - $0)" }
        + term[term.index(after: last)...].map { String($0) }
    }
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let types = try inputs.indices.map { try inputs.required($0, node) }, shapes = types.compactMap(\.shape)
    guard shapes.count == types.count else { return [ValueType(types[0].dtype, nil)] }
    let equation = try Equation(node, ranks: shapes.map(\.count))
    var sizes: [String: Dimension] = [:]
    for (letters, shape) in zip(equation.operands, shapes) {
      for (letter, size) in zip(letters, shape) {
        guard let old = sizes[letter], old != 1 else { sizes[letter] = size; continue }
        if let a = old.value, let b = size.value, b != 1, a != b {
          throw node.failure(.shape, "axis '\(letter)' is \(a) and \(b)", argument: "equation")
        }
        if old.value == nil, size != 1 { sizes[letter] = size }
      }
    }
    return [ValueType(types[0].dtype, try equation.output.map { letter in
      guard let size = sizes[letter] else { throw node.failure(.argument, "the result's axis '\(letter)' is in no operand", argument: "equation") }
      return size
    })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try Tensor.einsum(node.string("equation", default: ""), inputs.indices.map { try inputs.required($0, node) })]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    let shapes = inputs.compactMap { $0?.fixedShape }
    guard shapes.count == inputs.count, shapes.count > 1 else { return 0 }
    var sizes: [String: Int] = [:]
    for (letters, shape) in zip(try Equation(node, ranks: shapes.map(\.count)).operands, shapes) {
      for (letter, size) in zip(letters, shape) { sizes[letter] = max(size, sizes[letter] ?? 1) }
    }
    return try checkedProduct(Array(sizes.values), node)
  }

  /// A letter's axes go together; one that is summed over leaves without a trace only if an operand is a parameter.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    let ranks = (0..<flow.inputCount).compactMap { flow.rank(.input($0)) }
    guard ranks.count == flow.inputCount else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let equation = try Equation(node, ranks: ranks)
    var places: [String: [(ChannelFlow.Place, Int)]] = [:]
    for (input, letters) in equation.operands.enumerated() {
      for (axis, letter) in letters.enumerated() { places[letter, default: []].append((.input(input), axis)) }
    }
    for (axis, letter) in equation.output.enumerated() { places[letter, default: []].append((.output(0), axis)) }
    for (letter, found) in places.sorted(by: { $0.key < $1.key }) {
      let isSummed = !equation.output.contains(letter)
      let parameters = found.filter { if case .input(let input) = $0.0 { flow.isParameter(input) } else { false } }
      let sizes = Set(found.map { flow.size($0.0, axis: $0.1) })
      guard sizes.count == 1, !isSummed || (!parameters.isEmpty && found.count > 1) else {
        for (place, axis) in found { flow.block(place, axis: axis, "\(node.op) '\(node.name)' sums or spreads axis '\(letter)'") }
        continue
      }
      for (place, axis) in found.dropFirst() { flow.tie(found[0].0, axis: found[0].1, place, axis: axis) }
      for (place, axis) in parameters {
        if case .input(let input) = place { flow.role(isSummed ? .consumes : .produces, input: input, axis: axis) }
      }
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(EinsumOperator.self) }
