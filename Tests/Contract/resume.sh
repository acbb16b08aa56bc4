# Kills a training with SIGKILL at random places, resumes it each time, and compares the result with an uninterrupted run.
#   PARE=... resume.sh PLACES
set -euo pipefail
places=$1
cat > resume.lua <<'L'
-- arg[1]: where the model goes; "resume" as arg[2] goes on from the checkpoint
local d = data.load("synthetic", {size=400, seed=1})
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=4, kernel=3, padding=1}, nn.batchnorm2d{channels=4}, nn.relu(), nn.dropout{p=0.2}, nn.flatten(), nn.linear{in_features=256, out_features=10}, input={1,8,8} }
local file = io.open("state"); if file then file:close() end
local m = train(net, d, {epochs=4, batch=8, optimizer="adam", accumulate=2, ema=0.9, augment={"flip", "crop", {"mixup", alpha=0.4}}, early_stop={patience=4}, seed=2,
  checkpoint="state", checkpoint_steps=1, resume=arg[2] and file and "state" or nil, log=arg[1] .. ".jsonl",
  callbacks={on_step=function(t) local f = io.open("step", "w"); f:write(t.step); f:close() end}})
m:save(arg[1])
L
"$PARE" --quiet resume.lua whole.pare
rm -f state
RANDOM=7
killed=0
while [ "$killed" -lt "$places" ]; do
  rm -f step
  "$PARE" --quiet resume.lua parts.pare resume & pid=$!
  # From its first step on it may die anywhere: in a step, while the checkpoint is written, between epochs.
  while [ ! -e step ] && kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
  sleep "0.$(printf '%03d' $((RANDOM % 150)))"
  if kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  status=0; wait "$pid" 2>/dev/null || status=$?
  if [ "$status" = 0 ]; then
    # It was done before its time: compare, and start over for the places that are left.
    cmp whole.pare parts.pare
    rm -f state parts.pare
  elif [ "$status" != 137 ]; then
    echo "the training ended with $status" >&2; exit 1
  fi
done
"$PARE" --quiet resume.lua parts.pare resume
cmp whole.pare parts.pare
for name in whole parts; do sed 's/, "cpu_seconds.*//' "$name.pare.jsonl" > "$name.log"; done
cmp whole.log parts.log
[ "$(wc -l < whole.log)" = 4 ]
echo "killed at $killed places: the same bits"
