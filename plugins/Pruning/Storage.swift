import PareKit

extension Representation {
  /// The masked values stored sparse where that takes fewer bytes than dense ones, else as they are. Both keep the
  /// zeros through later training; only the sparse one is smaller.
  ///
  /// - Parameters:
  ///   - granularity: that of the pruning; its blocks or n:m groups are stored as such.
  ///   - axis: that of output channels, 0 or 1; the other one has the input channels.
  func smallest(_ granularity: Granularity, outputs axis: Int) throws -> any Representation {
    guard let masked = self as? MaskedRepresentation, masked.label == MaskedRepresentation.kind,
      masked.tensor.dtype.isFloating, masked.shape.rank >= 1
    else { return self }
    let (values, kept) = (masked.tensor, masked.kept), limit = try DenseRepresentation(values).byteCount()
    let packed: (any Representation)? =
      switch granularity {
      case .pattern(let some, let of): try PatternRepresentation(values, pattern: kept, kept: some, of: of, axis: 1 - axis)
      case .block(let height, let width): try BlockRepresentation(values, pattern: kept, height: height, width: width, axis: axis)
      default: nil
      }
    if let packed, try packed.byteCount() < limit { return packed }
    let sparse = try CSRRepresentation(values, pattern: kept)
    return try sparse.byteCount() < limit ? sparse : self
  }
}

extension Model {
  /// Returns the model with masks that hold nothing any more turned back into plain tensors.
  func withoutIdleMasks() throws -> Model {
    var model = self
    for (name, parameter) in parameters {
      guard let masked = parameter.value as? MaskedRepresentation, try masked.kept.values(as: Bool.self).allSatisfy({ $0 })
      else { continue }
      model.parameters[name]?.value = DenseRepresentation(masked.tensor)
    }
    return model
  }
}
