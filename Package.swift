// swift-tools-version: 6.2
import PackageDescription

// The arrows of docs/architecture.md, one line per target. The build checks them:
//   swift build --explicit-target-dependency-import-check error
let engine: [Target.Dependency] = ["Support", "Tensor", "Graph"]
// Plugins import PareKit alone. What it hands on is named too: its own module stays the same when one of those changes, and
// nothing would be compiled again.
let kit: [Target.Dependency] = ["PareKit", "Formats", "Training", "Runtime", "Compression"] + engine

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let orderedCollections: Target.Dependency = .product(name: "OrderedCollections", package: "swift-collections")
let sqlite: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

/// A C library of the system: module map and shim header, no logic.
func library(_ name: String, _ linked: String...) -> Target {
  .target(name: name, linkerSettings: linked.map { .linkedLibrary($0) })
}

func builtIn(_ family: String) -> Target {
  .target(name: family, dependencies: kit, path: "plugins/\(family)")
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"])
}

let package = Package(
  name: "pare",
  products: [.executable(name: "pare", targets: ["pare"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
  ],
  targets: [
    library("CLua", "lua5.4"),
    library("COneDNN", "dnnl"),
    library("CLAPACK", "openblas"),
    library("CEdit", "edit"),
    library("CZlib", "z"),
    library("CZstd", "zstd"),
    library("CPNG", "png"),
    library("CJPEG", "turbojpeg"),
    .target(name: "CLuaSupport", dependencies: ["CLua"]),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-mprefer-vector-width=512"])], linkerSettings: [.linkedLibrary("gomp")]),
    .target(name: "CPluginABI"),

    .target(name: "Support"),
    .target(name: "Tensor", dependencies: ["Support", "CKernels", "COneDNN", "CLAPACK"]),
    .target(name: "Graph", dependencies: ["Support", "Tensor", "CKernels", orderedCollections]),
    .target(name: "Formats", dependencies: engine + ["CZlib", "CZstd", "CPNG", "CJPEG", orderedCollections, protobuf],
            exclude: ["ONNX/Protobuf/onnx.proto", "Pare/Protobuf/pare.proto", "Resources/README.md"],
            resources: [.embedInCode("Resources/digits.bin.gz")]),
    .target(name: "Training", dependencies: engine + ["Formats", orderedCollections]),
    .target(name: "Runtime", dependencies: engine + ["CKernels", "COneDNN", orderedCollections]),
    .target(name: "Compression",
            dependencies: engine + ["Formats", "Training", "Runtime", "CPluginABI", orderedCollections]),
    .target(name: "PareKit",
            dependencies: engine + ["Formats", "Training", "Runtime", "Compression", orderedCollections]),

    // The database of runs. Plugins never see it: it stands above what they import.
    .target(name: "Runs", dependencies: engine + ["Formats", "Compression", sqlite]),
    .target(name: "LuaBridge", dependencies: ["Support", "CLua", "CLuaSupport"]),
    .target(name: "Scripting",
            dependencies: engine + [
              "Formats", "Training", "Runtime", "Compression", "Runs", "LuaBridge", "CEdit", orderedCollections,
            ]),

    builtIn("Pruning"), builtIn("Quantization"), builtIn("Distillation"), builtIn("LowRank"), builtIn("Search"),
    .executableTarget(
      name: "pare",
      dependencies: engine + [
        "Formats", "Training", "Runtime", "Compression", "Runs", "Scripting",
        "Pruning", "Quantization", "Distillation", "LowRank", "Search", argumentParser,
      ],
      // Plugins leave the core's symbols undefined and find them in the executable: one registry, one set of types.
      linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic", "-Xlinker", "--build-id=sha1"])]),

    .target(name: "TestSupport", dependencies: engine + ["CKernels"], path: "Tests/TestSupport"),
    tests("SupportTests", ["Support"]),
    tests("TensorTests", ["Support", "Tensor", "CKernels"]),
    tests("GraphTests", engine),
    tests("FormatsTests", engine + ["Formats", orderedCollections]),
    // Mutated model files, for `make soak`; with PARE_FUZZER and `--sanitize fuzzer` guided by what they reach.
    .executableTarget(name: "ReaderFuzz", dependencies: engine + ["Formats"], path: "Tests/Fuzz",
                      swiftSettings: Context.environment["PARE_FUZZER"] != nil ? [.define("GUIDED")] : []),
    .testTarget(name: "ConformanceTests", dependencies: engine + ["Formats", "Runtime", "TestSupport"], path: "Tests/Conformance",
                exclude: ["cases.py", "mutate.py", "same_classes.py", "requirements.txt"]),
    tests("TrainingTests", engine + ["Formats", "Training"]),
    tests("RuntimeTests", engine + ["CKernels", "Formats", "Runtime", orderedCollections]),
    tests("CompressionTests", engine + ["Formats", "Training", "Runtime", "Compression"]),
    tests("PluginTests", kit + ["Pruning", "Quantization", "Distillation", "LowRank", "Search"]),
    tests("LuaBridgeTests", ["Support", "LuaBridge"]),
    tests("ScriptingTests", engine + [
      "Formats", "Training", "Runtime", "Compression", "Runs", "LuaBridge", "Scripting",
      "Pruning", "Quantization", "Distillation", "LowRank", "Search",
    ]),
    // Scripts, command lines and plugins written from the contract alone, run against the built program.
    .testTarget(name: "ContractTests", dependencies: ["pare"], path: "Tests/Contract",
                exclude: ["lua", "shell", "plugins", "resume.sh", "docs.py", "fuzz.lua", "kill.sh"]),
  ],
  swiftLanguageModes: [.v6]
)

// CI sets PARE_STRICT; a newer compiler's new warning must not stop a user's build.
let strict = Context.environment["PARE_STRICT"] != nil
for target in package.targets {
  target.swiftSettings =
    (target.swiftSettings ?? []) + [.enableUpcomingFeature("MemberImportVisibility")]
    + (strict ? [.treatAllWarnings(as: .error)] : [])
}
