"""Golden scores of the pruning criteria: gradients and activations from PyTorch, formulas in NumPy (f64).

Run: python Tests/Golden/plugins/criteria.py   (writes criteria.json beside itself; NumPy 2.4, PyTorch 2.13)
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(11)
SAMPLES = 12


def f32(*shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype(np.float32)


weights = {
    "conv.weight": f32(4, 2, 3, 3, scale=0.4), "conv.bias": f32(4, scale=0.2),
    "bn.weight": f32(4), "bn.bias": f32(4, scale=0.3), "bn.running_mean": f32(4, scale=0.3),
    "bn.running_var": (rng.random(4) + 0.5).astype(np.float32),
    "fc1.weight": f32(6, 64, scale=0.2), "fc1.bias": f32(6, scale=0.2), "fc2.weight": f32(3, 6, scale=0.5), "fc2.bias": f32(3, scale=0.2),
}
x, labels = f32(SAMPLES, 2, 4, 4), rng.integers(0, 3, size=SAMPLES)
layers = ["conv", "fc1", "fc2"]


def forward(p, x):
    a = F.conv2d(x, p["conv.weight"], p["conv.bias"], padding=1)
    a = F.batch_norm(a, p["bn.running_mean"], p["bn.running_var"], p["bn.weight"], p["bn.bias"], training=False, eps=1e-5)
    a = torch.relu(a)
    h = torch.relu(F.linear(a.flatten(1), p["fc1.weight"], p["fc1.bias"]))
    return {"conv": a, "fc1": h, "fc2": F.linear(h, p["fc2.weight"], p["fc2.bias"])}


def gradients(x, labels):
    p = {name: torch.tensor(value.astype(np.float64), requires_grad=name.split(".")[0] in layers) for name, value in weights.items()}
    F.cross_entropy(forward(p, torch.tensor(x.astype(np.float64)))["fc2"], torch.tensor(labels)).backward()
    return {layer: p[f"{layer}.weight"].grad.numpy() for layer in layers}


mean = gradients(x, labels)
single = [gradients(x[i : i + 1], labels[i : i + 1]) for i in range(SAMPLES)]
outputs = {
    name: value.numpy()
    for name, value in forward(
        {name: torch.tensor(value.astype(np.float64)) for name, value in weights.items()}, torch.tensor(x.astype(np.float64))).items()}
inputs = {"conv": x.astype(np.float64), "fc1": outputs["conv"].reshape(SAMPLES, -1), "fc2": outputs["fc1"]}


def by_output(values):
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)


def ranks(rows):
    return np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1, kind="stable") / rows.shape[1]


def lamp(w):
    squares = w.reshape(-1) ** 2
    order = np.argsort(squares, kind="stable")
    scores = np.empty_like(squares)
    for place, index in enumerate(order):
        scores[index] = squares[index] / squares[order[place:]].sum()
    return scores


def distances(rows):
    return np.array([sum(np.sqrt(((a - b) ** 2).sum()) for b in rows) for a in rows])


scores = {}
for layer in layers:
    w = weights[f"{layer}.weight"].astype(np.float64)
    rows = w.reshape(w.shape[0], -1)
    out = by_output(outputs[layer])
    norms = np.sqrt((by_output(inputs[layer]) ** 2).sum(axis=1)).reshape([1, -1] + [1] * (w.ndim - 2))
    products = np.abs(w) * norms
    norm = np.sqrt((rows**2).sum(axis=1))
    size = np.abs(out).mean(axis=1)
    scores[layer] = {
        "sensitivity": np.abs(mean[layer]),
        "sensitivity per_sample": np.mean([np.abs(g[layer]) for g in single], axis=0),
        "gradient_norm": mean[layer] ** 2,
        "fisher": 0.5 * w**2 * np.mean([g[layer] ** 2 for g in single], axis=0),
        "wanda": ranks(products.reshape(rows.shape)),
        "wanda products": products,
        "activation": size,
        "apoz": 1 - (out == 0).mean(axis=1),
        "combined": norm / norm.max() + 0.5 * size / size.max(),
        "fpgm": distances(rows),
        "fpgm inputs": distances(np.moveaxis(w, 1, 0).reshape(w.shape[1], -1)),
        "lamp": lamp(w),
        "lamp filters": lamp(norm),
    }
scores["conv"]["bn_scale"] = np.abs(weights["bn.weight"].astype(np.float64))


def flat(array):
    return [float(value) for value in np.asarray(array, dtype=np.float64).reshape(-1)]


result = {
    "weights": {name: flat(value) for name, value in weights.items()}, "x": flat(x), "labels": [int(label) for label in labels],
    "scores": {layer: {name: flat(value) for name, value in of.items()} for layer, of in scores.items()},
}
pathlib.Path(__file__).with_name("criteria.json").write_text(json.dumps(result))
