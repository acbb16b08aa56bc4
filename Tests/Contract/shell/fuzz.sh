# random calls of all bound functions: error objects, no crash, no hang; `make soak` makes 100,000
timeout 500 "$PARE" --quiet --memory 1GB "$CONTRACT/fuzz.lua" 6000 1 || { status=$?; echo "ended with $status in: $(cat last)" >&2; exit 1; }
