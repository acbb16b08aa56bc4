# The main job: the demo's file is small, keeps its accuracy, and its ONNX file gives the same classes in ONNX Runtime.
root="$CONTRACT/../.."
"$PARE" --quiet "$root/scripts/demo.lua" > demo.txt
for file in base.pare digits.pare digits.onnx report.html; do [ -s "out/$file" ]; done
base=$(stat -c %s out/base.pare); small=$(stat -c %s out/digits.pare)
[ "$base" -ge $((8 * small)) ] || { echo "only $base to $small bytes"; exit 1; }
before=$("$PARE" eval out/base.pare --data digits --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["accuracy"])')
after=$("$PARE" eval out/digits.pare --data digits --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["accuracy"])')
python3 -c "assert $before > 0.96 and $after > $before - 0.02, ($before, $after)"
python=${PARE_TEST_PYTHON:-$root/.venv/bin/python}
if [ -x "$python" ]; then
  "$python" "$root/Tests/Conformance/same_classes.py" "$PARE" out/digits.onnx out/digits.pare "$root/Sources/Formats/Resources/digits.bin.gz"
else
  echo "SKIPPED: the ONNX Runtime comparison needs the tests' Python (make test makes it)"
fi
