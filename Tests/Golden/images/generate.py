"""Small PNG and JPEG files of every kind that readers meet, and what Pillow makes of them: FormatsTests compare.

Run:  python generate.py        (Pillow and NumPy; writes files and values.json beside this file)
"""

import json
import pathlib

import numpy as np
import PIL
from PIL import Image

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 11, 14
SIZES = [(11, 14), (4, 5), (7, 3), (23, 31)]


def picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([(x * 17 + y) % 256, (y * 23 + 3 * x) % 256, (x * y * 5 + 40) % 256], -1).astype(np.uint8)


def main():
    colour = Image.fromarray(picture())
    grey = colour.convert("L")
    alpha = Image.fromarray(np.concatenate([picture(), np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], -1))
    smooth = colour.resize((WIDTH * 3, HEIGHT * 3), Image.BICUBIC)
    files = {
        "colour.png": (colour, {}), "grey.png": (grey, {}), "alpha.png": (alpha, {}), "palette.png": (colour.quantize(32), {}),
        "bilevel.png": (grey.convert("1"), {}), "colour.jpg": (smooth, {"quality": 95, "subsampling": 0}),
        "grey.jpg": (smooth.convert("L"), {"quality": 95}), "progressive.jpg": (smooth, {"quality": 95, "subsampling": 0, "progressive": True}),
        "cmyk.jpg": (smooth.convert("CMYK"), {}),
    }
    values = {"generator": f"generate.py, Pillow {PIL.__version__}, numpy {np.__version__}", "files": {}}
    for name, (image, options) in files.items():
        image.save(HERE / name, **options)
        if name == "cmyk.jpg":
            continue
        read = Image.open(HERE / name).convert("RGB")
        values["files"][name] = {"height": read.height, "width": read.width, "resized": [
            {"height": h, "width": w, "planes": np.asarray(read.resize((w, h), Image.BILINEAR)).transpose(2, 0, 1).flatten().tolist()}
            for h, w in SIZES]}
    (HERE / "values.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
