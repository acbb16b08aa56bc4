#!/usr/bin/env bash
# Longer than a test may take. 100,000 random calls of all that Lua sees, under the address sanitizer; a compress killed at 50 random moments goes on to
# the same bits; a training killed at 20 random places gives the bits of an uninterrupted one; every operation of tensors
# and a training give the same bits twice; memory of tensors does not grow over 10,000 steps, and a training asks the system
# for none once it runs (needs strace); mutated model files: the readers answer each with a model or an error, in time and
# within memory, whether the mutations come by number or are guided by coverage (their corpus stays in out/corpus); networks
# of PyTorch's two exporters compute what ONNX Runtime computes, whole and with 30% of each layer cut.
#   make soak [COUNT=100000] [FUZZ_SECONDS=1200] [EXPORT_PYTHON=python with torch, onnxscript, onnxruntime]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PARE:?set by make soak}" "${ADDRESS:?set by make soak}" "${PYTHON:?set by make soak}" "${FUZZ:?set by make soak}" "${GUIDED:?set by make soak}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fuzz="$PWD/Tests/Contract/fuzz.lua"
(mkdir "$scratch/fuzz" && cd "$scratch/fuzz" && PARE_HOME="$scratch/fuzz" timeout 7200 "$ADDRESS" --quiet --memory 1GB "$fuzz" 100000 "${SEED:-1}" || { echo "in: $(cat last)" >&2; exit 1; })

kill="$PWD/Tests/Contract/kill.sh"
(mkdir "$scratch/kill" && cd "$scratch/kill" && bash "$kill" 50)

resume="$PWD/Tests/Contract/resume.sh"
(mkdir "$scratch/resume" && cd "$scratch/resume" && bash "$resume" 20)

determinism="$PWD/scripts/soak/determinism.sh"
(mkdir "$scratch/determinism" && cd "$scratch/determinism" && bash "$determinism")
"$PARE" --quiet --threads 1 scripts/soak/memory.lua 10000
"$PYTHON" scripts/soak/system_memory.py

# Small networks, so that most of a file is structure.
"$PARE" --quiet -e "
  local m = nn.sequential{ nn.conv2d{in_channels=1, out_channels=4, kernel=3}, nn.batchnorm2d{channels=4}, nn.relu(), nn.flatten(),
                           nn.linear{in_features=64, out_features=3}, input={1,6,6}, seed=0 }
  m:save('$scratch/a.onnx') m:save('$scratch/a.pare') m:save('$scratch/a.safetensors')
  local s = prune{sparsity=0.8}(m) s:save('$scratch/b.pare', {encode=true}) s:save('$scratch/b.onnx', {sparse_initializer=true})
  nn.bert{words=12, width=8, layers=1, heads=2, inner=8, positions=8}:save('$scratch/c.onnx')"
# Whole commands, a few; then the readers in one process, many.
"$PYTHON" Tests/Conformance/mutate.py "$PARE" "$(( ${COUNT:-100000} / 100 ))" "$scratch"/*.onnx "$scratch"/*.pare
"$PYTHON" scripts/soak/fuzz.py "$FUZZ" "${COUNT:-100000}" out/finds "$scratch"/*.onnx "$scratch"/*.pare "$scratch"/*.safetensors \
  Tests/Golden/onnx/*.onnx

for kind in onnx pare safetensors; do
  mkdir -p "out/corpus/$kind" "out/finds/$kind" "$scratch/seeds/$kind"
  find "$scratch" Tests/Golden/onnx -maxdepth 1 -name "*.$kind" -exec cp {} "$scratch/seeds/$kind" \;
  # A file that is found ends it, and is kept.
  PARE_FUZZ="$kind:$scratch" "$GUIDED" "out/corpus/$kind" "$scratch/seeds/$kind" -max_total_time="${FUZZ_SECONDS:-1200}" \
    -max_len=65536 -timeout=5 -rss_limit_mb=1500 -malloc_limit_mb=128 -artifact_prefix="out/finds/$kind/"
done

if [ -n "${EXPORT_PYTHON:-}" ]; then
  "$EXPORT_PYTHON" scripts/soak/exports.py "$PARE" --folder "$scratch/exports"
  "$EXPORT_PYTHON" scripts/soak/cuts.py "$PARE" "$scratch/exports"
else
  echo "the exporters' networks are left out: EXPORT_PYTHON names a Python with torch, torchvision, onnx, onnxscript and onnxruntime"
fi
