import Support

/// How `Tensor.resized` fills a new grid from an old one: the attributes of ONNX Resize, under its names.
public struct Interpolation: Sendable, Hashable {
  /// What a result is made of.
  public enum Mode: String, Sendable, CaseIterable {
    case nearest, linear, cubic
  }

  /// Where a result lies on the old grid.
  public enum Coordinates: String, Sendable, CaseIterable {
    /// (x + 0.5) / scale - 0.5: pixels are areas.
    case halfPixel = "half_pixel"
    /// As `halfPixel`, centred where the new size was rounded.
    case halfPixelSymmetric = "half_pixel_symmetric"
    /// As `halfPixel`, and 0 when the new size is 1.
    case pytorchHalfPixel = "pytorch_half_pixel"
    /// The first and the last positions of both grids lie on each other.
    case alignCorners = "align_corners"
    /// x / scale.
    case asymmetric
    /// `alignCorners` of a region of interest; outside the old grid stands `extrapolation`.
    case tfCropAndResize = "tf_crop_and_resize"
  }

  /// Which of two neighbours is the nearest.
  public enum Rounding: String, Sendable, CaseIterable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor, ceil
  }

  /// ONNX's `mode`: one neighbour on each axis (nearest), two (linear) or four (cubic), before `antialias` adds some.
  public var mode: Mode
  /// ONNX's `coordinate_transformation_mode`.
  public var coordinates: Coordinates
  /// ONNX's `nearest_mode`; only mode `nearest` reads it.
  public var rounding: Rounding
  /// The a of the cubic kernel (Keys 1981); PyTorch and ONNX have -0.75, others -0.5.
  public var cubicCoefficient: Double
  /// Positions outside the old grid weigh nothing, instead of repeating its edge.
  public var excludeOutside: Bool
  /// Widens the kernel when the grid shrinks (linear and cubic).
  public var antialias: Bool
  /// The value outside the region of `tfCropAndResize`.
  public var extrapolation: Double

  /// The defaults are those of ONNX Resize.
  public init(
    _ mode: Mode = .nearest, coordinates: Coordinates = .halfPixel, rounding: Rounding = .preferFloor,
    cubicCoefficient: Double = -0.75, excludeOutside: Bool = false, antialias: Bool = false, extrapolation: Double = 0
  ) {
    self.mode = mode
    self.coordinates = coordinates
    self.rounding = rounding
    self.cubicCoefficient = cubicCoefficient
    self.excludeOutside = excludeOutside
    self.antialias = antialias
    self.extrapolation = extrapolation
  }
}

extension Tensor {
  /// Interpolates a tensor on a grid of another size (ONNX Resize, PyTorch interpolate), one axis after the other.
  ///
  /// - Dtypes: floats; with mode `nearest` every type.
  /// - Parameters:
  ///   - axes: those that change; all others stay.
  ///   - sizes: their new sizes, from 1.
  ///   - scales: new size / old size as coordinates see it; the quotient of the sizes when absent.
  ///   - region: of `tfCropAndResize`, from and to for each of `axes`, normalized to 0...1.
  /// - Throws: `argument`, `shape`, `dtype`.
  public func resized(
    axes: [Int], sizes: [Int], scales: [Double]? = nil, region: [(from: Double, to: Double)]? = nil,
    _ interpolation: Interpolation = Interpolation()
  ) throws -> Tensor {
    let axes = try axes.map { try shape.axis($0, "resize") }
    guard Set(axes).count == axes.count, sizes.count == axes.count, scales == nil || scales?.count == axes.count,
      region == nil || region?.count == axes.count, sizes.allSatisfy({ $0 >= 1 && $0 <= 1 << 24 }),
      scales?.allSatisfy({ $0 > 0 && $0.isFinite }) ?? true
    else {
      throw PareError(
        .argument, "[resize] axes \(axes) to sizes \(sizes)\(scales.map { " by \($0)" } ?? "")",
        expected: "each axis once, with a size from 1 and a positive scale", op: "resize")
    }
    guard dtype.isFloating || interpolation.mode == .nearest else {
      throw PareError(.dtype, "[resize] \(dtype) by \(interpolation.mode.rawValue)", expected: "a float type, or nearest", op: "resize")
    }
    guard region != nil || interpolation.coordinates != .tfCropAndResize else {
      throw PareError(.argument, "[resize] tf_crop_and_resize has no region", argument: "region", op: "resize")
    }
    var (result, outside) = (self, Tensor?.none)
    for (i, axis) in axes.enumerated() {
      let n = shape.dims[axis]
      guard n > 0 else { throw PareError(.shape, "[resize] axis \(axis) of shape \(shape) is empty", op: "resize") }
      let grid = GridAxis(
        n, sizes[i], scale: scales?[i] ?? Double(sizes[i]) / Double(n), region: region?[i], interpolation)
      if !grid.isIdentity {
        let rows = grid.rows()
        if interpolation.mode == .nearest {
          result = try result.gather(axis: axis, indices: Tensor(rows.map { Int64($0.first?.index ?? 0) }))
        } else {
          result = try result.mapped(AxisMap(inputs: n, rows: rows), axis: axis)
        }
      }
      let marks = grid.outside()
      guard marks.contains(true) else { continue }
      let mask = try Tensor(marks, shape: Shape([marks.count] + Array(repeating: 1, count: rank - 1 - axis)))
      outside = try outside?.or(mask) ?? mask
    }
    guard let outside else { return result }
    return try Tensor.where(outside, Tensor.scalar(interpolation.extrapolation, dtype), result)
  }
}

