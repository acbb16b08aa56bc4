import Formats
import Foundation
import Graph
import Support

/// What `pare inspect` does.
func inspect(_ file: String, _ kind: String) throws {
  guard kind != "safetensors" else {
    _ = try Safetensors.load(file)
    return
  }
  let model = try ModelFile.load(file)
  _ = try model.layers()
  _ = try model.cost()
  _ = try model.summary()
}
