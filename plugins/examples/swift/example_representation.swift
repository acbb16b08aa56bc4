// A representation: how is a parameter stored? Files that hold it name its kind; the plugin must be there to read them.
import PareKit

struct ExampleRepresentation: RepresentationProvider {
  static let entry = Entry(name: "example_representation", summary: "Every element as it is, in half the bytes", reference: "own")
  init(_ arguments: Arguments) throws {}
  static var representation: any Representation.Type { ExampleRepresentationStorage.self }
}

struct ExampleRepresentationStorage: Representation {
  static let kind = "example_representation"
  let values: Tensor

  init(_ values: Tensor) throws { self.values = try values.detached().converted(to: .f16) }

  var shape: Shape { values.shape }
  var nonzeros: Int { (try? values.converted(to: .f32).ne(0).converted(to: .f32).sum().item()).map { Int($0) } ?? values.count }
  func dense() throws -> Tensor { try values.converted(to: .f32) }
  // What training makes of it goes back into half precision.
  func updated(from leaf: Tensor) throws -> any Representation { try ExampleRepresentationStorage(leaf) }
  func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    let positions = try Tensor(keeping.map { Int64($0) })
    return try ExampleRepresentationStorage(dense().gather(axis: axis, indices: positions))
  }
  func encode(into encoder: inout RepresentationEncoder) throws { encoder.set("values", blob: values) }
  init(from decoder: inout RepresentationDecoder) throws { try self.init(decoder.tensor("values")) }
}

let plugin = Plugin(ExampleRepresentation.self)
