"""Makes the .npy and .safetensors files of Tests/Golden/npy: numpy.arange(6) - 2 as 2 x 3, in every element type.

    python Tests/Golden/npy/generate.py

The .safetensors file is written by hand from the format's description, with its header in another order than its data.
Made with numpy 2.4.6.
"""
import json
import struct
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
values = (np.arange(6) - 2).reshape(2, 3)
TYPES = {"f32": "<f4", "f64": "<f8", "f16": "<f2", "i8": "i1", "i16": "<i2", "i32": "<i4", "i64": "<i8", "u8": "u1",
         "u16": "<u2", "bool": "?"}

for name, dtype in TYPES.items():
    array = values + 2 if name.startswith("u") else values > 0 if name == "bool" else values
    np.save(HERE / f"{name}.npy", array.astype(dtype))
np.save(HERE / "fortran.npy", np.asfortranarray(values.astype("<f4")))
np.save(HERE / "scalar.npy", np.float32(2.5))
np.save(HERE / "empty.npy", np.zeros((0, 3), "<f4"))
with open(HERE / "version2.npy", "wb") as f:
    np.lib.format.write_array(f, values.astype("<f4"), version=(2, 0))
np.save(HERE / "bigendian.npy", values.astype(">f4"))
np.save(HERE / "complex.npy", values.astype("<c8"))

weight, bias = values.astype("<f4").tobytes(), np.array([7, -1], "<i8").tobytes()
header = json.dumps({"bias": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
                     "__metadata__": {"format": "pt"},
                     "fc.weight": {"shape": [2, 3], "dtype": "F32", "data_offsets": [0, 24]}}).encode()
(HERE / "two.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weight + bias)
