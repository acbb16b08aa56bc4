# the worked scripts beyond classification: few epochs, and the metric still moves the right way
root="$CONTRACT/../.."
"$PARE" --quiet "$root/scripts/examples/super_resolution.lua" 3 > super.txt; grep -q "dB" super.txt
"$PARE" --quiet "$root/scripts/examples/segmentation.lua" 2 > seg.txt; grep -q "mean IoU" seg.txt
"$PARE" --quiet "$root/scripts/examples/generator.lua" 2 > gen.txt; grep -q "root mean squared error" gen.txt
