# contract: Command line
[ "$("$PARE" -e 'return 1 + 1')" = 2 ]
"$PARE" -e 'x=1'
echo 'print(40 + 2)' | "$PARE" - | grep -qx 42
echo 'print(...)' > s.lua; [ "$("$PARE" ./s.lua a b)" = "$(printf 'a\tb')" ]
echo 'print(arg[1])' > s.lua; [ "$("$PARE" --threads 1 s.lua --flag)" = "--flag" ]
echo 'os.exit(7)' > s.lua; status=0; "$PARE" s.lua || status=$?; [ $status = 7 ]
echo 'return 5' > s.lua; [ -z "$("$PARE" s.lua)" ]
status=0; "$PARE" -e 'error("no")' 2>err || status=$?; [ $status = 1 ]; grep -q no err
status=0; "$PARE" frobnicate 2>/dev/null || status=$?; [ $status = 2 ]
status=0; "$PARE" inspect 2>/dev/null || status=$?; [ $status = 2 ]
status=0; "$PARE" inspect no-such.onnx 2>err || status=$?; [ $status = 1 ]; grep -q no-such.onnx err
"$PARE" --help | grep -q compress
"$PARE" methods | grep -q prune
"$PARE" methods prune | grep -q sparsity
"$PARE" methods --json | python3 -c 'import json,sys; l=json.load(sys.stdin); assert any(e["name"]=="prune" and e["kind"]=="method" and e["parameters"] for e in l)'
"$PARE" doctor >/dev/null
# a name that is nothing: what was meant
"$PARE" -e 'nn.conv2{}' 2> err || true; grep -q "did you mean nn.conv2d" err
"$PARE" -e 'trian(1)' 2> err || true; grep -q "did you mean 'train'" err
# a script that catches Ctrl-C and goes on is ended by the next one
echo 'io.open("ready", "w"):close(); while true do pcall(function() while true do end end) end' > catch.lua; "$PARE" catch.lua 2> /dev/null & pid=$!; while [ ! -e ready ]; do sleep 0.1; done; kill -INT $pid; sleep 0.5; kill -INT $pid; status=0; wait $pid || status=$?; [ $status = 130 ]
# misspelled commands, options and names: usage or failure, with what was meant
usage() { status=0; "$PARE" "$@" > out 2> err || status=$?; [ $status = 2 ] && [ ! -s out ]; }
usage inspct net.onnx; grep -q "did you mean 'inspect'" err
usage --thread 2 s.lua; grep -q "did you mean '--threads'" err
usage --thread 2 inspect net.onnx; grep -q "did you mean '--threads'" err
usage --frob
"$PARE" -e 'nn.sequential{nn.flatten(), nn.linear{in_features=64, out_features=10}, input={1, 8, 8}}:save("net.onnx")'
usage bench net.onnx --shape input; grep -q 1x64 err
usage eval net.onnx --data digits --normalize half; grep -q none err
fails() { status=0; "$PARE" "$@" > out 2> err || status=$?; [ $status = 1 ] && [ ! -s out ]; }
fails infer net.onnx --input inptu=x.npy --output-dir out.d; grep -q "did you mean 'input'" err
fails eval net.onnx --data digits --metric acuracy; grep -q "did you mean 'accuracy'" err
fails methods criterio; grep -q "did you mean 'criterion'" err
"$PARE" methods criterion | grep -q magnitude
# what cannot be written is said before the work; a recipe's error has its line; a full disk is no success
printf 'local a = 1\nreturn { prune{sparsty=a} }\n' > wrong.lua; fails compress net.onnx --recipe wrong.lua --data digits --output o.onnx; grep -q 'wrong.lua:2: unknown parameter' err
echo 'return { prune{sparsity=0.5} }' > half.lua; fails compress net.onnx --recipe half.lua --data digits --output o.onnx --report none/r.html; grep -q none/r.html err; [ ! -e o.onnx ]
mkdir -p folder.onnx; fails compress net.onnx --recipe half.lua --data digits --output folder.onnx; if grep -q digits: err; then false; fi
status=0; "$PARE" inspect net.onnx > /dev/full 2> err || status=$?; [ $status = 1 ]; grep -q "standard output" err
# a byte order mark is no part of a script
printf '\357\273\277print(6)' > s.lua; [ "$("$PARE" s.lua)" = 6 ]
# a name of one letter is not another one misspelled
"$PARE" -e 'y = 1 x.z = 1' 2> err || true; grep -q "nil value" err; if grep -q "did you mean" err; then false; fi
