# contract: exit codes, JSON, streams, options everywhere
status=0; "$PARE" nonsense 2> /dev/null || status=$?; [ $status = 2 ]
status=0; "$PARE" inspect missing.onnx 2> err || status=$?; [ $status = 1 ]; grep -q missing.onnx err
status=0; "$PARE" -e 'os.exit(7)' || status=$?; [ $status = 7 ]
status=0; "$PARE" -e 'error("no")' 2> err || status=$?; [ $status = 1 ]; grep -q no err
[ "$(echo 'print(6 * 7) return 5' | "$PARE" -)" = 42 ]; [ "$(echo 'print(6 * 7)' | "$PARE")" = 42 ]
echo 'print(arg[1], ..., #arg)' > s.lua; [ "$("$PARE" s.lua a b)" = "a	a	2" ]; [ "$("$PARE" --threads 1 ./s.lua a)" = "a	a	1" ]
[ "$("$PARE" --threads 1 -e 'return tensor.threads()')" = 1 ]
"$PARE" methods --json | python3 -c 'import json, sys; rows = json.load(sys.stdin); assert {"kind","name","family","summary","reference","parameters","origin"} <= set(rows[0]), rows[0]; assert any(r["name"] == "prune" for r in rows)'
"$PARE" methods prune | grep -q sparsity; "$PARE" methods prune --json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) >= 1'
status=0; "$PARE" methods nope 2> /dev/null || status=$?; [ $status = 1 ]
"$PARE" doctor | grep -q threads
"$PARE" --quiet -e 'nn.lenet5():save("l.onnx")'; "$PARE" inspect l.onnx --json 2> /dev/null | python3 -c 'import json, sys; json.load(sys.stdin)'
"$PARE" check l.onnx; status=0; "$PARE" check l.onnx --against onnxruntime > out 2>&1 || status=$?; [ $status -le 1 ]
"$PARE" bench l.onnx --runs 3 --batch 2 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["batch"] == 2'
"$PARE" bench l.onnx --runs 3 --profile > profile; grep -qi conv profile
echo 'x = tensor{1} function f() accidental = 1 end f()' > g.lua; "$PARE" g.lua 2> err; grep -q "accidental" err; ! grep -q "'x'" err
"$PARE" -e 'data = data.load("digits")' 2> err; grep -q "pare.data" err
echo 'io.open("begun", "w"):close(); while true do end' > loop.lua; "$PARE" loop.lua 2> /dev/null & pid=$!; while [ ! -e begun ]; do sleep 0.1; done; kill -INT $pid; status=0; wait $pid || status=$?; [ $status = 130 ]
