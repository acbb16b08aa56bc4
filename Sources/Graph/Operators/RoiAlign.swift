import Support
import Tensor

/// Pools regions of a map `[N, C, H, W]` onto a grid of fixed size by bilinear samples (He 2017): `[regions, C, h, w]`.
struct RoiAlignOperator: Operator {
  static let name = "RoiAlign"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), regions = try inputs.required(1, node)
    guard let shape = x.shape, let rows = regions.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == 4, rows.count == 2 else {
      throw node.failure(.shape, "input \(shape) and regions \(rows)", expected: "[N, C, H, W] and [regions, 4]")
    }
    return [ValueType(x.dtype, [rows[0], shape[1], .fixed(try node.int("output_height", default: 1)), .fixed(try node.int("output_width", default: 1))])]
  }

  /// The positions and weights along one axis of the samples of all cells: `cells * samples` of them.
  private struct Line {
    var low: [Int] = [], high: [Int] = [], weight: [Double] = [], isInside: [Bool] = []

    init(start: Double, length: Double, cells: Int, samples: Int, size: Int) {
      for cell in 0..<cells {
        for sample in 0..<samples {
          var at = start + (Double(cell) + (Double(sample) + 0.5) / Double(samples)) * length / Double(cells)
          isInside.append(at >= -1 && at <= Double(size))
          at = min(max(at, 0), Double(size - 1))
          let floor = min(Int(at), size - 1)
          low.append(floor)
          high.append(min(floor + 1, size - 1))
          weight.append(at - Double(floor))
        }
      }
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), regions = try inputs.required(1, node), samples = try inputs.required(2, node).integers()
    let height = try node.int("output_height", default: 1), width = try node.int("output_width", default: 1)
    let ratio = try node.int("sampling_ratio", default: 0), scale = try node.float("spatial_scale", default: 1)
    let mode = try node.string("mode", default: "avg")
    // Opset 16 brought the attribute; half a pixel is its default.
    let isHalf = try node.string("coordinate_transformation_mode", default: context.opset < 16 ? "output_half_pixel" : "half_pixel") == "half_pixel"
    guard x.rank == 4, x.count > 0, regions.rank == 2, regions.shape[1] == 4, samples.count == regions.shape[0],
          samples.allSatisfy({ (0..<x.shape[0]).contains($0) }), ["avg", "max"].contains(mode),
          [height, width].allSatisfy({ (1...4096).contains($0) }), (0...1024).contains(ratio)
    else { throw node.failure(.shape, "input \(x.shape), regions \(regions.shape), mode \(mode)", expected: "[N, C, H, W], [regions, 4], avg or max") }
    let corners = try regions.scalars(), values = try x.scalars()
    let (channels, rows, columns) = (x.shape[1], x.shape[2], x.shape[3]), shift = isHalf ? 0.5 : 0
    var result: [Double] = []
    result.reserveCapacity(samples.count * channels * height * width)
    for (region, sample) in samples.enumerated() {
      let v = corners[(region * 4)..<(region * 4 + 4)].map { $0 * scale - shift }
      let least = isHalf ? 0.0 : 1.0
      let (w, h) = (max(v[2] - v[0], least), max(v[3] - v[1], least))
      guard w.isFinite, h.isFinite, w < 0x1p24, h < 0x1p24 else { throw node.failure(.argument, "a region of \(w) by \(h)", argument: "rois") }
      let down = ratio > 0 ? ratio : Int((h / Double(height)).rounded(.up)), across = ratio > 0 ? ratio : Int((w / Double(width)).rounded(.up))
      let ys = Line(start: v[1], length: h, cells: height, samples: down, size: rows)
      let xs = Line(start: v[0], length: w, cells: width, samples: across, size: columns)
      for channel in 0..<channels {
        let plane = (sample * channels + channel) * rows * columns
        for i in 0..<height {
          for j in 0..<width {
            var sum = 0.0, best = -Double.infinity
            for p in (i * down)..<((i + 1) * down) {
              for q in (j * across)..<((j + 1) * across) {
                guard ys.isInside[p], xs.isInside[q] else {
                  best = max(best, 0)
                  continue
                }
                let (a, b) = (plane + ys.low[p] * columns, plane + ys.high[p] * columns)
                let corners = [
                  (1 - ys.weight[p]) * (1 - xs.weight[q]) * values[a + xs.low[q]], (1 - ys.weight[p]) * xs.weight[q] * values[a + xs.high[q]],
                  ys.weight[p] * (1 - xs.weight[q]) * values[b + xs.low[q]], ys.weight[p] * xs.weight[q] * values[b + xs.high[q]],
                ]
                for corner in corners {
                  sum += corner
                  best = max(best, corner)
                }
              }
            }
            result.append(mode == "max" ? best : sum / Double(max(1, down * across)))
          }
        }
      }
    }
    return [try Tensor(result, shape: [samples.count, channels, height, width]).converted(to: x.dtype)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
    flow.tie(.input(1), axis: 0, .output(0), axis: 0)
    flow.tie(.input(2), axis: 0, .output(0), axis: 0)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(RoiAlignOperator.self) }
