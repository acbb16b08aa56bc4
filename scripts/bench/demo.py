#!/usr/bin/env python3
"""The demo's networks at batch 1 on one thread, beside ONNX Runtime, in turns.

    make demo && .venv/bin/python scripts/bench/demo.py

Prints, for each of `rounds` rounds, the median latency of out/base.pare and out/digits.pare in Pare's session and of
the same two networks in ONNX Runtime (sequential, one thread, all graph optimisations), and then the ratios of the
medians and of the minima over all rounds.
"""
import json
import statistics
import subprocess
import sys
import time

import numpy as np
import onnxruntime as ort

PARE = ".build/release/pare"
ROUNDS, RUNS = 9, 400


def onnxruntime_session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def time_onnxruntime(session):
    name = session.get_inputs()[0].name
    binding = session.io_binding()
    x = np.random.default_rng(0).standard_normal((1, 1, 8, 8)).astype(np.float32)
    binding.bind_cpu_input(name, x)
    binding.bind_output(session.get_outputs()[0].name)
    for _ in range(50):
        session.run_with_iobinding(binding)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), min(times)


def time_pare(*models):
    command = [PARE, "bench", *models, "--threads", "1", "--runs", str(RUNS), "--json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [(row["median_ms"], row["min_ms"]) for row in rows]


def main():
    subprocess.run([PARE, "convert", "out/base.pare", "out/base.onnx"], check=True)
    peers = [onnxruntime_session("out/base.onnx"), onnxruntime_session("out/digits.onnx")]
    rows = []
    for _ in range(ROUNDS):
        pare = time_pare("out/base.pare", "out/digits.pare")
        rows.append(pare + [time_onnxruntime(peer) for peer in peers])
        print("  ".join(f"{median:.4f}" for median, _ in rows[-1]), "ms", file=sys.stderr)
    median = [statistics.median(row[i][0] for row in rows) for i in range(4)]
    least = [min(row[i][1] for row in rows) for i in range(4)]
    names = ["pare base", "pare digits", "onnxruntime base", "onnxruntime digits"]
    for name, a, b in zip(names, median, least):
        print(f"{name:20} median {a:.4f} ms   min {b:.4f} ms")
    for label, a, b in [
        ("base: pare / onnxruntime", 0, 2),
        ("base / digits in pare", 0, 1),
        ("digits: pare / onnxruntime", 1, 3),
    ]:
        print(f"{label:28} ratio of medians {median[a] / median[b]:.2f}   of minima {least[a] / least[b]:.2f}")


main()
