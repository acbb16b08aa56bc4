"""Golden values of the built-in compression methods, from NumPy and PyTorch.

Run: python Tests/Golden/plugins/generate.py   (writes values.json beside itself; NumPy 2.4, PyTorch 2.15)
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(7)


def flat(array):
    return [float(x) for x in np.asarray(array, dtype=np.float64).reshape(-1)]


def distillation():
    cases = []
    for temperature, alpha in [(4.0, 0.9), (1.0, 0.5), (2.5, 1.0)]:
        student = rng.normal(size=(4, 5)).astype(np.float32) * 3
        teacher = rng.normal(size=(4, 5)).astype(np.float32) * 3
        labels = rng.integers(0, 5, size=4)
        leaf = torch.tensor(student.astype(np.float64), requires_grad=True)
        soft = F.kl_div(
            F.log_softmax(leaf / temperature, dim=1),
            F.log_softmax(torch.tensor(teacher.astype(np.float64)) / temperature, dim=1),
            reduction="batchmean", log_target=True) * temperature**2
        loss = alpha * soft + (1 - alpha) * F.cross_entropy(leaf, torch.tensor(labels))
        loss.backward()
        cases.append({
            "temperature": temperature, "alpha": alpha, "student": flat(student), "teacher": flat(teacher),
            "labels": [int(x) for x in labels], "loss": float(loss.detach()), "gradient": flat(leaf.grad)})
    return cases


def quantization():
    cases = []
    for bits in [8, 4, 2]:
        weight = rng.normal(size=(3, 8)).astype(np.float32)
        weight[1, 2] = 0
        high = np.float32(2 ** (bits - 1) - 1)
        scale = (np.abs(weight).max(axis=1) / high).astype(np.float32)
        integers = np.clip(np.round(weight / scale[:, None]), -high, high)
        low, top = min(float(weight.min()), 0.0), max(float(weight.max()), 0.0)
        levels = 2**bits - 1
        step = np.float32((top - low) / levels)
        zero = int(np.clip(np.round(-low / float(step)), 0, levels))
        affine = np.clip(np.round(weight / step) + zero, 0, levels)
        cases.append({
            "bits": bits, "weight": flat(weight), "scale": flat(scale), "integers": [int(x) for x in integers.reshape(-1)],
            "affineScale": float(step), "affineZero": zero, "affine": [int(x) for x in affine.reshape(-1)]})
    return cases


def percentiles():
    values = np.concatenate([rng.normal(size=1500), rng.normal(size=20) * 40]).astype(np.float32)
    return {
        "values": flat(values),
        "cuts": [{"percentile": p, "low": float(np.percentile(values, 100 - p)), "high": float(np.percentile(values, p))}
                 for p in [99.0, 95.0]]}


def spectrum():
    weight = rng.normal(size=(6, 9)).astype(np.float32)
    s = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    return {
        "weight": flat(weight), "values": flat(s),
        "tails": [float(np.sqrt((s[r:] ** 2).sum())) for r in range(1, 7)],
        "energy": [{"share": e, "rank": int(np.searchsorted(np.cumsum(s**2) / (s**2).sum(), e) + 1)} for e in [0.5, 0.9, 0.99]]}


def cubic():
    rows = []
    for total, initial, final in [(4, 0.0, 0.5), (10, 0.2, 0.8), (1, 0.0, 0.9)]:
        rows.append({
            "total": total, "initial": initial, "final": final,
            "sparsity": [final + (initial - final) * (1 - t / total) ** 3 for t in range(total + 1)]})
    return rows


def pruning():
    layers = [rng.normal(size=(4, 6)).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32) * 2]
    out = {"layers": [flat(x) for x in layers]}
    ratio = 0.4
    local = []
    for layer in layers:
        size = np.abs(layer).reshape(-1)
        kept = np.ones(size.size, dtype=bool)
        kept[np.argsort(size, kind="stable")[: int(np.floor(ratio * size.size + 0.5))]] = False
        local.append([bool(x) for x in kept])
    every = np.abs(np.concatenate([x.reshape(-1) for x in layers]))
    kept = np.ones(every.size, dtype=bool)
    kept[np.argsort(every, kind="stable")[: int(np.floor(ratio * every.size + 0.5))]] = False
    out["ratio"], out["layer"] = ratio, local
    out["global"] = [[bool(x) for x in kept[:24]], [bool(x) for x in kept[24:]]]
    return out


values = {
    "distillation": distillation(), "quantization": quantization(), "percentiles": percentiles(),
    "spectrum": spectrum(), "cubic": cubic(), "pruning": pruning()}
path = pathlib.Path(__file__).with_name("values.json")
path.write_text(json.dumps(values) + "\n")
