# Kills a long compress with SIGKILL at random moments, goes on each time, and compares with an undisturbed run: the same
# bits; the database of runs and every file are whole.
#   PARE=... kill.sh PLACES
set -euo pipefail
places=$1
export PARE_HOME="$PWD/home"
cat > work.lua <<'L'
local d = data.load("synthetic", {size=400, seed=1})
local net = nn.sequential{ nn.conv2d{in_channels=1, out_channels=8, kernel=3, padding=1}, nn.relu(), nn.flatten(), nn.linear{in_features=512, out_features=10}, input={1,8,8} }
local f = io.open("begun", "w"); f:close()
local r = compress(net, {finetune{epochs=3, batch=16}, prune{sparsity=0.5}, finetune{epochs=3, batch=16}, quantize{bits=8}, finetune{epochs=1, batch=16}}, {data=d, seed=3, autosave=arg[2]})
r.model:save(arg[1])
L
"$PARE" --quiet work.lua whole.pare whole
RANDOM=${SEED:-11}
killed=0
while [ "$killed" -lt "$places" ]; do
  rm -f begun
  "$PARE" --quiet work.lua parts.pare parts & pid=$!
  while [ ! -e begun ] && kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
  sleep "$(printf '0.%03d' $((RANDOM % 400)))"
  if kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  status=0; wait "$pid" 2>/dev/null || status=$?
  if [ "$status" = 0 ]; then
    cmp whole.pare parts.pare
    rm -rf parts parts.pare
  elif [ "$status" != 137 ]; then
    echo "the run ended with $status" >&2; exit 1
  fi
  # Nothing that is read is half written.
  python3 - <<'P'
import glob, json, sqlite3
rows = sqlite3.connect("home/runs.sqlite")
assert rows.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
assert rows.execute("SELECT count(*) FROM run").fetchone()[0] > 0
for name in glob.glob("parts/*/*.json"): json.load(open(name))
P
  for model in parts/*/*.pare; do [ ! -e "$model" ] || "$PARE" --quiet inspect "$model" > /dev/null; done
done
"$PARE" --quiet work.lua parts.pare parts
cmp whole.pare parts.pare
"$PARE" --quiet -e 'local n = 0; for _, run in ipairs(runs.list{limit=1000}) do assert(run.status == "done" or run.status == "killed", run.status); n = n + 1 end; print(n .. " runs")'
echo "killed at $killed places: the same bits"
