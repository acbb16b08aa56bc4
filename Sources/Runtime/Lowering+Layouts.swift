import COneDNN
import Graph
import Support
import Tensor

/// In which physical layouts images travel through the graph.
///
/// Channels-last is what the direct kernels like best; Winograd's form works on blocks of 16 channels. Bringing images from
/// one to the other costs a pass over memory, so one layout is chosen for the whole graph.
extension Lowering {
  /// How a convolution may be asked for, most wanted first.
  struct ConvolutionPlan {
    var algorithm = dnnl_convolution_direct
    var source: MemoryDescriptor
    var destination: MemoryDescriptor
  }

  /// Rates in GFLOP/s of one machine (two cores, AVX-512), whose ratios decide. For Winograd's form they count the direct
  /// form's operations.
  private enum Rate {
    static let channelsLast = 220.0
    static let channelBlocks = 195.0
    static let winograd = 350.0
  }

  func chooseImageLayout() -> ImageLayout {
    // Quantization between floats and integers reads and writes dense images.
    guard !model.nodes.contains(where: { $0.op == "QuantizeLinear" || $0.op == "DequantizeLinear" }) else { return .channelsLast }
    var last = 0.0, blocks = 0.0
    for node in model.nodes where node.op == "Conv" && node.domain.isEmpty {
      guard let input = node.input(0).flatMap({ types[$0]?.fixedShape }), let output = types[node.outputs[0]]?.fixedShape,
        let kernel = node.input(1).flatMap({ types[$0]?.fixedShape }), kernel.count == 4, !output.contains(0),
        let geometry = try? geometry(of: node, input: input, output: output, kernel: kernel)
      else { return .channelsLast }
      let operations = Double(geometry.operations)
      let isFirst = geometry.inputChannels <= 4
      guard geometry.outputChannels % 16 == 0, isFirst || geometry.inputChannels % 16 == 0 else { return .channelsLast }
      last += operations / Rate.channelsLast
      if geometry.suitsWinograd { blocks += operations / Rate.winograd } else {
        // 1x1 windows, windows over few or single channels: as fast in both.
        let same = isFirst || geometry.groups > 1 || geometry.window.kernel == [1, 1]
        blocks += operations / (same ? Rate.channelsLast : Rate.channelBlocks)
      }
    }
    return blocks < last ? .channelBlocks : .channelsLast
  }

  func layouts(
    _ geometry: ConvolutionGeometry, _ source: Value, _ sourceType: dnnl_data_type_t, _ epilogue: Epilogue, for node: Node
  ) throws -> [ConvolutionPlan] {
    let last = try MemoryDescriptor.channelsLast(geometry.destination, epilogue.type)
    let anywhere = ConvolutionPlan(
      source: try .any(geometry.source, sourceType),
      // The operand of a binary addition is channels-last.
      destination: epilogue.addend == nil ? try .any(geometry.destination, epilogue.type) : last)
    guard source.dtype == .f32 else { return [anywhere] }
    var plans: [ConvolutionPlan] = []
    let isBlocked = images == .channelBlocks && epilogue.addend == nil
    let target = isBlocked ? try .channelBlocks(geometry.destination, epilogue.type) : last
    if geometry.inputChannels <= 4 {
      // First layers: kernels for few channels read the image as it is, and spare a pass over it.
      plans.append(ConvolutionPlan(source: try natural(source, for: node.name).layout, destination: target))
    } else if isBlocked {
      let blocks = try MemoryDescriptor.channelBlocks(geometry.source, sourceType)
      if geometry.suitsWinograd {
        plans.append(ConvolutionPlan(algorithm: dnnl_convolution_winograd, source: blocks, destination: target))
      }
      plans.append(ConvolutionPlan(source: blocks, destination: target))
    }
    plans.append(ConvolutionPlan(source: try .channelsLast(geometry.source, sourceType), destination: last))
    return plans + [anywhere]
  }
}

extension ConvolutionGeometry {
  /// Where Winograd's form (Lavin and Gray 2016, arXiv:1509.09308) is faster than the direct one although its transformed
  /// weights take about twice the memory: enough positions to use each weight often. The library takes the padding of one
  /// side for all four.
  var suitsWinograd: Bool {
    guard window.kernel == [3, 3], window.strides == [1, 1], window.dilations == [1, 1], groups == 1,
      inputChannels % 16 == 0, outputChannels % 16 == 0, window.padding.begin[0] == window.padding.begin[1],
      window.padding.begin == window.padding.end
    else { return false }
    let positions = batch * window.output[0] * window.output[1], channels = min(inputChannels, outputChannels)
    return channels >= 64 && positions >= 190 || channels >= 32 && positions >= 1024
  }

  /// How many images Winograd's form works on at a time, when all at once would take so much scratch memory: the
  /// transformed tiles of few images stay in the cache between the three passes over them. As long as they take no more
  /// than the transformed weights, which are read again each time, more images are better.
  ///
  /// - Parameters:
  ///   - scratch: bytes for the whole batch.
  ///   - weights: bytes of the transformed weights.
  func imagesAtATime(scratch: Int, weights: Int) -> Int {
    let each = scratch / batch, most = max(ConvolutionGeometry.cached, weights)
    return (1...batch).last { batch % $0 == 0 && $0 * each <= most } ?? 1
  }

  private static let cached = 4 << 20
}
