import FoundationEssentials
import Support

/// JSON whose text depends on the value alone: keys sorted, no spaces.
enum CanonicalJSON {
  static func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return try encoder.encode(value) } catch {
      throw PareError(.argument, "a value cannot be written as JSON (\(describe(error)))")
    }
  }

  static func text(_ value: some Encodable) throws -> String { String(decoding: try data(value), as: UTF8.self) }

  /// - Parameter what: what the error calls the text.
  static func value<T: Decodable>(_ data: Data, _ what: String, as type: T.Type = T.self) throws -> T {
    do { return try JSONDecoder().decode(type, from: data) } catch {
      throw PareError(.format, "damaged \(what): \(describe(error))")
    }
  }

  /// Where and what, without the types of the implementation.
  private static func describe(_ error: any Error) -> String {
    let context: DecodingError.Context
    switch error {
    case DecodingError.typeMismatch(_, let found), DecodingError.valueNotFound(_, let found),
      DecodingError.keyNotFound(_, let found), DecodingError.dataCorrupted(let found):
      context = found
    case EncodingError.invalidValue(_, let found):
      return found.debugDescription
    default:
      return "\(error)"
    }
    let place = context.codingPath.map(\.stringValue).joined(separator: ".")
    return place.isEmpty ? context.debugDescription : "at '\(place)', \(context.debugDescription)"
  }
}
