import Support
import Tensor

/// Layers without weights.
extension NN {
  /// max(x, 0) (ONNX Relu).
  public static func relu(name: String? = nil) -> Module { Module("relu", name: name, layer: .init("Relu")) }
  /// 1 / (1 + exp(-x)) (ONNX Sigmoid).
  public static func sigmoid(name: String? = nil) -> Module { Module("sigmoid", name: name, layer: .init("Sigmoid")) }
  /// The hyperbolic tangent (ONNX Tanh).
  public static func tanh(name: String? = nil) -> Module { Module("tanh", name: name, layer: .init("Tanh")) }
  /// x max(0, min(1, x/6 + 1/2)) (Howard 2019; ONNX HardSwish).
  public static func hardswish(name: String? = nil) -> Module { Module("hardswish", name: name, layer: .init("HardSwish")) }
  /// The value as it is, under another name (ONNX Identity).
  public static func identity(name: String? = nil) -> Module { Module("identity", name: name, layer: .init("Identity")) }

  /// min(max(x, 0), 6).
  public static func relu6(name: String? = nil) -> Module {
    Module("relu6", name: name, layer: .init("Clip", parameters: [
      .init("min", [], .constant(0), isTrainable: false), .init("max", [], .constant(6), isTrainable: false),
    ]))
  }

  /// x where positive, else slope times x.
  public static func leakyReLU(slope: Double = 0.01, name: String? = nil) -> Module {
    Module("leaky_relu", name: name, layer: .init("LeakyRelu", ["alpha": .float(slope)]))
  }

  /// The Gaussian error linear unit, exact by erf or by its tanh approximation.
  public static func gelu(approximate: Bool = false, name: String? = nil) -> Module {
    Module("gelu", name: name,
           layer: .init("Gelu", ["approximate": .string(approximate ? "tanh" : "none")], opset: 20))
  }

  /// exp(x) over its sum along an axis (ONNX Softmax).
  public static func softmax(axis: Int = -1, name: String? = nil) -> Module {
    Module("softmax", name: name, layer: .init("Softmax", ["axis": .int(axis)]))
  }

  /// The logarithm of `softmax` (ONNX LogSoftmax).
  public static func logSoftmax(axis: Int = -1, name: String? = nil) -> Module {
    Module("log_softmax", name: name, layer: .init("LogSoftmax", ["axis": .int(axis)]))
  }

  /// Zeroes a share of the elements in training and scales the rest; does nothing otherwise.
  public static func dropout(ratio: Double = 0.5, name: String? = nil) throws -> Module {
    guard (0..<1).contains(ratio) else {
      throw PareError(.argument, "dropout: p", argument: "p", expected: "0 up to, but not, 1", got: "\(ratio)")
    }
    return Module("dropout", name: name, layer: .init(
      "Dropout", parameters: [.init("ratio", [], .constant(ratio), isTrainable: false)]))
  }

  /// - Parameter stride: nil is the kernel's size.
  public static func maxpool2d(
    kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], ceil: Bool = false, name: String? = nil
  ) throws -> Module {
    try pairs("maxpool2d", kernel: kernel, stride: stride ?? kernel, padding: padding)
    return Module("maxpool2d", name: name, layer: .init("MaxPool", pool(kernel, stride, padding, ceil)))
  }

  /// - Parameter countIncludePad: whether padding counts in the mean, as PyTorch has it.
  public static func avgpool2d(
    kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], ceil: Bool = false, countIncludePad: Bool = true,
    name: String? = nil
  ) throws -> Module {
    try pairs("avgpool2d", kernel: kernel, stride: stride ?? kernel, padding: padding)
    var attributes = pool(kernel, stride, padding, ceil)
    attributes["count_include_pad"] = .int(countIncludePad ? 1 : 0)
    return Module("avgpool2d", name: name, layer: .init("AveragePool", attributes))
  }

  private static func pool(_ kernel: [Int], _ stride: [Int]?, _ padding: [Int], _ ceil: Bool) -> [String: Attribute] {
    [
      "kernel_shape": .ints(kernel), "strides": .ints(stride ?? kernel), "pads": .ints(padding + padding),
      "ceil_mode": .int(ceil ? 1 : 0),
    ]
  }

  /// The mean over all positions: `[N, C, H, W]` to `[N, C, 1, 1]`.
  public static func globalAvgpool(name: String? = nil) -> Module {
    Module("global_avgpool", name: name, layer: .init("GlobalAveragePool"))
  }

  /// Joins all axes from `axis` on.
  public static func flatten(axis: Int = 1, name: String? = nil) -> Module {
    Module("flatten", name: name, layer: .init("Flatten", ["axis": .int(axis)]))
  }

  /// Gives each sample another shape (sizes without the batch; one may be -1).
  public static func reshape(_ sizes: [Int], name: String? = nil) throws -> Module {
    guard sizes.filter({ $0 == -1 }).count <= 1, sizes.allSatisfy({ $0 == -1 || $0 > 0 }), sizes.count < 8 else {
      throw PareError(.argument, "reshape: shape", argument: "shape", expected: "positive sizes, at most one -1",
                      got: "\(sizes)")
    }
    let target = try Tensor([0] + sizes.map(Int64.init), shape: Shape([sizes.count + 1]))
    return Module("reshape", name: name, layer: .init(
      "Reshape", parameters: [.init("shape", [sizes.count + 1], .given(target), isTrainable: false)]))
  }

  /// The sum of two values.
  public static func add(name: String? = nil) -> Module {
    Module("add", name: name, layer: .init("Add", valueCount: 2...2))
  }

  /// The product of two values, element by element.
  public static func mul(name: String? = nil) -> Module {
    Module("mul", name: name, layer: .init("Mul", valueCount: 2...2))
  }

  /// Values side by side along an axis (counted from 0, the batch included).
  public static func concat(axis: Int = 1, name: String? = nil) -> Module {
    Module("concat", name: name, layer: .init("Concat", ["axis": .int(axis)], valueCount: 1...Int.max))
  }
}
