import Formats
import Graph
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// ONNX's own cases: every operator that Pare has gives the outputs that the package onnx 1.16.2 ships for it, in the
/// interpreter and in the session, and its shapes are those that ONNX infers.
@Suite(.enabled(if: ConformancePython.path != nil, Comment(rawValue: ConformancePython.reason)))
struct ConformanceTests {
  /// What the runner of the package itself allows.
  private static let relative = 1e-3, absolute = 1e-7

  /// Cases whose shipped outputs are not what ONNX means; ONNX Runtime gives what Pare gives.
  private static let wrong = [
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True":
      "counts positions beyond the padding, which later versions of the package do not",
    "test_cast_FLOAT_to_BFLOAT16": "cuts off what is rounded",
    "test_castlike_FLOAT_to_BFLOAT16": "cuts off what is rounded",
    "test_castlike_FLOAT_to_BFLOAT16_expanded": "cuts off what is rounded",
    "test_maxunpool_export_with_output_shape": "counts positions in a smaller output than the one asked for",
    "test_resize_downsample_scales_cubic_align_corners": "aligns corners of an output of fractional size",
    "test_resize_downsample_scales_linear_align_corners": "aligns corners of an output of fractional size",
    "test_qlinearmatmul_2D_int8_float16": "wraps around where the result saturates",
    "test_qlinearmatmul_2D_int8_float32": "wraps around where the result saturates",
    "test_qlinearmatmul_3D_int8_float16": "wraps around where the result saturates",
    "test_qlinearmatmul_3D_int8_float32": "wraps around where the result saturates",
  ]

  private enum Outcome {
    case passed
    case refused(String)
    case failed(String)
  }

  @Test func everyCaseOfEveryOperator() throws {
    var passed: [String: Int] = [:], refusals: [String: [String]] = [:]
    var count = 0, failures: [String] = []
    for item in try ConformancePython.cases() where Self.wrong[item.name] == nil {
      switch Self.outcome(of: item) {
      case .passed:
        count += 1
        for name in item.operators { passed[name, default: 0] += 1 }
      case .refused(let reason): refusals[reason, default: []].append(item.name)
      case .failed(let text): failures.append("\(item.name): \(text)")
      }
    }
    let refused = refusals.values.reduce(0) { $0 + $1.count }
    print("ONNX 1.16.2: \(count) cases of \(passed.count) operators pass, \(refused) are refused, \(failures.count) fail")
    print(passed.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    for (name, reason) in Self.wrong.sorted(by: { $0.key < $1.key }) { print("left out: \(name) \(reason)") }
    for (reason, names) in refusals.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
      print("refused \(names.count): \(reason) (\(names.sorted()[0]))")
    }
    for failure in failures { Issue.record(Comment(rawValue: failure)) }
    #expect(count >= 900)
    #expect(passed.count >= 120)
  }

  private static func outcome(of item: ConformanceCase) -> Outcome {
    do {
      let model = try ONNX.load(item.path)
      if let text = try differingTypes(model, item) { return .failed("inference: \(text)") }
      for set in item.sets {
        var inputs = try set.input.map { try ONNX.tensorFile($0) }, outputs = try set.output.map { try ONNX.tensorFile($0) }
        guard inputs.count == model.inputs.count, outputs.count == model.outputs.count else {
          return .failed("\(inputs.count) inputs and \(outputs.count) outputs for \(model.inputs.count) and \(model.outputs.count)")
        }
        inputs = try zip(inputs, model.inputs).map { try halved($0, $1) }
        outputs = try zip(outputs, model.outputs).map { try halved($0, $1) }
        let values = Dictionary(uniqueKeysWithValues: zip(model.inputs.map(\.name), inputs))
        var engines = [("interpreter", try Interpreter(model).run(values).outputs)]
        if let results = try sessionResults(model, values) { engines.append(("session", results)) }
        for (engine, results) in engines {
          for (port, expected) in zip(model.outputs, outputs) {
            guard let value = results[port.name] else { return .failed("\(engine) gives no '\(port.name)'") }
            if let text = try difference(value, expected) { return .failed("\(engine) '\(port.name)': \(text)") }
          }
        }
      }
      return .passed
    } catch let error as PareError where error.code == .unsupported {
      return .refused(reason(error))
    } catch {
      return .failed("\(error)")
    }
  }

  /// What the session gives; nil where sizes depend on data, which it leaves to the interpreter.
  private static func sessionResults(_ model: Model, _ values: [String: Tensor]) throws -> [String: Tensor]? {
    do {
      return try Session(model, threads: 1, shapes: values.mapValues(\.shape.dimensions)).run(values)
    } catch let error as PareError where error.code == .unsupported && error.message.contains("depends on data") {
      return nil
    }
  }

  /// The package stores bf16 as the bits in u16.
  private static func halved(_ tensor: Tensor, _ port: Port) throws -> Tensor {
    guard port.type.dtype == .bf16, tensor.dtype == .u16 else { return tensor }
    return try tensor.withBytes { try Tensor(bytes: $0, shape: tensor.shape, dtype: .bf16) }
  }

  /// A refusal without what is particular to one case.
  private static func reason(_ error: PareError) -> String {
    if let type = error.message.firstMatch(of: /element type (\w+)/) { return "element type \(type.1)" }
    if let op = error.message.firstMatch(of: /operator '([\w.]+)'/) { return "operator \(op.1)" }
    return error.op.map { "\($0): " } ?? "" + error.message.replacing(/'[^']*'/, with: "'..'")
  }

  /// Compares as the package's own runner does, NaN equal to NaN.
  private static func difference(_ value: Tensor, _ expected: Tensor) throws -> String? {
    guard value.shape == expected.shape else { return "shape \(value.shape), expected \(expected.shape)" }
    guard value.dtype == expected.dtype else { return "dtype \(value.dtype), expected \(expected.dtype)" }
    for (index, (a, b)) in zip(try value.scalars(), try expected.scalars()).enumerated() {
      let same = a == b || (a.isNaN && b.isNaN) || abs(a - b) <= absolute + relative * abs(b)
      if !same { return "element \(index) is \(a), expected \(b)" }
    }
    return nil
  }

  /// Whatever ONNX infers, Pare infers too.
  private static func differingTypes(_ model: Model, _ item: ConformanceCase) throws -> String? {
    let types = try model.shapes()
    for (name, wanted) in item.types.sorted(by: { $0.key < $1.key }) {
      guard let type = types[name], let sizes = wanted.sizes else { continue }
      guard let shape = type.shape else { return "'\(name)' has no known rank, ONNX says \(sizes.text)" }
      let same = shape.count == sizes.count
        && zip(shape, sizes).allSatisfy { mine, theirs in theirs.map { mine.value == $0 } ?? true }
      guard same else { return "'\(name)' is \(shape), ONNX says \(sizes.text)" }
    }
    return nil
  }
}

extension [Int?] {
  fileprivate var text: String { "[\(map { $0.map(String.init) ?? "?" }.joined(separator: ", "))]" }
}
