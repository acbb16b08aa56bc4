import Compression
import Formats
import LuaBridge
import Tensor

/// Arrays in files.
extension TensorConstructors {
  static var files: [Function] {
    [
      Function("tensor.load", [.string("path", doc: "A .npy file")], "Reads an array", example: "x = tensor.load(\"x.npy\")") { call in
        try call.push(NPY.load(call.environment.readable(call.string(1))))
      }
    ]
  }
}
