import Graph
import Support
import Tensor
import Testing
import Training

@Suite(.serialized) struct CallbackTests {
  private func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 2
    options.batch = 32
    change(&options)
    return options
  }

  @Test func orderOfEvents() throws {
    var events: [String] = []
    func set(_ who: String) -> TrainingCallbacks {
      TrainingCallbacks(
        onStart: { _ in events.append("\(who) start") }, onEpoch: { events.append("\(who) epoch \($0.epoch)") },
        onStep: { events.append("\(who) step \($0.step)") },
        beforeOptimizer: { _ in events.append("\(who) before") }, afterOptimizer: { _ in events.append("\(who) after") },
        onEnd: { _ in events.append("\(who) end") })
    }
    _ = try train(smallNet(), on: smallData(size: 70), options { $0.epochs = 2 }, callbacks: [set("a"), set("b")])
    // 63 samples: two steps in each epoch.
    var expected = ["a start", "b start"]
    for step in 1...4 {
      for event in ["before", "after", "step \(step)"] { expected += ["a \(event)", "b \(event)"] }
      if step % 2 == 0 { expected += ["a epoch \(step / 2)", "b epoch \(step / 2)"] }
    }
    #expect(events == expected + ["a end", "b end"])
  }

  @Test func stateIsKnown() throws {
    var losses: [Double] = []
    let watch = TrainingCallbacks(
      onStart: { state in #expect(state.loss == nil && state.step == 0 && state.steps == 6) },
      onEpoch: { state in #expect(state.history.count == state.epoch) },
      onStep: { state in
        losses.append(try #require(state.loss))
        #expect(state.batch?.count == 32 || state.batch?.count == 26)
        #expect(state.gradients["fc.weight"]?.shape == [10, 64])
        #expect(state.optimizer.learningRate > 0)
      })
    let (_, history) = try train(smallNet(), on: smallData(), options(), callbacks: [watch])
    let first = try #require(history.first)
    expectClose([(losses[0] * 32 + losses[1] * 32 + losses[2] * 26) / 90], [first.loss], relative: 1e-12)
  }

  @Test func watchingChangesNothing() throws {
    let data = try smallData()
    let watch = TrainingCallbacks(onEpoch: { _ = $0.model }, onStep: { _ = $0.model }, afterOptimizer: { _ = $0.model })
    #expect(try train(smallNet(), on: data, options()).model.bits()
      == train(smallNet(), on: data, options(), callbacks: [watch]).model.bits())
  }

  @Test func stopEndsTheTraining() throws {
    let stop = TrainingCallbacks(onStep: { if $0.step == 2 { $0.stop() } })
    let (_, history) = try train(smallNet(), on: smallData(), options { $0.epochs = 50 }, callbacks: [stop])
    #expect(history.count == 1)
  }

  @Test func gradientsMayBeReplaced() throws {
    let freeze = TrainingCallbacks(beforeOptimizer: { state in
      state.gradients = try state.gradients.mapValues { try Tensor.zeros($0.shape) }
    })
    let before = try smallNet()
    let after = try train(before, on: smallData(), options(), callbacks: [freeze]).model
    for (name, parameter) in before.parameters where parameter.isTrainable {
      #expect(try parameter.value.dense().scalars() == after.parameter(named: name).value.dense().scalars())
    }
  }

  @Test func aMaskSetOnTheWayHolds() throws {
    let prune = TrainingCallbacks(afterOptimizer: { state in
      guard state.step == 3 else { return }
      let weight = try state.model.parameter(named: "fc.weight").value.dense()
      var model = state.model
      model.parameters["fc.weight"]?.value = try MaskedRepresentation(weight, mask: weight.gt(0))
      state.model = model
    })
    var kept: [Bool] = []
    let look = TrainingCallbacks(onStep: { state in
      guard state.step == 3 else { return }
      kept = try state.model.parameter(named: "fc.weight").value.dense().values(as: Float.self).map { $0 != 0 }
    })
    let after = try train(smallNet(), on: smallData(), options(), callbacks: [prune, look]).model
    #expect(kept.count == 640 && kept.contains(false) && kept.contains(true))
    let values = try after.parameter(named: "fc.weight").value.dense().values(as: Float.self)
    for (kept, value) in zip(kept, values) { #expect(kept || value == 0) }
  }

  @Test func aSmallerModelGoesOn() throws {
    let swap = TrainingCallbacks(onEpoch: { state in
      if state.epoch == 1 {
        state.model = try NN.sequential([NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 10, name: "fc")], seed: 1)
      }
    })
    let data = try smallData()
    let (model, history) = try train(smallNet(), on: data, options(), callbacks: [swap])
    #expect(model.parameters.count == 2 && history.count == 2)
    #expect(model.normalization == data.normalization && model.hasInputShape)
  }

  @Test func errorsOfCallbacksPass() throws {
    struct Own: Error {}
    #expect(throws: Own.self) {
      try train(smallNet(), on: smallData(), options(), callbacks: [TrainingCallbacks(onStep: { _ in throw Own() })])
    }
  }
}
