#!/usr/bin/env python3
"""Linear algebra and order of tensors beside PyTorch and NumPy, in turns, two threads each.

    OMP_NUM_THREADS=2 python scripts/bench/tensor_ops.py [case ...]

Starts `pare scripts/bench/tensor_ops.lua`, which runs one case as often as each line it reads says, so that all three
are timed by one clock. A turn is as many runs as take some 25 ms;
between turns the processors rest, so that no engine's spinning threads sit in another's time. Checks that results agree,
and prints medians, minima and the ratio of the faster peer to Pare: above 1 Pare is faster.
"""
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
import numpy as np
import torch

PARE = os.environ.get("PARE", ".build/release/pare")
ROUNDS = 7
REST = 0.08  # NumPy's OpenBLAS spins for some 30 ms
torch.set_num_threads(2)


def numbers(n):
    """The numbers that the Lua side makes: products, differences and floors of f64 are exact to the bit."""
    x = np.arange(1, n + 1).astype(np.float32).astype(np.float64) * 0.6180339887498949
    x -= np.floor(x)
    x = (x + 0.1234) * (x + 0.1234) * 43758.5453
    return (x - np.floor(x) - 0.5).astype(np.float32)


line, points = numbers(11_700_000), numbers(1_000_000)
square = {n: numbers(n * n).reshape(n, n) for n in (256, 512, 1024, 2048)}
K = line.size // 10


def kmeans(xp, asarray, searchsorted, bincount):
    """Lloyd on one coordinate as one writes it with array operations."""
    x = asarray(points)
    c = asarray(np.sort(points)[(2 * np.arange(16) + 1) * points.size // 32].copy())
    for _ in range(20):
        a = searchsorted((c[1:] + c[:-1]) / 2, x)
        c = (bincount(a, x) / bincount(a, xp.ones_like(x))).astype(np.float32) if xp is np else (
            bincount(a, x) / bincount(a, xp.ones_like(x)))
    a = searchsorted((c[1:] + c[:-1]) / 2, x)
    return float(((x - c[a]) ** 2).sum())


def cases():
    t = torch.from_numpy(line)
    for n, x in square.items():
        y = torch.from_numpy(x)
        yield f"matmul{n}", lambda y=y: (y @ y)[0, 0].item(), lambda x=x: (x @ x)[0, 0]
    image, kernel = torch.from_numpy(numbers(64 * 56 * 56)).view(1, 64, 56, 56), torch.from_numpy(numbers(64 * 64 * 9)).view(64, 64, 3, 3)
    yield "conv", lambda: torch.conv2d(image, kernel, padding=1)[0, 0, 0, 0].item(), None
    for n in (512, 1024):
        x, y = square[n], torch.from_numpy(square[n])
        yield f"svd{n}", lambda y=y: torch.linalg.svd(y)[1][0].item(), lambda x=x: np.linalg.svd(x)[1][0]
    yield "topk", lambda: t.topk(K)[0].sum().item(), lambda: np.sort(line[np.argpartition(line, -K)[-K:]]).sum()
    # torch.quantile refuses so many elements; kthvalue is what it has.
    yield "quantile", lambda: t.kthvalue(int(0.9 * line.size))[0].item(), lambda: np.quantile(line, 0.9)
    yield "threshold", lambda: t.abs().kthvalue(int(0.9 * line.size))[0].item(), lambda: np.quantile(np.abs(line), 0.9)
    yield "sort", lambda: t.sort()[0][5849999].item(), lambda: np.sort(line)[5849999]
    yield "sort_indices", lambda: t.sort()[0][5849999].item(), lambda: line[np.argsort(line, kind="stable")][5849999]
    yield (
        "kmeans", lambda: kmeans(torch, torch.from_numpy, lambda edges, x: torch.bucketize(x, edges), lambda a, w: torch.bincount(a, w, 16)),
        lambda: kmeans(np, np.asarray, np.searchsorted, lambda a, w: np.bincount(a, w, 16)))


def in_turn(run):
    """What a turn of `count` runs takes by the run, in ms, and the last result. As many runs before it wake the threads:
    the scheduler takes some milliseconds to spread them."""
    def turn(count):
        time.sleep(REST)
        for _ in range(count):
            run()
        start = time.perf_counter()
        for _ in range(count):
            value = run()
        return (time.perf_counter() - start) * 1e3 / count, float(value)
    return turn


def main():
    wanted = sys.argv[1:]
    pare = subprocess.Popen(
        [PARE, "--threads", "2", "scripts/bench/tensor_ops.lua"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(name, count):
        time.sleep(REST)
        pare.stdin.write(f"{name} {count}\n")
        pare.stdin.flush()
        assert pare.stdout.readline() == "go\n", "pare ended early"
        start = time.perf_counter()
        value = pare.stdout.readline()
        return (time.perf_counter() - start) * 1e3 / count, float(value)

    print(f"{'case':14}{'pare ms':>18}{'torch ms':>18}{'numpy ms':>18}   ratio of medians, minima")
    for name, by_torch, by_numpy in cases():
        if wanted and name not in wanted:
            continue
        engines = [lambda count: ask(name, count)] + [in_turn(run) for run in (by_torch, by_numpy) if run]
        counts = []
        for run in engines:  # the first warms up
            run(1)
            counts.append(max(1, min(100, round(25 / run(1)[0]))))
        times = [[] for _ in engines]
        for turn in range(ROUNDS):
            order = list(range(len(engines)))
            order = order[turn % len(order):] + order[:turn % len(order)]
            values = [0] * len(engines)
            for i in order:
                milliseconds, values[i] = engines[i](counts[i])
                times[i].append(milliseconds)
            scale = max(1, abs(values[-1]))
            assert all(abs(value - values[-1]) < 2e-3 * scale for value in values), (name, values)
        median = [statistics.median(column) for column in times]
        least = [min(column) for column in times]
        cells = "".join(f"{a:9.2f} ({b:6.2f})" for a, b in zip(median, least)) + " " * 18 * (3 - len(median))
        print(f"{name:14}{cells}   {min(median[1:]) / median[0]:.2f}  {min(least[1:]) / least[0]:.2f}", flush=True)
    pare.stdin.close()
    pare.wait()


main()
