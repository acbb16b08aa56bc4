#!/usr/bin/env bash
# Longer than a test may take. Mutated model files: `pare inspect` answers each with a result or an error, in time.
#   make soak [COUNT=20000]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PARE:?set by make soak}" "${PYTHON:?set by make soak}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$PARE" --quiet -e "local m = nn.lenet5() m:save('$scratch/a.onnx') m:save('$scratch/a.pare')"
"$PARE" --quiet -e "local m = prune{sparsity=0.8}(nn.lenet5()) m:save('$scratch/b.pare') m:save('$scratch/b.onnx')"
"$PYTHON" Tests/Conformance/mutate.py "$PARE" "${COUNT:-20000}" "$scratch"/*.onnx "$scratch"/*.pare
