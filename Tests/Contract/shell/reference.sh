# the generated reference in docs/ is current: pare reference --write . makes it so
root="$CONTRACT/../.."
for what in lua:lua.md methods:methods.md stubs:pare.lua; do
  "$PARE" --no-plugins reference "${what%%:*}" > out
  cmp out "$root/docs/${what##*:}" || { echo "docs/${what##*:} is not current: pare reference --write ." >&2; exit 1; }
done
