extension PluginSkeleton {
  static let swift: [ExtensionKind: String] = [
    .criterion: """
      // A criterion: how important is each weight? Use it as prune{criterion="NAME", sparsity=0.5}.
      import PareKit

      struct TYPE: ImportanceCriterion {
        static let entry = Entry(
          name: "NAME", summary: "Weight times gradient, by size", reference: "own",
          parameters: [.number("power", default: 1, in: 0...4, doc: "Exponent of the product")])
        let power: Double
        init(_ arguments: Arguments) throws { power = try arguments.number("power") }

        // Reading a statistic that is not declared here is an error.
        var needs: Statistics { [.gradient] }

        // Higher means keep. A tensor of the weight's shape, or one score per unit: [layer.units].
        func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
          try (layer.weight * layer.gradient).abs().pow(power)
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .method: """
      // A method: a step of a recipe, NAME{...}. A model is a value: return another one.
      import PareKit

      struct TYPE: CompressionMethod {
        static let entry = Entry(
          name: "NAME", summary: "Sets small weights of every layer to zero", reference: "own",
          parameters: [.number("below", default: 0.01, in: 0..., doc: "Weights smaller than this share of the layer's largest")])
        let below: Double
        init(_ arguments: Arguments) throws { below = try arguments.number("below") }

        func apply(_ model: Model, _ context: Context) throws -> Model {
          var values: [String: Tensor] = [:]
          let layers = try model.layerViews()
          for (index, layer) in layers.enumerated() {
            try Interrupt.check()
            let size = try layer.weight.abs()
            let limit = try size.max().item() * below
            values[layer.weightName] = try layer.stored(Tensor.where(size.lt(limit), Tensor.scalar(0), layer.weight))
            context.progress(index + 1, layers.count)
          }
          // Layers that are left alone are said: context.skip(layer.name, "reason").
          return try model.with(values)
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .schedule: """
      // A schedule: how much of the final sparsity holds at which step? prune{schedule="NAME", ...}.
      import PareKit

      struct TYPE: SparsitySchedule {
        static let entry = Entry(
          name: "NAME", summary: "Slow at first, fast at the end", reference: "own",
          parameters: [.number("power", default: 2, in: 0.1...10, doc: "1 is a straight line")])
        let power: Double
        init(_ arguments: Arguments) throws { power = try arguments.number("power") }

        // `step` runs from 0 to `total`; both ends are asked. Returns a share in 0...1.
        func value(step: Int, total: Int) throws -> Double {
          var share = Double(step) / Double(max(1, total)), result = share
          for _ in 1..<max(1, Int(power.rounded())) { result *= share }
          share = result
          return share
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .quantizer: """
      // A quantizer: which grid, which rounding? quantize{bits=8, quantizer="NAME"}.
      import PareKit

      struct TYPE: Quantizer {
        static let entry = Entry(name: "NAME", summary: "A symmetric grid up to the largest weight", reference: "own")
        init(_ arguments: Arguments) throws {}

        // axis: the channel axis from 0, nil for one scale per tensor. value = (integer - zero) * scale.
        func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized {
          let steps = Double((1 << (bits - 1)) - 1)
          let others = (0..<weight.rank).filter { $0 != axis }
          let largest = try axis == nil ? weight.abs().max() : weight.abs().max(axes: others, keepDims: true)
          let scale = try (largest / steps).maximum(1e-12)
          let integers = try (weight / scale).round().clip(min: -steps, max: steps)
          return Quantized(
            values: try integers.converted(to: .i8), scale: try axis == nil ? scale : scale.reshaped([weight.shape[axis ?? 0]]))
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .algorithm: """
      // An algorithm: how are the rounded weights of a layer found? quantize{bits=8, algorithm="NAME"}.
      import PareKit

      struct TYPE: QuantizationAlgorithm {
        static let entry = Entry(name: "NAME", summary: "Rounds to nearest, after the quantizer's own grid", reference: "own")
        init(_ arguments: Arguments) throws {}

        // Ask for calibration data with `var needs: Statistics { [.hessian] }` and read layer.input.hessian.
        func quantize(_ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context) throws -> Quantized {
          try quantizer.quantize(layer.weight, bits: bits, axis: axis)
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .observer: """
      // An observer: which range do activations take? quantize{bits=8, observer="NAME"}.
      import PareKit

      struct TYPE: RangeObserver {
        static let entry = Entry(name: "NAME", summary: "Mean of the batches' extremes", reference: "own")
        init(_ arguments: Arguments) throws {}
        func start() throws -> any RangeObservation { Observation() }

        // Of fixed size, however long the calibration.
        struct Observation: RangeObservation {
          var low = 0.0, high = 0.0, count = 0.0

          mutating func update(_ values: Tensor) throws {
            low += try values.min().item()
            high += try values.max().item()
            count += 1
          }

          func range() throws -> (low: Double, high: Double) { (min(0, low / max(1, count)), max(0, high / max(1, count))) }
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .allocation: """
      // An allocation: how much for which layer, when the whole model is to lose a share?
      import PareKit

      struct TYPE: Allocation {
        static let entry = Entry(name: "NAME", summary: "Larger layers lose more", reference: "own")
        init(_ arguments: Arguments) throws {}

        // The share to remove, 0...1, by layer; a layer that is absent is left alone.
        func allocate(_ layers: [LayerView], share: Double, _ context: Context) throws -> [String: Double] {
          let total = layers.reduce(0) { $0 + $1.weight.count }
          guard total > 0, !layers.isEmpty else { return [:] }
          var shares: [String: Double] = [:]
          for layer in layers {
            let own = Double(layer.weight.count * layers.count) / Double(total)
            shares[layer.name] = min(0.95, share * (0.5 + 0.5 * own))
          }
          return shares
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .loss: """
      // A loss: how far is the student from the teacher? distill{teacher=m, loss="NAME"}.
      import PareKit

      struct TYPE: DistillationLoss {
        static let entry = Entry(name: "NAME", summary: "Squared difference of the outputs", reference: "own")
        init(_ arguments: Arguments) throws {}

        // To compare layers: var taps: [(student: String, teacher: String)] { [("layer3", "layer3")] }
        func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
          let difference = try student.logits - teacher.logits
          return try (difference * difference).mean()
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .regularizer: """
      // A regularizer: what is added to the loss while training, to make compression cheaper later?
      import PareKit

      struct TYPE: Regularizer {
        static let entry = Entry(
          name: "NAME", summary: "Sum of absolute weights", reference: "own",
          parameters: [.number("strength", default: 1e-4, in: 0..., doc: "Factor of the sum")])
        let strength: Double
        init(_ arguments: Arguments) throws { strength = try arguments.number("strength") }

        func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor {
          var sum = try Tensor.scalar(0)
          for name in parameters.keys.sorted() where name.hasSuffix("weight") {
            if let weight = parameters[name] { sum = try sum + weight.abs().sum() }
          }
          return try sum * strength
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .decomposition: """
      // A decomposition: which layers replace this one? lowrank{decomposition="NAME", rank=8}.
      import PareKit

      struct TYPE: Decomposition {
        static let entry = Entry(name: "NAME", summary: "A linear layer as two thinner ones", reference: "own")
        init(_ arguments: Arguments) throws {}

        // Descending; a rank is chosen from it. An error leaves the layer alone, with its words as the reason.
        func spectrum(_ layer: LayerView) throws -> [Double] {
          guard layer.op == "Gemm" else { throw PareError(.unsupported, "NAME takes linear layers (Gemm) only", layer: layer.name) }
          return try layer.weight.svd().s.scalars()
        }

        func factor(_ layer: LayerView, rank: Int) throws -> Module {
          let (u, s, vt) = try layer.weight.svd()
          let first = try vt.slice(axis: 0, from: 0, to: rank)
          let second = try (u * s).slice(axis: 1, from: 0, to: rank)
          var values = ["weight": second]
          values["bias"] = layer.bias
          return Module(sequence: [
            try NN.linear(inFeatures: first.shape[1], outFeatures: rank, bias: false).with(["weight": first]),
            try NN.linear(inFeatures: rank, outFeatures: second.shape[0], bias: layer.bias != nil).with(values),
          ])
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .rank: """
      // A rank: how many components? lowrank{rank={"NAME", share=0.5}}.
      import PareKit

      struct TYPE: RankSelector {
        static let entry = Entry(
          name: "NAME", summary: "A share of the full rank", reference: "own",
          parameters: [.number("share", default: 0.25, in: 0...1, doc: "Of the number of singular values")])
        let share: Double
        init(_ arguments: Arguments) throws { share = try arguments.number("share") }

        // In 1...spectrum.count; the spectrum is descending.
        func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int { max(1, Int(Double(spectrum.count) * share)) }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .strategy: """
      // A strategy: which candidate next? search{strategy="NAME", ...}.
      import PareKit

      struct TYPE: SearchStrategy {
        static let entry = Entry(name: "NAME", summary: "Candidates drawn uniformly", reference: "own")
        init(_ arguments: Arguments) throws {}

        // All that is drawn comes from the seed.
        func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun {
          Run(space: space, random: RandomSource(seed: seed, name: "NAME"))
        }

        struct Run: SearchRun {
          let space: SearchSpace
          var random: RandomSource

          // Returns nil when the search is over.
          mutating func ask() throws -> Candidate? {
            var picks: OrderedDictionary<String, Int> = [:]
            for (key, choices) in space.choices { picks[key] = random.integer(below: choices.count) }
            return Candidate(picks)
          }

          // All objectives are minimized except accuracy.
          mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws {}
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .proxy: """
      // A proxy: what does a candidate look like before it is trained? Higher promises more accuracy.
      import PareKit

      struct TYPE: Proxy {
        static let entry = Entry(name: "NAME", summary: "The logarithm of the parameters", reference: "own")
        init(_ arguments: Arguments) throws {}

        func score(_ model: Model, _ context: Context) throws -> Double {
          var parameters = Double(try model.storageCost().parameters), score = 0.0
          while parameters >= 2 {
            parameters /= 2
            score += 1
          }
          return score
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .metric: """
      // A metric: how good is a model? d.test:evaluate(m, {metric="NAME"}), compress(..., {metric="NAME"}).
      import PareKit

      struct TYPE: Metric {
        static let entry = Entry(name: "NAME", summary: "Mean absolute error", reference: "own")
        init(_ arguments: Arguments) throws {}

        // Called once, with the outputs and labels of the whole split.
        func value(outputs: Tensor, labels: Tensor) throws -> Double {
          let wanted = try labels.converted(to: .f32)
          let given = outputs.shape == wanted.shape ? outputs : try outputs.argmax(axis: 1).converted(to: .f32)
          return try (given - wanted).abs().mean().item()
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .dataset: """
      // A data set: where do samples come from? data.load("NAME").
      import PareKit

      struct TYPE: DatasetSource {
        static let entry = Entry(name: "NAME", summary: "Two clouds of points", reference: "own")
        init(_ arguments: Arguments) throws {}

        func open(_ options: DatasetOptions) throws -> Dataset {
          func part(_ role: DataPart.Role, _ count: Int) throws -> DataPart {
            var random = RandomSource(seed: options.seed, name: "NAME.\\(role.rawValue)")
            var points: [Float] = [], labels: [Int64] = []
            for index in 0..<count {
              let side = index % 2
              labels.append(Int64(side))
              for _ in 0..<2 { points.append(Float(random.uniform() + Double(side))) }
            }
            return try DataPart(role, x: Tensor(points, shape: Shape([count, 2])), y: Tensor(labels))
          }
          return try Dataset(
            name: "NAME", train: part(.train, 200), validation: part(.validation, 50), test: part(.test, 50),
            classes: ["left", "right"])
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .representation: """
      // A representation: how is a parameter stored? Files that hold it name its kind; the plugin must be there to read them.
      import PareKit

      struct TYPE: RepresentationProvider {
        static let entry = Entry(name: "NAME", summary: "Every element as it is, in half the bytes", reference: "own")
        init(_ arguments: Arguments) throws {}
        static var representation: any Representation.Type { TYPEStorage.self }
      }

      struct TYPEStorage: Representation {
        static let kind = "NAME"
        let values: Tensor

        init(_ values: Tensor) throws { self.values = try values.detached().converted(to: .f16) }

        var shape: Shape { values.shape }
        var nonzeros: Int { (try? values.converted(to: .f32).ne(0).converted(to: .f32).sum().item()).map { Int($0) } ?? values.count }
        func dense() throws -> Tensor { try values.converted(to: .f32) }
        // What training makes of it goes back into half precision.
        func updated(from leaf: Tensor) throws -> any Representation { try TYPEStorage(leaf) }
        func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
          let positions = try Tensor(keeping.map { Int64($0) })
          return try TYPEStorage(dense().gather(axis: axis, indices: positions))
        }
        func encode(into encoder: inout RepresentationEncoder) throws { encoder.set("values", blob: values) }
        init(from decoder: inout RepresentationDecoder) throws { try self.init(decoder.tensor("values")) }
      }

      let plugin = Plugin(TYPE.self)

      """,
    .operator: """
      // An operator: what does a graph node compute? Nodes of the domain "own" with this name run it.
      import PareKit

      struct TYPE: OperatorProvider {
        static let entry = Entry(name: "NAME", summary: "x times sigmoid(x)", reference: "own")
        init(_ arguments: Arguments) throws {}
        static var `operator`: any Operator.Type { TYPEOperator.self }
      }

      struct TYPEOperator: Operator {
        static let name = "TYPE"
        static let domain = "own"

        func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
          guard let type = inputs.first ?? nil else { throw PareError(.argument, "TYPE needs one input", op: "TYPE") }
          return [type]
        }

        // The gradient comes from the tape of the tensor operations used here.
        func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
          guard let x = inputs.first ?? nil else { throw PareError(.argument, "TYPE needs one input", op: "TYPE") }
          return [try x * x.sigmoid()]
        }

        // Channels travel through unchanged, so that pruning sees past it.
        func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
          for axis in 0..<(flow.rank(.output(0)) ?? 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
        }
      }

      let plugin = Plugin(TYPE.self)

      """,
  ]
}
