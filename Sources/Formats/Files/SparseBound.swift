/// How many elements a few stored bytes may stand for, so that a small file cannot ask for unbounded memory.
enum SparseBound {
  static let elementsPerByte = 4096
  /// Bytes that count as stored anyway: 16 million elements are always allowed.
  static let freeBytes = 4096
}
