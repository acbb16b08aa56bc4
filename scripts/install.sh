#!/usr/bin/env bash
# Copies the program, and the modules that plugins are compiled against, under PREFIX.
set -euo pipefail
prefix=${1:?usage: scripts/install.sh PREFIX}
cd "$(dirname "$0")/.."

install -D -m 755 .build/release/pare "$prefix/bin/pare"
modules="$prefix/lib/pare"
rm -rf "$modules"
mkdir -p "$modules/Modules" "$modules/include"
cp .build/release/Modules/*.swiftmodule "$modules/Modules/"
for library in Sources/C*/include; do
  name=$(basename "$(dirname "$library")")
  cp -r "$library" "$modules/include/$name"
done
# Where this user compiles plugins, the first one would wait some seconds for the modules of C; it also shows that they load.
if command -v swiftc > /dev/null; then
  "$prefix/bin/pare" --quiet --no-plugins -e 'plugin.load("plugins/examples/swift/example_criterion.swift");'
fi
echo "installed $prefix/bin/pare"
