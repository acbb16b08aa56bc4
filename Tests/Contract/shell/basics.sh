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
