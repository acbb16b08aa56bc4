#!/bin/sh
# Makes the .pb.swift files of Sources/Formats from their .proto files.
# Needs protoc (Debian: protobuf-compiler) and protoc-gen-swift, built from the swift-protobuf release that
# Package.swift names: swift build -c release --product protoc-gen-swift; pass its path as the first argument.
set -eu
plugin=${1:-$(command -v protoc-gen-swift)}
cd "$(dirname "$0")/../Sources/Formats"
for proto in ONNX/Protobuf/onnx.proto Pare/Protobuf/pare.proto; do
  folder=$(dirname "$proto")
  protoc --plugin=protoc-gen-swift="$plugin" --proto_path="$folder" \
    --swift_opt=Visibility=Internal --swift_out="$folder" "$(basename "$proto")"
done
