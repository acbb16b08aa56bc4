import PareKit

extension Representation {
  /// The masked values stored sparse where that takes fewer bytes than dense ones, else as they are. Both keep the
  /// zeros through later training; only the sparse one is smaller.
  ///
  /// - Parameter pattern: the n:m pattern that was asked for, with the axis of input channels.
  func smallest(_ pattern: (kept: Int, of: Int, axis: Int)? = nil) throws -> any Representation {
    guard let masked = self as? MaskedRepresentation, masked.label == MaskedRepresentation.kind,
      masked.tensor.dtype.isFloating, masked.shape.rank >= 1
    else { return self }
    if let pattern,
      let packed = try PatternRepresentation(
        masked.tensor, pattern: masked.kept, kept: pattern.kept, of: pattern.of, axis: pattern.axis),
      try packed.byteCount() < DenseRepresentation(masked.tensor).byteCount()
    {
      return packed
    }
    let sparse = try CSRRepresentation(masked.tensor, pattern: masked.kept)
    return try sparse.byteCount() < DenseRepresentation(masked.tensor).byteCount() ? sparse : self
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
