#!/usr/bin/env bash
# Longer than a test may take. 100,000 random calls of all that Lua sees; a compress killed at 50 random moments goes on to
# the same bits; a training killed at 20 random places gives the bits of an uninterrupted one; mutated
# model files: `pare inspect` answers each with a result or an error, in time.
#   make soak [COUNT=20000]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PARE:?set by make soak}" "${PYTHON:?set by make soak}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fuzz="$PWD/Tests/Contract/fuzz.lua"
(mkdir "$scratch/fuzz" && cd "$scratch/fuzz" && PARE_HOME="$scratch/fuzz" timeout 7200 "$PARE" --quiet --memory 1GB "$fuzz" 100000 "${SEED:-1}" || { echo "in: $(cat last)" >&2; exit 1; })

kill="$PWD/Tests/Contract/kill.sh"
(mkdir "$scratch/kill" && cd "$scratch/kill" && bash "$kill" 50)

resume="$PWD/Tests/Contract/resume.sh"
(mkdir "$scratch/resume" && cd "$scratch/resume" && bash "$resume" 20)

"$PARE" --quiet -e "local m = nn.lenet5() m:save('$scratch/a.onnx') m:save('$scratch/a.pare')"
"$PARE" --quiet -e "local m = prune{sparsity=0.8}(nn.lenet5()) m:save('$scratch/b.pare') m:save('$scratch/b.onnx')"
"$PYTHON" Tests/Conformance/mutate.py "$PARE" "${COUNT:-20000}" "$scratch"/*.onnx "$scratch"/*.pare
