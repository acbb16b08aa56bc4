import ArgumentParser

@main
struct Pare: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "pare", abstract: "Makes neural networks smaller and faster.")
}
