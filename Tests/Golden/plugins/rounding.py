"""Golden values of GPTQ, of Optimal Brain Surgeon by layers and of the observers by entropy and squared error, in NumPy (f64), each written from the paper alone.

Run: python Tests/Golden/plugins/rounding.py   (writes rounding.json beside itself; NumPy 2.4)
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(5)


def flat(array):
    return [float(x) for x in np.asarray(array, dtype=np.float64).reshape(-1)]


# GPTQ, algorithm 1: the inverse is downdated column by column (the form of Optimal Brain Quantization), no Cholesky factor.
def gptq(w, h, bits, damping, ordered):
    h = h + np.eye(len(h)) * damping * np.diag(h).mean()
    high = 2 ** (bits - 1) - 1
    scale = (np.abs(w).max(axis=1) / high).astype(np.float32).astype(np.float64)
    order = np.argsort(-np.diag(h), kind="stable") if ordered else np.arange(len(h))
    w, result, margin = w.astype(np.float64).copy(), np.zeros(w.shape, dtype=int), 1.0
    held = w == 0
    for row in range(len(w)):
        inverse = np.linalg.inv(h)
        left = list(order)
        for column in order:
            position = w[row, column] / scale[row]
            margin = min(margin, abs(position - np.floor(position) - 0.5))
            integer = int(np.clip(np.round(position), -high, high))
            result[row, column] = integer
            error = (w[row, column] - integer * scale[row]) / inverse[column, column]
            left.remove(column)
            for other in left:
                w[row, other] = 0 if held[row, other] else w[row, other] - error * inverse[column, other]
            inverse = inverse - np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    assert margin > 1e-4, "a tie: take another seed"
    return scale, result


def rounding():
    mix = rng.normal(size=(10, 10)) * 0.6 + np.eye(10)
    x = (rng.normal(size=(40, 10)) @ mix).astype(np.float32)
    w = (rng.normal(size=(6, 10)) * 0.5).astype(np.float32)
    w[2, 3] = w[4, 7] = 0
    h = x.astype(np.float64).T @ x.astype(np.float64)
    cases = []
    for bits, ordered, damping in [(4, True, 0.01), (3, False, 0.01), (2, True, 0.1), (4, False, 0.1)]:
        scale, integers = gptq(w, h, bits, damping, ordered)
        nearest = np.clip(np.round(w / scale[:, None]), -(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1)

        def error(q):
            change = q * scale[:, None] - w
            return float(np.trace(change @ h @ change.T))

        cases.append({
            "bits": bits, "ordered": ordered, "damping": damping, "integers": [int(v) for v in integers.reshape(-1)],
            "error": error(integers), "nearest": error(nearest)})
    return {"x": flat(x), "weight": flat(w), "cases": cases, "pruned": [pruned(w, h, name) for name in ("obs", "sparsegpt")]}


# Half of the weights go, those of the lowest score; the inverse is downdated column by column.
def pruned(w, h, name, damping=0.01):
    h = h + np.eye(len(h)) * damping * np.diag(h).mean()
    pivots, inverse = np.zeros(len(h)), np.linalg.inv(h)
    diagonal = np.diag(inverse).copy()
    for column in range(len(h)):
        pivots[column] = inverse[column, column]
        inverse = inverse - np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    scores = w.astype(np.float64) ** 2 / (2 * diagonal if name == "obs" else pivots)
    gone = np.zeros(w.size, dtype=bool)
    gone[np.argsort(scores.reshape(-1), kind="stable")[: w.size // 2]] = True
    gone, result = gone.reshape(w.shape), w.astype(np.float64).copy()
    for row in range(len(w)):
        if name == "obs":  # least squares on what stays
            stays = ~gone[row]
            result[row] = 0
            result[row, stays] = np.linalg.solve(h[np.ix_(stays, stays)], (h @ w[row].astype(np.float64))[stays])
            continue
        inverse = np.linalg.inv(h)
        for column in range(len(h)):
            if gone[row, column]:
                result[row, column + 1 :] -= result[row, column] / inverse[column, column] * inverse[column, column + 1 :]
                result[row, column] = 0
            inverse = inverse - np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return {"name": name, "scores": flat(scores), "weight": flat(result)}


def grid_error(values, low, high, bits):
    low, high, levels = min(low, 0), max(high, 0), 2**bits - 1
    step = (high - low) / levels or 1
    zero = np.clip(np.round(-low / step), 0, levels)
    return float((((np.clip(np.round(values / step) + zero, 0, levels) - zero) * step - values) ** 2).mean())


# Migacz 2017, the slides' pseudocode: P with the outliers in its last bin, Q from the bins before it.
def entropy(values, bins, bits):
    limit = abs(float(values[0]))
    while limit < np.abs(values).max():
        limit *= 2
    width = 2 * limit / bins
    counts = np.bincount(np.clip(((values + limit) / width).astype(int), 0, bins - 1), minlength=bins).astype(np.float64)
    sizes = counts[bins // 2 :] + counts[: bins // 2][::-1]
    sizes[0] -= (values == 0).sum()
    levels = 2 ** (bits - 1) if values.min() < 0 else 2**bits
    best = (len(sizes), np.inf)
    for i in range(levels, len(sizes) + 1):
        kept = sizes[:i]
        if kept.sum() == 0:
            continue
        p = kept.copy()
        p[-1] += sizes[i:].sum()
        q = np.zeros(i)
        for level in range(levels):
            part = slice(level * i // levels, (level + 1) * i // levels)
            filled = kept[part] > 0
            if filled.any():
                q[part] = np.where(filled, kept[part].sum() / filled.sum(), 0)
        p, q = p / p.sum(), q / q.sum()
        some = p > 0
        divergence = np.inf if (q[some] == 0).any() else float((p[some] * np.log(p[some] / q[some])).sum())
        if divergence <= best[1]:
            best = (i, divergence)
    return best[0] * width, width


def observers():
    cases = []
    for kind, bits in [("signed", 8), ("relu", 8), ("signed", 4), ("relu", 4)]:
        values = np.round(np.concatenate([rng.normal(size=1500), rng.normal(size=15) * 12]), 3).astype(np.float32)
        if kind == "relu":
            values = np.maximum(values, 0)
            values[0] = 0.5
        wide = values.astype(np.float64)
        low, high = min(float(wide.min()), 0), max(float(wide.max()), 0)
        steps = np.arange(1, 101) / 100
        best = min(grid_error(wide, low * a, high * b, bits) for a in (steps if low < 0 else [0.0]) for b in steps)
        threshold, width = entropy(wide, 1024, bits)
        cases.append({
            "values": [round(value, 3) for value in flat(values)], "bits": bits, "minmax": grid_error(wide, low, high, bits), "best": best,
            "threshold": threshold, "width": width, "bins": 1024})
    return cases


pathlib.Path(__file__).with_name("rounding.json").write_text(json.dumps({"rounding": rounding(), "observers": observers()}))
