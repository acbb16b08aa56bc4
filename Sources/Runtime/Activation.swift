import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// A function of one element that oneDNN has, as ONNX defines it.
struct Activation {
  var algorithm: dnnl_alg_kind_t
  var alpha: Float = 0
  var beta: Float = 0
  /// Whether f(k x) = k f(x) for k > 0, after `scaled(by:)` of the parameters.
  var scalesWithInput = false

  private init(_ algorithm: dnnl_alg_kind_t, _ alpha: Double = 0, _ beta: Double = 0, scales: Bool = false) {
    self.algorithm = algorithm
    self.alpha = Float(alpha)
    self.beta = Float(beta)
    scalesWithInput = scales
  }

  /// The activation of a node, or nil when the node is none of these.
  init?(_ node: Node, constant: (String) throws -> Tensor?) throws {
    guard let input = node.input(0), try constant(input) == nil else { return nil }
    switch node.op {
    case "Relu": self.init(dnnl_eltwise_relu, scales: true)
    case "LeakyRelu": self.init(dnnl_eltwise_relu, try node.float("alpha", default: 0.01), scales: true)
    case "Sigmoid": self.init(dnnl_eltwise_logistic)
    case "Tanh": self.init(dnnl_eltwise_tanh)
    case "Elu": self.init(dnnl_eltwise_elu, try node.float("alpha", default: 1))
    case "HardSwish": self.init(dnnl_eltwise_hardswish)
    case "Sqrt": self.init(dnnl_eltwise_sqrt)
    case "Exp": self.init(dnnl_eltwise_exp)
    case "Abs": self.init(dnnl_eltwise_abs, scales: true)
    case "Gelu":
      let tanh = try node.string("approximate", default: "none") == "tanh"
      self.init(tanh ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf)
    case "Clip":
      let limit = Double(Float.greatestFiniteMagnitude)
      func bound(_ index: Int, _ attribute: String, _ absent: Double) throws -> Double? {
        guard let name = node.input(index) else { return try node.float(attribute, default: absent) }
        return try constant(name)?.item()
      }
      guard var lower = try bound(1, "min", -limit), let upper = try bound(2, "max", limit), !lower.isNaN, !upper.isNaN
      else { return nil }
      // The upper bound counts where they cross (ONNX since 13); oneDNN wants them in order.
      lower = min(lower, upper)
      if lower == 0, upper >= limit { self.init(dnnl_eltwise_relu, scales: true) } else {
        self.init(dnnl_eltwise_clip, max(lower, -limit), min(upper, limit), scales: true)
      }
    default: return nil
    }
  }

  /// The function g with g(k x) = k f(x).
  func scaled(by factor: Float) -> Activation {
    guard algorithm == dnnl_eltwise_clip else { return self }
    var result = self
    let limit = Float.greatestFiniteMagnitude
    result.alpha = max(-limit, alpha * factor)
    result.beta = min(limit, beta * factor)
    return result
  }

  /// What the activation limits its argument to, if it does nothing else.
  var limits: ClosedRange<Float>? {
    switch algorithm {
    case dnnl_eltwise_relu: alpha == 0 ? 0...Float.infinity : nil
    case dnnl_eltwise_clip: alpha <= beta ? alpha...beta : nil
    default: nil
    }
  }

  /// The name by which Pare's own products know it.
  var then: pare_then? {
    switch algorithm {
    case dnnl_eltwise_gelu_erf: PARE_THEN_GELU
    case dnnl_eltwise_gelu_tanh: PARE_THEN_GELU_TANH
    case dnnl_eltwise_logistic: PARE_THEN_SIGMOID
    case dnnl_eltwise_tanh: PARE_THEN_TANH
    default: nil
    }
  }

  var postOperation: PostOperation { .eltwise(algorithm: algorithm.rawValue, alpha: alpha, beta: beta) }
}
