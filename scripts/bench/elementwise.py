#!/usr/bin/env python3
"""Pare's tensor operations beside NumPy and PyTorch, in turns.

    make build && python3 scripts/bench/elementwise.py [--threads 2] [--rounds 9] [--size 1000 ...] [name ...]

Every case runs in Pare (one process of the `pare` binary, driven by elementwise.lua over a pipe), in PyTorch and, where
it has the operation, in NumPy: repeatedly for a few milliseconds each, one after the other, for `rounds` rounds. The
table gives the least time of each and the ratio of the faster peer's to Pare's: above 1, Pare is faster. Needs numpy,
and torch if it is there. The interpreter's overhead is part of every time: Lua's here, Python's there.
"""
import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np

try:
    import torch
except ImportError:
    torch = None

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MATRIX = {1000: (10, 100), 100000: (100, 1000), 10000000: (1000, 10000)}
IMAGES = {1000: (2, 8, 8, 8), 100000: (4, 32, 28, 28), 10000000: (64, 64, 50, 50)}


def cases(size):
    """The operations in NumPy and PyTorch: name -> list of (library, function)."""
    random = np.random.default_rng(1)
    x, y = (random.standard_normal(size, dtype=np.float32) for _ in range(2))
    m = x.reshape(MATRIX[size])
    image = random.standard_normal(IMAGES[size], dtype=np.float32)
    n, c, h, w = IMAGES[size]
    last = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    mask = x > 0
    found = {
        "add": [lambda: x + y], "mul": [lambda: x * y], "scale": [lambda: x * np.float32(1.5)],
        "relu": [lambda: np.maximum(x, 0)], "exp": [lambda: np.exp(x)], "tanh": [lambda: np.tanh(x)],
        "sigmoid": [None], "erf": [None],
        "sum": [lambda: x.sum()], "max": [lambda: x.max()],
        "sum_rows": [lambda: m.sum(0)], "sum_columns": [lambda: m.sum(1)],
        "channel_mean": [lambda: last.mean((0, 1, 2))],
        "channels_last": [lambda: image.transpose(0, 2, 3, 1).reshape(n * h * w, c)],
        "transpose": [lambda: m.T.reshape(size)],
        "greater": [lambda: x > y], "where": [lambda: np.where(mask, x, y)], "softmax": [None],
    }
    if torch:
        tx, ty, tm, tmask = (torch.from_numpy(v) for v in (x, y, m, mask))
        timage = torch.from_numpy(image)
        tlast = torch.from_numpy(last).permute(0, 3, 1, 2)
        rows = tx.reshape(size // 1000, 1000)
        for name, function in {
            "add": lambda: tx + ty, "mul": lambda: tx * ty, "scale": lambda: tx * 1.5, "relu": lambda: tx.relu(),
            "exp": lambda: tx.exp(), "tanh": lambda: tx.tanh(), "sigmoid": lambda: tx.sigmoid(), "erf": lambda: tx.erf(),
            "sum": lambda: tx.sum(), "max": lambda: tx.max(), "sum_rows": lambda: tm.sum(0),
            "sum_columns": lambda: tm.sum(1), "channel_mean": lambda: tlast.mean((0, 2, 3)),
            "channels_last": lambda: timage.permute(0, 2, 3, 1).reshape(n * h * w, c),
            "transpose": lambda: tm.t().reshape(size), "greater": lambda: tx > ty,
            "where": lambda: torch.where(tmask, tx, ty), "softmax": lambda: rows.softmax(1),
        }.items():
            found[name].append(function)
    return found


class Pare:
    def __init__(self, binary, threads):
        script = ROOT / "scripts" / "bench" / "elementwise.lua"
        self.process = subprocess.Popen(
            [binary, script, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def run(self, name, size, count):
        self.process.stdin.write(f"{name} {size} {count}\n")
        if self.process.stdout.readline() != "done\n":
            sys.exit(f"pare failed at {name} {size}")


def timed(function, count):
    start = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - start) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pare", default=str(ROOT / ".build" / "release" / "pare"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, nargs="*", default=list(MATRIX))
    options = parser.parse_args()
    if torch:
        torch.set_num_threads(options.threads)
    pare = Pare(options.pare, options.threads)
    print(f"{'case':14} {'size':>9} {'pare':>11} {'torch':>11} {'numpy':>11}   faster peer / pare")
    for size in options.size:
        for name, functions in cases(size).items():
            if options.names and name not in options.names:
                continue
            numpy_function, torch_function = functions[0], functions[1] if torch else None
            # As often as takes some five milliseconds, by the slowest of a first try.
            pare.run(name, size, 3)
            runs = {"pare": lambda: None, "torch": torch_function, "numpy": numpy_function}
            start = time.perf_counter()
            pare.run(name, size, 3)
            guess = (time.perf_counter() - start) / 3
            count = max(3, min(5000, int(0.005 / guess)))
            least = {}
            for _ in range(options.rounds):
                for library, function in runs.items():
                    if library == "pare":
                        start = time.perf_counter()
                        pare.run(name, size, count)
                        each = (time.perf_counter() - start) / count
                    elif function:
                        each = timed(function, count)
                    else:
                        continue
                    least[library] = min(least.get(library, 1e9), each)
            peers = [value for library, value in least.items() if library != "pare"]
            text = [f"{least[k] * 1e6:9.1f}us" if k in least else " " * 11 for k in ("pare", "torch", "numpy")]
            print(f"{name:14} {size:9} {' '.join(text)}   {min(peers) / least['pare']:.2f}", flush=True)


main()
