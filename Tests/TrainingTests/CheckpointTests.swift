import Foundation
import Formats
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import Training

@Suite(.serialized) struct CheckpointTests {
  private func options(_ optimizer: String, _ change: (inout TrainingOptions) -> Void) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 3
    options.batch = 16
    options.optimizer = optimizer
    options.seed = 3
    options.augment = [Flip(), Crop()]
    change(&options)
    return options
  }

  /// A network with every kind of state: masks, integers, running statistics, dropout.
  private func network() throws -> Model {
    var model = try NN.sequential([
      NN.conv2d(inChannels: 1, outChannels: 4, kernel: [3, 3], padding: [1, 1], name: "conv"),
      NN.batchnorm2d(channels: 4, name: "bn"), NN.relu(), NN.maxpool2d(kernel: [2, 2]), NN.flatten(),
      NN.linear(inFeatures: 64, outFeatures: 16, name: "fc1"), NN.dropout(ratio: 0.2),
      NN.linear(inFeatures: 16, outFeatures: 10, name: "fc2"),
    ], input: [1, 8, 8])
    let first = try model.parameter(named: "fc1.weight").value.dense()
    model.parameters["fc1.weight"]?.value = try MaskedRepresentation(first, mask: first.gt(0))
    let second = try model.parameter(named: "fc2.weight").value.dense()
    model.parameters["fc2.weight"]?.value = try IntegerRepresentation.quantizing(
      second, scales: Tensor([0.01] as [Float], shape: []))
    return model
  }

  struct Stopped: Error {}

  @Test(arguments: ["sgd", "adam", "adamw"], [1, 4, 6, 11, 17])
  func resumedRunHasTheSameBits(optimizer: String, stop: Int) throws {
    let data = try smallData()
    try withFolder { folder in
      let path = "\(folder)/state"
      let whole = try train(network(), on: data, options(optimizer) { _ in })
      // 90 samples in batches of 16: six steps in each epoch.
      let crash = TrainingCallbacks(onStep: { if $0.step == stop { throw Stopped() } })
      #expect(throws: Stopped.self) {
        try train(network(), on: data, options(optimizer) {
          $0.checkpoint = path
          $0.checkpointSteps = 2
        }, callbacks: [crash])
      }
      guard stop > 2 else {
        #expect(!FileManager.default.fileExists(atPath: path))
        return
      }
      let rest = try train(network(), on: data, options(optimizer) { $0.resume = path })
      #expect(try rest.model.bits() == whole.model.bits())
      #expect(rest.history == whole.history)
    }
  }

  /// Everything that has state of its own, at once.
  @Test(arguments: ["bf16", "f16"], [3, 5, 8])
  func resumedRunWithEverythingHasTheSameBits(precision: String, stop: Int) throws {
    let data = try smallData()
    func all(_ change: (inout TrainingOptions) -> Void) -> TrainingOptions {
      options("adamw") {
        $0.accumulate = 2
        $0.ema = 0.9
        $0.precision = precision
        $0.keepF32 = ["fc2"]
        $0.augment = [Flip(), Crop(), Cutout(size: 2), Mixup()]
        $0.loss = .crossEntropy(smoothing: 0.1)
        $0.earlyStop = EarlyStop()
        $0.clip = 1
        change(&$0)
      }
    }
    try withFolder { folder in
      let path = "\(folder)/state"
      let whole = try train(network(), on: data, all { _ in })
      // Six batches, three steps in each epoch.
      let crash = TrainingCallbacks(onStep: { if $0.step == stop { throw Stopped() } })
      #expect(throws: Stopped.self) {
        try train(network(), on: data, all {
          $0.checkpoint = path
          $0.checkpointSteps = 2
        }, callbacks: [crash])
      }
      let rest = try train(network(), on: data, all { $0.resume = path })
      #expect(try rest.model.bits() == whole.model.bits())
      #expect(rest.history == whole.history)
    }
  }

  /// Ended after an epoch's last step and before its record was written: the resumed run takes no step before it validates.
  @Test func resumedAtTheEndOfAnEpochValidatesTheSame() throws {
    let data = try smallData()
    try withFolder { folder in
      let path = "\(folder)/state"
      let whole = try train(network(), on: data, options("adam") { $0.ema = 0.9 })
      for last in 1...3 {
        let crash = TrainingCallbacks(onEpoch: { if $0.epoch == last { throw Stopped() } })
        #expect(throws: Stopped.self) {
          try train(network(), on: data, options("adam") {
            $0.ema = 0.9
            $0.checkpoint = path
            $0.checkpointSteps = 1
          }, callbacks: [crash])
        }
        let rest = try train(network(), on: data, options("adam") {
          $0.ema = 0.9
          $0.resume = path
        })
        #expect(try rest.model.bits() == whole.model.bits())
        #expect(rest.history == whole.history)
      }
    }
  }

  @Test func interruptedRunGivesItsModelAndGoesOn() throws {
    let data = try smallData()
    defer { Interrupt.clear() }
    try withFolder { folder in
      let path = "\(folder)/state"
      let whole = try train(network(), on: data, options("sgd") { _ in })
      var last: Model?, after: [String: [UInt32]] = [:], wasInterrupted = false
      let callbacks = TrainingCallbacks(
        onStep: { state in
          guard state.step == 8 else { return }
          after = try state.model.bits()
          Interrupt.request()
        },
        onEnd: {
          wasInterrupted = $0.isInterrupted
          last = $0.model
        })
      let error = pareError {
        _ = try train(network(), on: data, options("sgd") { $0.checkpoint = path }, callbacks: [callbacks])
      }
      Interrupt.clear()
      #expect(error?.code == .interrupted && wasInterrupted)
      #expect(try #require(last).bits() == after)
      let rest = try train(network(), on: data, options("sgd") { $0.resume = path })
      #expect(try rest.model.bits() == whole.model.bits())
    }
  }

  @Test func anotherRunIsRefused() throws {
    let data = try smallData()
    try withFolder { folder in
      let path = "\(folder)/state"
      _ = try train(network(), on: data, options("sgd") { $0.checkpoint = path })
      let cases: [(String, (inout TrainingOptions) -> Void)] = [
        ("seed", { $0.seed = 4 }), ("lr", { $0.lr = 0.1 }), ("batch", { $0.batch = 8 }), ("epochs", { $0.epochs = 4 }),
        ("optimizer", { $0.optimizer = "adam"; $0.lr = 0.05 }), ("augment", { $0.augment = [] }),
        ("ema", { $0.ema = 0.5 }), ("accumulate", { $0.accumulate = 2 }), ("precision", { $0.precision = "f16" }),
        ("shuffle", { $0.shuffle = false }), ("loss", { $0.loss = .crossEntropy(smoothing: 0.1) }),
      ]
      for (argument, change) in cases {
        let error = pareError {
          _ = try train(network(), on: data, options("sgd") {
            $0.resume = path
            change(&$0)
          })
        }
        #expect(error?.argument == argument && error?.code == .argument)
      }
      #expect(pareError { _ = try train(smallNet(), on: data, options("sgd") { $0.resume = path }) }?.argument == "model")
      #expect(pareError { _ = try train(network(), on: data, options("sgd") { $0.resume = "\(folder)/none" }) }?.code == .notFound)
    }
  }

  @Test func damagedFilesAreErrors() throws {
    let data = try smallData()
    try withFolder { folder in
      let path = "\(folder)/state", broken = "\(folder)/broken"
      _ = try train(network(), on: data, options("adam") { $0.checkpoint = path })
      func resumeError() -> PareError? {
        pareError { _ = try train(network(), on: data, options("adam") { $0.resume = broken }) }
      }
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      for count in [0, 7, 100, bytes.count / 2, bytes.count - 1] {
        try bytes.prefix(count).write(to: URL(fileURLWithPath: broken))
        #expect(resumeError()?.code == .format)
      }
      let tensors = try Safetensors.load(path), texts = try Safetensors.metadata(path)
      try Safetensors.save(tensors, to: broken)
      #expect(resumeError()?.code == .format)
      for name in ["progress", "history"] {
        for wrong in ["", "x", "0 -1 0 0 0 0 0 0", "99999999999999999999 0 0 0 0 0 0 0", "1 0 0"] where !(name == "history" && wrong.isEmpty) {
          var changed = texts
          changed[name] = wrong
          try Safetensors.save(tensors, to: broken, metadata: changed)
          #expect(resumeError()?.code == .format, "\(name) '\(wrong)'")
        }
      }
      for name in tensors.keys where name.hasSuffix("fc1.weight") {
        var changed = tensors
        changed[name] = try Tensor.zeros([3])
        try Safetensors.save(changed, to: broken, metadata: texts)
        #expect(resumeError()?.code == .format, "\(name)")
      }
      var fewer = tensors
      fewer["leaf/fc1.weight"] = nil
      try Safetensors.save(fewer, to: broken, metadata: texts)
      #expect(resumeError()?.code == .format)
    }
  }
}
