# every example of the pages that people read is run as it is printed
root="$CONTRACT/../.."
for page in tour lua-guide plugins extending; do
  mkdir -p "$page"; (cd "$page" && python3 "$CONTRACT/docs.py" "$PARE" "$root/docs/$page.md")
done
mkdir -p readme; (cd readme && python3 "$CONTRACT/docs.py" "$PARE" "$root/README.md")
