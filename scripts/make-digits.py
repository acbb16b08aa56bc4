"""Makes Sources/Formats/Resources/digits.bin.gz from scikit-learn's digits (layout: README.md beside it).

    python scripts/make-digits.py [OUT]

The test split: per class floor(count * 500 / n) samples, the largest remainders rounded up to 500 in all, drawn by
numpy's default_rng(0), class by class. Made with numpy 2.4.6, scikit-learn 1.9.1.
"""
import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST = 500

digits = load_digits()
pixels = digits.images.astype(np.uint8).reshape(-1, 64)
labels = digits.target.astype(np.uint8)
assert np.array_equal(pixels, digits.images.reshape(-1, 64))
n = len(labels)

exact = np.bincount(labels) * TEST / n
quota = np.floor(exact).astype(int)
quota[np.argsort(-(exact - quota), kind="stable")[: TEST - quota.sum()]] += 1

rng = np.random.default_rng(0)
test = np.sort(np.concatenate([rng.permutation(np.where(labels == c)[0])[: quota[c]] for c in range(10)]))

data = b"PDIG" + struct.pack("<II", n, TEST) + pixels.tobytes() + labels.tobytes() + test.astype("<u2").tobytes()
out = Path(sys.argv[1]) if len(sys.argv) > 1 else (
    Path(__file__).parent.parent / "Sources/Formats/Resources/digits.bin.gz")
out.write_bytes(gzip.compress(data, 9, mtime=0))
