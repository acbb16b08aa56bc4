import PareKit

/// The same rank for every layer.
public struct FixedRank: RankSelector {
  public static let entry = Entry(
    name: "fixed", summary: "The same rank for every layer",
    parameters: [.integer("rank", in: 1..., doc: "Components kept; a layer that has fewer keeps all")])
  private let rank: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { rank = try arguments.integer("rank") }
  /// The rank asked for, at most the length of the spectrum.
  public func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int { min(rank, spectrum.count) }
}

/// A share of the full rank.
public struct RatioRank: RankSelector {
  public static let entry = Entry(
    name: "ratio", summary: "A share of the full rank",
    parameters: [.number("ratio", in: 0...1, doc: "Share of the components kept")])
  private let ratio: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { ratio = try arguments.number("ratio") }
  /// `ratio` of the length of the spectrum, rounded, at least 1.
  public func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int {
    min(max(Int((ratio * Double(spectrum.count)).rounded()), 1), spectrum.count)
  }
}

/// The fewest components that hold a share of the squared spectrum.
public struct EnergyRank: RankSelector {
  public static let entry = Entry(
    name: "energy", summary: "The fewest components that hold a share of the energy (sum of squared singular values)",
    parameters: [.number("energy", default: 0.9, in: 0...1, doc: "Share of the energy kept")])
  private let energy: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { energy = try arguments.number("energy") }

  /// The fewest leading components whose squares make `energy` of the sum of all; at least 1.
  public func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int { Self.rank(of: spectrum, holding: energy) }

  /// Returns the fewest leading components whose squares make `share` of the whole; at least 1.
  static func rank(of spectrum: [Double], holding share: Double) -> Int {
    let total = spectrum.reduce(0) { $0 + $1 * $1 }
    var held = 0.0
    for (index, value) in spectrum.enumerated() {
      held += value * value
      if held >= share * total { return index + 1 }
    }
    return max(spectrum.count, 1)
  }
}