/// One axis of a resize.
private struct GridAxis {
  let inputs: Int, outputs: Int
  let scale: Double
  let region: (from: Double, to: Double)?
  let options: Interpolation

  init(_ inputs: Int, _ outputs: Int, scale: Double, region: (from: Double, to: Double)?, _ options: Interpolation) {
    (self.inputs, self.outputs, self.scale, self.region, self.options) = (inputs, outputs, scale, region, options)
  }

  var isIdentity: Bool { inputs == outputs && scale == 1 && options.coordinates != .tfCropAndResize }

  /// Where result `o` lies on the old grid.
  private func coordinate(_ o: Int) -> Double {
    let x = Double(o), size = Double(inputs), whole = scale * size
    switch options.coordinates {
    case .halfPixel: return scaled(x + 0.5) - 0.5
    case .halfPixelSymmetric: return size / 2 * (1 - Double(outputs) / whole) + scaled(x + 0.5) - 0.5
    case .pytorchHalfPixel: return outputs > 1 ? scaled(x + 0.5) - 0.5 : 0
    case .alignCorners: return outputs > 1 ? x * (size - 1) / (Double(outputs) - 1) : 0
    case .asymmetric: return scaled(x)
    case .tfCropAndResize:
      let (from, to) = (region?.from ?? 0, region?.to ?? 1)
      return outputs > 1
        ? from * (size - 1) + x * (to - from) * (size - 1) / (Double(outputs) - 1) : (from + to) / 2 * (size - 1)
    }
  }

  /// Files hold scales in f32, where 1.5 / 0.6 is 2.5; in f64 it is a little less, and another pixel is the nearest.
  private func scaled(_ x: Double) -> Double { options.mode == .nearest ? Double(Float(x) / Float(scale)) : x / scale }

  /// Which results lie outside the old grid and are not computed.
  func outside() -> [Bool] {
    guard options.coordinates == .tfCropAndResize else { return [] }
    return (0..<outputs).map { let x = coordinate($0); return !(x >= 0 && x <= Double(inputs - 1)) }
  }

  func rows() -> [[(index: Int, weight: Double)]] { (0..<outputs).map { row(coordinate($0)) } }

  /// The positions that a coordinate is made of, and their weights.
  private func row(_ coordinate: Double) -> [(index: Int, weight: Double)] {
    // Far outside, everything is the edge; the bound keeps the conversion to an integer defined.
    let bound = 4 * Double(inputs) + 64
    let x = coordinate.isNaN ? 0 : min(max(coordinate, -bound), bound)
    if options.mode == .nearest {
      let low = x.rounded(.down)
      let rounded =
        switch options.rounding {
        case .preferFloor: x - low > 0.5 ? low + 1 : low
        case .preferCeil: x - low >= 0.5 ? low + 1 : low
        case .floor: low
        case .ceil: x.rounded(.up)
        }
      return [(clamped(Int(rounded)), 1)]
    }
    let cubic = options.mode == .cubic
    let shrink = options.antialias ? min(scale, 1) : 1
    let support = (cubic ? 2 : 1) / shrink
    let (first, last) = (Int((x - support).rounded(.down)) + 1, Int((x + support).rounded(.up)) - 1)
    var row: [(index: Int, weight: Double)] = []
    var total = 0.0
    for i in first...max(first, last) {
      if options.excludeOutside, i < 0 || i >= inputs { continue }
      let distance = abs(Double(i) - x) * shrink
      let weight = cubic ? kernel(distance) : max(0, 1 - distance)
      row.append((clamped(i), weight))
      total += weight
    }
    guard total != 0 else { return [(clamped(Int(x.rounded())), 1)] }
    return options.excludeOutside || options.antialias ? row.map { ($0.index, $0.weight / total) } : row
  }

  private func clamped(_ i: Int) -> Int { min(max(i, 0), inputs - 1) }

  /// Keys' cubic convolution kernel.
  private func kernel(_ x: Double) -> Double {
    let a = options.cubicCoefficient
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}
