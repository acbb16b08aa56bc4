# Two runs give the same bits, with two threads: of every operation of tensors, and of the first 100 steps of ResNet-20.
#   PARE=... determinism.sh, in a folder that may be written to
set -euo pipefail
script="$(cd "$(dirname "$0")" && pwd)/determinism.lua"
for run in one two; do
  "$PARE" --quiet --threads 2 "$script" operations > "operations.$run"
  mkdir -p "$run"
  "$PARE" --quiet --threads 2 "$script" training "$run" > "losses.$run"
done
cmp operations.one operations.two
cmp losses.one losses.two
[ "$(wc -l < losses.one)" = 100 ]
cmp one/weights.safetensors two/weights.safetensors
echo "the same bits: $(wc -l < operations.one) results of operations and gradients, 100 losses and the weights after them"
