"""Writes cases.json: what PyTorch (and NumPy where PyTorch has no such function) gives for operations on tensors.

Run with torch and numpy: python generate.py
Made with seed 11, torch 2.13 and numpy 2.4, on the CPU in f64.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)
cases = []
NAMES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8",
         torch.int8: "i8", torch.bool: "bool"}


def tensor(x):
    x = torch.as_tensor(x)
    values = [v if np.isfinite(v) else str(v) for v in x.flatten().to(torch.float64).tolist()]
    return {"dtype": NAMES[x.dtype], "shape": list(x.shape), "values": values}


def case(name, f, *inputs):
    """Calls `f` with clones, so that an in-place function does not change what is written."""
    outputs = f(*[x.clone() for x in inputs])
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    assert name not in [c["name"] for c in cases], name
    cases.append({"name": name, "inputs": [tensor(x) for x in inputs], "outputs": [tensor(x) for x in outputs]})


def n(*shape, scale=1.0):
    return torch.randn(shape) * scale


def i(values):
    return torch.tensor(values, dtype=torch.int64)


inf, nan = float("inf"), float("nan")
x = n(3, 4, scale=2)
wide = torch.tensor([-800.0, -30, -10, -3, -1, -0.5, -1e-9, 0, 1e-9, 0.3, 1, 2.5, 6, 15, 25, 800, inf, -inf, nan])
unit = torch.tensor([-1, -0.9, -1e-10, 0, 0.3, 1, 1.5])
positive = torch.tensor([0, 1e-12, 0.5, 1, 3, 1e12, -1])

# elements
for name in ["exp2", "expm1", "sinh", "cosh", "asinh", "tan", "atan", "trunc", "isinf", "isnan"]:
    case(name, getattr(torch, name), wide if name not in ["tan"] else x)
for name in ["asin", "acos", "atanh"]:
    case(name, getattr(torch, name), unit)
for name in ["log2", "log10", "log1p", "acosh"]:
    case(name, getattr(torch, name), positive)
a, b = torch.tensor([5.0, -5, 5, -5, 0, 7.5, inf, 1]), torch.tensor([3.0, 3, -3, -3, 2, 2.5, 2, inf])
case("atan2", torch.atan2, a, b)
case("floor_divide", torch.floor_divide, a[:6], b[:6])
case("floor_divide tenths", torch.floor_divide, torch.tensor([1.0, 0.3, -0.3]), torch.tensor([0.1, 0.1, 0.1]))
case("remainder", torch.remainder, a[:6], b[:6])
case("fmod", torch.fmod, a[:6], b[:6])
p, q = i([7, -7, 7, -7, 6]), i([3, 3, -3, -3, 2])
case("floor_divide integers", torch.floor_divide, p, q)
case("remainder integers", torch.remainder, p, q)
case("fmod integers", torch.fmod, p, q)
case("lerp 0.3", lambda a, b: torch.lerp(a, b, 0.3), n(3), n(3))
case("lerp tensor", torch.lerp, n(2, 3), n(2, 3), torch.tensor([[0.1, 0.5, 0.9], [0, 1, 2]]))
bits = i([5, -6, 12, 1])
case("bitwise and", torch.bitwise_and, bits, i([3, 7, -2, 0]))
case("bitwise or", torch.bitwise_or, bits, i([3, 7, -2, 0]))
case("bitwise xor", torch.bitwise_xor, bits, i([3, 7, -2, 0]))
case("bitwise not", torch.bitwise_not, bits)
case("shift left", torch.bitwise_left_shift, bits, i([1, 2, 3, 62]))
case("shift right", torch.bitwise_right_shift, bits, i([1, 2, 3, 1]))

# activations
case("gelu", F.gelu, wide[:16])
case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), wide[:16])
case("silu", F.silu, wide[:17])
case("mish", F.mish, wide[:17])
case("softplus", lambda x: F.softplus(x), wide)
case("softplus beta threshold", lambda x: F.softplus(x, beta=2.5, threshold=4), wide)
case("logsigmoid", F.logsigmoid, wide)
case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), wide)
case("leaky_relu steep", lambda x: F.leaky_relu(x, 3.0), wide[:16])
case("prelu", F.prelu, n(2, 3, 4), n(3))
case("prelu one", F.prelu, n(2, 3), n(1))
case("relu6", F.relu6, wide)
case("elu", lambda x: F.elu(x, 0.7), wide)
case("selu", F.selu, wide)
case("celu", lambda x: F.celu(x, 0.7), wide)
case("hardsigmoid", F.hardsigmoid, wide)
case("hardswish", F.hardswish, wide[:16])
case("hardtanh", lambda x: F.hardtanh(x, -0.5, 2.0), wide)
case("softsign", F.softsign, wide[:16])
case("threshold", lambda x: F.threshold(x, 0.1, 20.0), wide[:16])
case("hardshrink", lambda x: F.hardshrink(x, 0.4), wide[:16])
case("softshrink", lambda x: F.softshrink(x, 0.4), wide[:16])
case("glu", lambda x: F.glu(x, 1), n(2, 6, 3))
case("softmin", lambda x: F.softmin(x, 0), x)

# reductions and order
case("std", lambda x: torch.std(x), x)
case("std axis", lambda x: torch.std(x, dim=1, unbiased=False, keepdim=True), x)
case("logsumexp", lambda x: torch.logsumexp(x, (0, 2)), n(2, 3, 4, scale=300))
case("logsumexp edges", lambda x: torch.logsumexp(x, 1), torch.tensor([[-inf, -inf], [inf, 1], [1000, 1000]]))
for p_ in [0, 1, 2, 3, inf, -inf]:
    case(f"norm {p_}", lambda x, p_=p_: torch.linalg.vector_norm(x, p_, dim=(0, 2)), n(2, 3, 4))
ties = torch.tensor([[3.0, 1, 3, 1], [2, 2, 2, 2], [0, 5, 5, 0]])
case("argmax last", lambda x: 3 - torch.tensor(torch.flip(x, [1]).numpy().argmax(1)), ties)
case("argmin last", lambda x: 3 - torch.tensor(torch.flip(x, [1]).numpy().argmin(1)), ties)
case("median", lambda x: torch.median(x), n(3, 4))
case("median axis", lambda x: list(torch.median(x, dim=0)), n(4, 3))
case("median nan", lambda x: torch.median(x, dim=1)[0], torch.tensor([[1, nan, 2], [3, 1, 2]]))
case("cumprod", lambda x: torch.cumprod(x, 1), n(2, 5))
case("cumprod integers", lambda x: torch.cumprod(x, 0), i([2, -3, 4]))
case("bincount", lambda x: torch.bincount(x, minlength=7), i([1, 3, 3, 0, 1, 1]))
case("bincount weights", lambda x, w: torch.bincount(x, weights=w), i([1, 3, 3, 0]), n(4))
case("unique", lambda x: torch.unique(x, return_inverse=True, return_counts=True), i([[3, 1, 2], [1, 3, 3]]))
case("unique floats", lambda x: torch.unique(x, return_inverse=True, return_counts=True), torch.tensor([0.5, -1, 0.5, 2]))
case("histogram", lambda x: [torch.histc(x, 5, -2, 2).to(torch.int64), torch.linspace(-2, 2, 6)], n(50))
sample = n(40)
h, e = np.histogram(sample.numpy(), 7)
case("histogram own range", lambda x: [torch.tensor(h), torch.tensor(e)], sample)

# indexing
y = n(3, 4, 2)
case("gather", lambda x, t: torch.gather(x, 1, t), y, i([[[0, 3], [1, 1]], [[2, 2], [3, 0]]]))
case("scatter", lambda x, t, v: x.scatter(1, t, v), y, i([[[0, 3], [1, 1]], [[2, 2], [3, 0]]]), n(2, 2, 2))
for mode, ours in [("sum", "add"), ("prod", "mul"), ("amax", "max"), ("amin", "min")]:
    case(f"scatter {ours}", lambda x, t, v, mode=mode: x.scatter_reduce(0, t, v, mode), n(3, 4),
         i([[0, 1, 0, 2], [0, 0, 0, 2], [2, 1, 0, 2], [0, 1, 1, 1]]), n(4, 4))


def gather_nd(x, t, b=0):
    x, t = x.numpy(), t.numpy()
    if b == 0:
        return torch.tensor(np.array([x[tuple(r)] for r in t.reshape(-1, t.shape[-1])]).reshape(t.shape[:-1] + x.shape[t.shape[-1]:]))
    return torch.stack([gather_nd(torch.tensor(a), torch.tensor(s), b - 1) for a, s in zip(x, t)])


def scatter_nd(x, t, v, join):
    for r, w in zip(t.reshape(-1, t.shape[-1]), v.reshape((-1,) + tuple(x.shape[t.shape[-1]:]))):
        x[tuple(r.tolist())] = join(x[tuple(r.tolist())], w)
    return x


case("gather_nd", gather_nd, y, i([[[0, 1], [2, -1]], [[1, 0], [0, 0]]]))
case("gather_nd full", gather_nd, y, i([[0, 1, 1], [2, 3, 0]]))
case("gather_nd batch", lambda x, t: gather_nd(x, t, 1), y, i([[[1], [0]], [[3], [3]], [[2], [0]]]))
rows = i([[0, 1], [2, 3], [0, 1]])
case("scatter_nd", lambda x, t, v: scatter_nd(x, t, v, lambda a, b: b), y, rows, n(3, 2))
case("scatter_nd add", lambda x, t, v: scatter_nd(x, t, v, lambda a, b: a + b), y, rows, n(3, 2))
case("scatter_nd mul", lambda x, t, v: scatter_nd(x, t, v, lambda a, b: a * b), y, rows, n(3, 2))
case("scatter_nd max", lambda x, t, v: scatter_nd(x, t, v, torch.maximum), y, rows, n(3, 2))
case("take", torch.take, y, i([[0, 23], [5, -2]]))
case("masked_fill", lambda x, m: x.masked_fill(m, -7.0), n(2, 3), torch.tensor([True, False, True]))
case("masked_select", torch.masked_select, n(2, 3), torch.tensor([[True, False, True], [False, False, True]]))
case("nonzero", lambda x: x.nonzero().T, i([[0, 2], [3, 0], [1, 1]]))
case("triu", lambda x: torch.triu(x, 1), n(2, 3, 4))
case("tril", lambda x: torch.tril(x, -1), n(4, 3))
case("diagonal", lambda x: torch.diagonal(x, 1, 0, 2), n(3, 2, 4))
case("diagonal below", lambda x: torch.diagonal(x, -2), n(4, 3))
case("diag_embed", lambda x: torch.diag_embed(x, -1), n(2, 3))
case("embedding", lambda w, t: F.embedding(t, w), n(5, 3), i([[0, 4], [2, 2]]))
case("one_hot", lambda t: F.one_hot(t, 4), i([[0, 3], [1, 1]]))

# structure
case("roll", lambda x: torch.roll(x, 2, 1), n(2, 5))
case("roll back", lambda x: torch.roll(x, -7, 0), n(5))
case("flip", lambda x: torch.flip(x, [0, 2]), n(2, 3, 4))
case("repeat_interleave", lambda x: torch.repeat_interleave(x, 3, 1), n(2, 2))
case("tile", lambda x: torch.tile(x, (2, 3)), n(2, 2))
case("chunk", lambda x: torch.chunk(x, 3, 1), n(2, 7))
for mode, ours in [("reflect", "reflect"), ("edge", "edge"), ("wrap", "wrap")]:
    case(f"pad {ours}", lambda x, mode=mode: torch.tensor(np.pad(x.numpy(), [(1, 2), (3, 0)], mode)), n(3, 4))
case("pad wrap far", lambda x: torch.tensor(np.pad(x.numpy(), [(5, 4)], "wrap")), n(3))
case("unfold", lambda x: F.unfold(x, (2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)), n(2, 3, 5, 6))
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), n(1, 8, 2, 3))
case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), n(1, 2, 4, 6))
case("depth_to_space", lambda x: x.reshape(1, 2, 2, 2, 2, 3).permute(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6), n(1, 8, 2, 3))
case("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="ij"), n(2), n(3))
case("linspace", lambda: torch.linspace(-1, 2, 7))
case("logspace", lambda: torch.logspace(-2, 3, 4, base=2.0))
case("eye", lambda: torch.tensor(np.eye(3, 4, 1)))

# products
case("matmul vector batch", torch.matmul, n(4), n(2, 4, 3))
case("matmul batch vector", torch.matmul, n(2, 3, 4), n(4))
case("outer", torch.outer, n(2), n(3))
case("dot", torch.dot, n(3), n(3))
case("kron", torch.kron, n(2, 3), n(2))
A, B, C = n(2, 3), n(3, 4), n(4, 5)
for equation, operands in [
    ("ij,jk->ik", [A, B]), ("ij,jk", [A, B]), ("ij,jk,kl->il", [A, B, C]), ("ij,jk,kl", [A, B, C]), ("ij->ji", [A]),
    ("ij->", [A]), ("ij->j", [A]), ("ii", [n(3, 3)]), ("ii->i", [n(3, 3)]), ("iij->ji", [n(3, 3, 2)]),
    ("i,j->ij", [n(2), n(3)]), ("i,i", [n(4), n(4)]), ("i,i->i", [n(4), n(4)]), ("bij,bjk->bik", [n(2, 3, 4), n(2, 4, 5)]),
    ("bij,bij->b", [n(2, 3, 4), n(2, 3, 4)]), ("...ij,...jk->...ik", [n(2, 1, 3, 4), n(5, 4, 2)]), ("...ij,jk", [n(2, 3, 4), n(4, 5)]),
    ("...i,...i->...", [n(2, 3, 4), n(3, 4)]), ("i...->...", [n(3, 2, 2)]), ("bhqd,bhkd->bhqk", [n(2, 2, 3, 4), n(2, 2, 5, 4)]),
    ("abc,cd,bde->ae", [n(2, 3, 4), n(4, 5), n(3, 5, 2)]), ("ij,ij,ij->i", [A, A, A]), ("ba", [A]), ("i,->i", [n(3), n()]),
    ("ij,kl->ikjl", [A, B]), ("iij,jk", [n(3, 3, 2), n(2, 4)]), ("ij,jk->ijk", [A, B]), ("i j , j k -> i k", [A, B]),
    ("Ab,bA->bA", [A, A.T.contiguous()]),
]:
    case("einsum " + equation, lambda *t, equation=equation: torch.einsum(equation, *t), *operands)
case("einsum ij,jk->ki (size 1)", lambda a, b: torch.einsum("ij,jk->ki", a, b), n(2, 1), n(3, 4))

# normalizations
case("layer_norm", lambda x, s, t: F.layer_norm(x, (3, 4), s, t, 1e-3), n(2, 3, 4), n(3, 4), n(3, 4))
case("layer_norm plain", lambda x: F.layer_norm(x, (4,)), n(2, 3, 4))
case("rms_norm", lambda x, s: F.rms_norm(x, (4,), s, 1e-3), n(2, 3, 4), n(4))
case("group_norm", lambda x, s, t: F.group_norm(x, 2, s, t), n(2, 4, 3, 2), n(4), n(4))
case("instance_norm", lambda x, s, t: F.instance_norm(x, weight=s, bias=t), n(2, 3, 4, 2), n(3), n(3))
case("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.1, 0.6, 1.5), n(2, 6, 3, 2))

# losses
p, t = n(3, 4, scale=2), n(3, 4)
for reduction in ["mean", "sum", "none"]:
    case(f"mse_loss {reduction}", lambda p, t, r=reduction: F.mse_loss(p, t, reduction=r), p, t)
    case(f"nll_loss {reduction}", lambda p, t, w, r=reduction: F.nll_loss(p, t, w, reduction=r), F.log_softmax(p, 1), i([1, 3, -100]), n(4).abs())
    case(f"cross_entropy {reduction}", lambda p, t, w, r=reduction: F.cross_entropy(p, t, w, ignore_index=2, label_smoothing=0.2, reduction=r),
         n(5, 4), i([1, 3, 2, 0, 1]), n(4).abs())
case("l1_loss", F.l1_loss, p, t)
case("smooth_l1_loss", lambda p, t: F.smooth_l1_loss(p, t, beta=0.5), p, t)
case("huber_loss", lambda p, t: F.huber_loss(p, t, delta=1.5), p, t)
chance = torch.rand(3, 4)
case("bce_with_logits", F.binary_cross_entropy_with_logits, n(3, 4, scale=30), chance)
case("bce_with_logits weights", lambda p, t, w, q: F.binary_cross_entropy_with_logits(p, t, w, pos_weight=q),
     n(3, 4), chance, n(4).abs(), n(4).abs())
case("kl_div", lambda p, t: F.kl_div(p, t, reduction="batchmean"), F.log_softmax(p, 1), F.softmax(t, 1))
case("kl_div zero", lambda p, t: F.kl_div(p, t, reduction="none"), F.log_softmax(p[0], 0), torch.tensor([0, 0.5, 0.5, 0]))
case("kl_div log", lambda p, t: F.kl_div(p, t, reduction="sum", log_target=True), F.log_softmax(p, 1), F.log_softmax(t, 1))
case("cross_entropy plain", F.cross_entropy, n(3, 4), i([1, 3, 0]))
case("cross_entropy one", F.cross_entropy, n(4), i(2))
case("cross_entropy images", lambda p, t, w: F.cross_entropy(p, t, w), n(2, 3, 2, 2), i([[[0, 1], [2, 2]], [[1, 1], [0, -100]]]), n(3).abs())
case("cross_entropy soft", lambda p, t, w: F.cross_entropy(p, t, w, label_smoothing=0.1), n(3, 4), F.softmax(t, 1), n(4).abs())
case("cross_entropy soft images", F.cross_entropy, n(2, 3, 2), F.softmax(n(2, 3, 2), 1))
case("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, 1), n(3, 4), n(1, 4))
case("cosine_similarity zero", lambda a, b: F.cosine_similarity(a, b, 0), torch.zeros(3), n(3))

path = os.path.join(os.path.dirname(__file__), "cases.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases")
