import Support

/// What a slice of a parameter does for a channel.
public enum ChannelRole: String, Sendable, Hashable {
  /// It makes the channel: weight rows and bias.
  case produces
  /// It reads the channel: weight columns. Zeroing them ends the channel's contribution, whatever its value.
  case consumes
  /// It acts on the channel on its way: batch-norm scale and shift, added constants. Zero where the channel is masked.
  case follows
  /// It goes along and is left as it is when the channel is masked: running statistics, quantization grids.
  case carries
}

/// Positions of one axis of one parameter.
public struct ParameterSlice: Sendable, Hashable, CustomStringConvertible {
  /// The parameter's name.
  public let parameter: String
  /// The parameter's axis, from 0.
  public let axis: Int
  /// Ascending, from 0.
  public let indices: [Int]
  /// What these positions do for the channel.
  public let role: ChannelRole

  /// Positions of an axis; they are taken as they are, neither sorted nor checked.
  public init(parameter: String, axis: Int, indices: [Int], role: ChannelRole) {
    self.parameter = parameter
    self.axis = axis
    self.indices = indices
    self.role = role
  }

  public var description: String { "\(parameter) axis \(axis) \(indices.shortened)" }
}

/// The parameter axes along which a group reaches, with the layers that own them.
public struct Coupling: Sendable, Hashable {
  /// The name of a layer that reads the parameter.
  public let layer: String
  /// The parameter's name.
  public let parameter: String
  /// The parameter's axis, from 0.
  public let axis: Int
  /// What the axis does for the group's channels.
  public let role: ChannelRole
}

/// Everything that must be removed together: parameter slices that make, carry and read one channel.
public struct ChannelUnit: Sendable, Hashable {
  /// At most one for each axis of each parameter.
  public let slices: [ParameterSlice]
  /// Positions of values (not parameters) that vanish with the unit.
  let values: [ValueSlice]

  struct ValueSlice: Sendable, Hashable {
    let name: String
    let axis: Int
    let indices: [Int]
  }

  /// The slice along a parameter's axis, if the unit has one.
  public func slice(of parameter: String, axis: Int) -> ParameterSlice? {
    slices.first { $0.parameter == parameter && $0.axis == axis }
  }
}

/// Channels that are coupled alike: one unit per channel, each reaching the same axes of the same parameters.
public struct ChannelGroup: Sendable, CustomStringConvertible {
  /// Position in `Model.groups()`.
  public let index: Int
  /// The first layer that makes the channels; further groups of that layer get `.2`, `.3`.
  public let name: String
  /// One for each channel.
  public let units: [ChannelUnit]
  /// Layers that make the channels, in graph order: those whose rows are cut.
  public let producers: [Coupling]
  /// Layers that read them, in graph order: those whose columns are cut.
  public let consumers: [Coupling]
  /// What goes along between them: normalisation, scales.
  public let carriers: [Coupling]
  /// Why no channel of the group can be removed; nil when they can.
  public let blocked: String?
  /// Whether the units are heads of an attention: rows of its softmax lie side by side along them.
  public internal(set) var isHeads = false

  /// The layers that make the channels, each once, in graph order.
  public var layers: [String] { producers.map(\.layer).uniqued() }

  /// One line for the group and one for each parameter axis.
  public var description: String {
    var lines = ["group \(name): \(units.count) units" + (blocked.map { ", fixed: \($0)" } ?? "")]
    for (title, couplings) in [("made by", producers), ("carried by", carriers), ("read by", consumers)] {
      for coupling in couplings { lines.append("  \(title) \(coupling.layer): \(coupling.parameter) axis \(coupling.axis)") }
    }
    return lines.joined(separator: "\n")
  }
}

/// Units of one group.
public struct UnitSelection: Sendable, Hashable {
  /// `ChannelGroup.index`.
  public let group: Int
  /// Positions in `ChannelGroup.units`.
  public let units: [Int]

  /// A selection as it is given; `Model.pruned` and `Model.masked` check that group and units exist.
  public init(group: Int, units: [Int]) {
    self.group = group
    self.units = units
  }
}

extension Sequence where Element: Hashable {
  /// The elements, each once, in the order of first appearance.
  package func uniqued() -> [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}

extension [Int] {
  /// `3`, `4...7` or the first few.
  var shortened: String {
    guard let first, let last else { return "nothing" }
    if count == 1 { return "\(first)" }
    if last - first == count - 1 { return "\(first)...\(last)" }
    return prefix(6).map(String.init).joined(separator: ",") + (count > 6 ? ",... (\(count))" : "")
  }
}
