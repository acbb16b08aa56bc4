#if GUIDED
import Foundation
import Support

// The readers under libFuzzer (https://llvm.org/docs/LibFuzzer.html), which has the main function and the options:
//
//     PARE_FUZZER=1 swift build -c release --sanitize fuzzer --scratch-path .build/fuzzer --product ReaderFuzz
//     PARE_FUZZ=onnx:FOLDER .build/fuzzer/release/ReaderFuzz CORPUS
//
// FOLDER is for the file at hand, which the readers map: best in memory.

private let kind = ProcessInfo.processInfo.environment["PARE_FUZZ"].map { String($0.prefix { $0 != ":" }) } ?? ""
private let file = "\(ProcessInfo.processInfo.environment["PARE_FUZZ"]?.drop { $0 != ":" }.dropFirst() ?? "")/\(getpid()).\(kind)"

@_silgen_name("LLVMFuzzerMutate")
private func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int) -> Int

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard FileManager.default.createFile(atPath: file, contents: Data(UnsafeBufferPointer(start: data, count: size))) else {
    fatalError("cannot write '\(file)': PARE_FUZZ=onnx|pare|safetensors:FOLDER is needed")
  }
  do { try inspect(file, kind) } catch is PareError {} catch { fatalError("not a PareError: \(error)") }
  return 0
}

/// Half of the changes are those of the format's fields, half libFuzzer's own.
@_cdecl("LLVMFuzzerCustomMutator")
public func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int, _ seed: UInt32) -> Int {
  if seed & 1 == 0 { return mutate(data, size, limit) }
  var mutator = Mutator(seed: UInt64(seed))
  let changed = mutator.mutated(Array(UnsafeBufferPointer(start: data, count: size)), kind)
  guard changed.count <= limit else { return mutate(data, size, limit) }
  for (place, byte) in changed.enumerated() { data[place] = byte }
  return changed.count
}
#endif
