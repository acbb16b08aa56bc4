#!/usr/bin/env bash
# Longer than a test may take. A training killed at 20 random places gives the bits of an uninterrupted one; mutated
# model files: `pare inspect` answers each with a result or an error, in time.
#   make soak [COUNT=20000]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PARE:?set by make soak}" "${PYTHON:?set by make soak}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

resume="$PWD/Tests/Contract/resume.sh"
(mkdir "$scratch/resume" && cd "$scratch/resume" && bash "$resume" 20)

"$PARE" --quiet -e "local m = nn.lenet5() m:save('$scratch/a.onnx') m:save('$scratch/a.pare')"
"$PARE" --quiet -e "local m = prune{sparsity=0.8}(nn.lenet5()) m:save('$scratch/b.pare') m:save('$scratch/b.onnx')"
"$PYTHON" Tests/Conformance/mutate.py "$PARE" "${COUNT:-20000}" "$scratch"/*.onnx "$scratch"/*.pare
