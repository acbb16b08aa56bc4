# contract: --sandbox
for name in os io package require dofile loadfile debug; do [ "$("$PARE" --sandbox -e "return $name == nil")" = true ]; done
status=0; "$PARE" --sandbox --instructions 1e6 -e 'while true do end' 2>err || status=$?; [ $status = 1 ]; grep -qi instruction err
status=0; "$PARE" --sandbox --memory 64MB -e 'local t = {} for i = 1, 1e9 do t[i] = tensor.zeros{1000000} end' 2>err || status=$?; [ $status = 1 ]; grep -qi memory err
status=0; "$PARE" --sandbox -e 'model.load("/etc/passwd.onnx")' 2>err || status=$?; [ $status = 1 ]
status=0; "$PARE" --sandbox -e 'nn.lenet5():save("x.pare")' 2>err || status=$?; [ $status = 1 ]; [ ! -e x.pare ]
[ "$("$PARE" --sandbox -e 'return (tensor{1,2} * 2):sum()')" = 6 ] || [ "$("$PARE" --sandbox -e 'return (tensor{1,2} * 2):sum()')" = 6.0 ]
