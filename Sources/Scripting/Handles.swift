import Compression
import Graph
import LuaBridge
import Runtime
import Support
import Tensor
import Training

/// A tensor as Lua holds it. Assignment to elements changes this handle only.
final class TensorHandle: NamedHandle {
  static let typeName: StaticString = "tensor"
  var value: Tensor
  private final class Box {
    let tensor: Tensor
    init(_ tensor: Tensor) { self.tensor = tensor }
  }
  // Few handles have one: aside, it costs the others no room.
  private var box: Box?
  /// Filled by a backward pass, for tracked leaves.
  var gradient: Tensor? {
    get { box?.tensor }
    set { box = newValue.map(Box.init) }
  }
  init(_ value: consuming Tensor) { self.value = value }

  /// The number in a 0-d tensor at a slot of Lua's stack, nil for anything else.
  static func scalar(_ lua: LuaCall, _ slot: Int32) throws -> Double? {
    guard let handle = lua.state.object(at: slot, as: TensorHandle.self), handle.value.rank == 0 else { return nil }
    return try handle.value.item()
  }
}

/// A model as Lua holds it.
final class ModelHandle: NamedHandle {
  static let typeName: StaticString = "model"
  let model: Model
  /// The model with tracked parameters, inside `m:gradients`.
  var tracked: TrackedModel?
  /// The layers in a row that it was made of: such a model stands where a module is expected as well.
  var module: Module?
  /// Prepared once, at the first call.
  lazy var interpreter = Result { try Interpreter(model) }
  init(_ model: Model) { self.model = model }
}

/// `m.parameters`: read by name.
final class ParametersHandle: NamedHandle {
  static let typeName: StaticString = "parameters"
  let owner: ModelHandle
  init(_ owner: ModelHandle) { self.owner = owner }
}

/// A piece of a network.
final class ModuleHandle: NamedHandle {
  static let typeName: StaticString = "module"
  let module: Module
  init(_ module: Module) { self.module = module }
}

/// A value inside `nn.graph`.
final class GraphValueHandle: NamedHandle {
  static let typeName: StaticString = "graph value"
  let value: GraphValue
  init(_ value: GraphValue) { self.value = value }
}

final class DatasetHandle: NamedHandle {
  static let typeName: StaticString = "dataset"
  let dataset: Dataset
  /// Inside a method: reading `test` is an error.
  var isTestClosed = false
  /// What it was loaded with, for the database of runs: its name and options.
  let origin: LedgerValue
  init(_ dataset: Dataset, origin: LedgerValue? = nil) {
    self.dataset = dataset
    self.origin = origin ?? .table(["name": .string(dataset.name), "own": .boolean(true)])
  }
}

final class DataPartHandle: NamedHandle {
  static let typeName: StaticString = "data part"
  let part: DataPart
  init(_ part: DataPart) { self.part = part }
}

final class SessionHandle: NamedHandle {
  static let typeName: StaticString = "session"
  let session: Session
  let model: Model
  init(_ session: Session, _ model: Model) {
    self.session = session
    self.model = model
  }
}

final class OptimizerHandle: NamedHandle {
  static let typeName: StaticString = "optimizer"
  var optimizer: any Optimizer
  init(_ optimizer: any Optimizer) { self.optimizer = optimizer }
}

/// `t` in training callbacks.
final class TrainingStateHandle: NamedHandle {
  static let typeName: StaticString = "training state"
  let state: TrainingState
  init(_ state: TrainingState) { self.state = state }
}

/// A step of a recipe: a method with checked arguments.
final class StepHandle: NamedHandle {
  static let typeName: StaticString = "step"
  let step: Step
  init(_ step: Step) { self.step = step }
}

final class PlanHandle: NamedHandle {
  static let typeName: StaticString = "plan"
  let plan: Plan
  init(_ plan: Plan) { self.plan = plan }
}

final class ResultHandle: NamedHandle {
  static let typeName: StaticString = "result"
  let result: CompressionResult
  init(_ result: CompressionResult) { self.result = result }
}

final class FrontHandle: NamedHandle {
  static let typeName: StaticString = "front"
  let front: Front
  init(_ front: Front) { self.front = front }
}

/// What a scripted criterion sees of a layer.
final class LayerHandle: NamedHandle {
  static let typeName: StaticString = "layer"
  let layer: LayerView
  init(_ layer: LayerView) { self.layer = layer }
}

/// What a scripted method has at hand.
final class ContextHandle: NamedHandle {
  static let typeName: StaticString = "context"
  let context: Context
  init(_ context: Context) { self.context = context }
}

/// Random numbers of a scripted method or strategy.
final class RandomHandle: NamedHandle {
  static let typeName: StaticString = "random source"
  var source: RandomSource
  init(_ source: RandomSource) { self.source = source }
}

extension Model {
  /// What a handle of this model is charged for. Copies share parameters, so this counts some of them again.
  var heldBytes: Int { parameters.values.reduce(0) { $0 &+ $1.value.storedElements &* 4 } }
}

/// The tracked leaves of a script, found again when a backward pass fills their gradients.
struct LeafTable {
  private struct Entry { weak var handle: TensorHandle? }
  private var entries: [Entry] = []
  private var limit = 64

  mutating func add(_ handle: TensorHandle) {
    if entries.count >= limit {
      entries.removeAll { $0.handle == nil }
      limit = max(64, entries.count * 2)
    }
    entries.append(Entry(handle: handle))
  }

  /// Stores the gradients of the leaves that the result depends on.
  func fill(_ gradients: Gradients) {
    for entry in entries {
      if let handle = entry.handle, let gradient = gradients[handle.value] { handle.gradient = gradient }
    }
  }
}
