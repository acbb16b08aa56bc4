"""Writes layers.json: layers on small f64 inputs, with the outputs and gradients that PyTorch gives.

Run with torch and numpy: python generate.py
Made with seed 11, torch 2.13 and numpy 2.4. Gradients are those of sum(output * weight), where weight is
0.5 + frac(0.37 * position) by row-major position; LayerTests.swift does the same by case name.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(11)
cases = []


def r(*shape, low=-2, high=2):
    return torch.tensor(rng.uniform(low, high, shape), dtype=torch.float64)


def pack(x):
    x = x.detach()
    return {"shape": list(x.shape), "values": [float(f"{float(v):.12g}") for v in x.flatten()]}


def case(name, inputs, f, gradients=True):
    leaves = [x.clone().requires_grad_(True) for x in inputs]
    result = f(*leaves)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    entry = {"name": name, "inputs": [pack(x) for x in inputs], "outputs": [pack(y) for y in outputs], "gradients": []}
    if gradients:
        loss = 0
        for y in outputs:
            if y.dtype == torch.float64:
                weight = 0.5 + torch.remainder(0.37 * torch.arange(y.numel(), dtype=torch.float64), 1).reshape(y.shape)
                loss = loss + (y * weight).sum()
        loss.backward()
        entry["gradients"] = [pack(x.grad) for x in leaves]
    cases.append(entry)


def complex_pair(y):
    return torch.view_as_real(y)


# Convolution
case("conv1d", [r(2, 3, 9), r(4, 3, 3), r(4)], lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1, dilation=2))
case("conv3d", [r(2, 3, 5, 4, 6), r(4, 3, 3, 2, 3), r(4)], lambda x, w, b: F.conv3d(x, w, b, stride=(2, 1, 2), padding=(1, 0, 2)))
case("conv3d grouped dilated", [r(1, 4, 6, 5, 5), r(6, 2, 2, 2, 2)], lambda x, w: F.conv3d(x, w, dilation=(2, 1, 2), groups=2))
case("conv3d asymmetric", [r(1, 2, 4, 4, 4), r(2, 2, 3, 3, 3)], lambda x, w: F.conv3d(F.pad(x, (0, 1, 2, 0, 1, 2)), w))
case("convTranspose1d", [r(2, 4, 5), r(4, 3, 3), r(6)],
     lambda x, w, b: F.conv_transpose1d(x, w, b, stride=3, padding=1, output_padding=2, groups=2))
case("convTranspose2d", [r(2, 4, 3, 4), r(4, 2, 3, 2), r(4)],
     lambda x, w, b: F.conv_transpose2d(x, w, b, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2))
case("convTranspose2d dilated", [r(1, 2, 3, 3), r(2, 3, 2, 2)],
     lambda x, w: F.conv_transpose2d(x, w, stride=1, dilation=2, output_padding=1))
case("convTranspose3d", [r(1, 4, 3, 2, 3), r(4, 2, 2, 3, 2), r(4)],
     lambda x, w, b: F.conv_transpose3d(x, w, b, stride=(2, 1, 2), padding=(1, 1, 0), output_padding=(1, 0, 1), dilation=(2, 1, 1), groups=2))

# Pooling
case("maxPool1d", [r(2, 3, 9)], lambda x: F.max_pool1d(x, 3, 2, padding=1, dilation=2, ceil_mode=True))
case("maxPool3d", [r(2, 2, 5, 6, 7)], lambda x: F.max_pool3d(x, (2, 3, 2), (2, 1, 2), padding=(1, 1, 0), ceil_mode=True))
case("averagePool1d", [r(2, 3, 9)], lambda x: F.avg_pool1d(x, 3, 2, padding=1, count_include_pad=False))
case("averagePool3d", [r(2, 2, 5, 6, 7)], lambda x: F.avg_pool3d(x, (2, 3, 2), (2, 1, 2), padding=(1, 1, 0), count_include_pad=False))
case("averagePool3d with pad", [r(1, 2, 5, 6, 7)],
     lambda x: F.avg_pool3d(x, (2, 3, 2), (2, 2, 2), padding=(1, 1, 1), ceil_mode=True, count_include_pad=True))
case("lpPool1d", [r(2, 3, 9)], lambda x: F.lp_pool1d(x.abs(), 3, 4, 2))
case("lpPool2d", [r(2, 3, 6, 7)], lambda x: F.lp_pool2d(x, 2, (3, 2), 2))
case("maxPool1d indices", [r(2, 3, 9)], lambda x: F.max_pool1d(x, 3, 2, padding=1, return_indices=True))
case("maxPool2d indices", [r(2, 3, 6, 7)], lambda x: F.max_pool2d(x, (3, 2), 2, padding=1, dilation=(1, 2), return_indices=True))
case("maxPool3d indices", [r(2, 2, 5, 6, 7)], lambda x: F.max_pool3d(x, (2, 3, 2), (2, 1, 2), padding=(1, 1, 0), return_indices=True))


def unpool(x):
    y, i = F.max_pool2d(x, 2, 2, return_indices=True)
    return F.max_unpool2d(y * y, i, 2, 2, output_size=x.shape[-2:])


case("maxUnpool", [r(1, 2, 5, 6)], unpool)
case("adaptiveAveragePool2d", [r(2, 3, 7, 5)], lambda x: F.adaptive_avg_pool2d(x, (3, 4)))
case("adaptiveAveragePool3d", [r(1, 2, 4, 3, 5)], lambda x: F.adaptive_avg_pool3d(x, (3, None, 2)))
case("adaptiveMaxPool2d", [r(2, 3, 7, 5)], lambda x: F.adaptive_max_pool2d(x, (3, 4)))
case("adaptiveMaxPool1d", [r(2, 3, 4)], lambda x: F.adaptive_max_pool1d(x, 6))

# Patches
case("unfold", [r(2, 3, 6, 5)], lambda x: F.unfold(x, (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1)))
case("fold", [r(2, 12, 16)], lambda x: F.fold(x, (7, 5), (3, 2), padding=(1, 0), stride=(2, 1)))
case("windows", [r(3, 9, 2)], lambda x: x.unfold(1, 4, 2))

# Interpolation
case("nearest", [r(1, 2, 4, 5)], lambda x: F.interpolate(x, (6, 3), mode="nearest"))
case("bilinear", [r(1, 2, 4, 5)], lambda x: F.interpolate(x, (7, 3), mode="bilinear", align_corners=False))
case("bilinear corners", [r(1, 2, 4, 5)], lambda x: F.interpolate(x, (7, 3), mode="bilinear", align_corners=True))
case("bicubic", [r(1, 2, 4, 5)], lambda x: F.interpolate(x, (7, 3), mode="bicubic", align_corners=False))
case("bilinear antialias", [r(1, 2, 9, 8)], lambda x: F.interpolate(x, (4, 3), mode="bilinear", antialias=True))
case("bicubic antialias", [r(1, 2, 9, 8)], lambda x: F.interpolate(x, (4, 11), mode="bicubic", antialias=True))
case("trilinear", [r(1, 1, 3, 4, 5)], lambda x: F.interpolate(x, (5, 3, 6), mode="trilinear", align_corners=False))
for mode in ["bilinear", "nearest", "bicubic"]:
    for padding in ["zeros", "border", "reflection"]:
        for corners in [False, True]:
            case(f"gridSample {mode} {padding}{' corners' if corners else ''}", [r(2, 2, 4, 5), r(2, 3, 4, 2, low=-1.6, high=1.6)],
                 lambda x, g: F.grid_sample(x, g, mode, padding, corners))
case("gridSample volume", [r(1, 2, 3, 4, 3), r(1, 2, 3, 2, 3, low=-1.3, high=1.3)], lambda x, g: F.grid_sample(x, g, align_corners=False))

# Attention
case("attention", [r(2, 3, 5, 4), r(2, 3, 6, 4), r(2, 3, 6, 3)], F.scaled_dot_product_attention)
case("attention causal", [r(2, 5, 4), r(2, 5, 4), r(2, 5, 3)], lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3))
case("attention mask", [r(2, 3, 5, 4), r(2, 3, 6, 4), r(2, 3, 6, 3), r(3, 5, 6)],
     lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m))
case("attention row mask", [r(2, 5, 4), r(2, 6, 4), r(2, 6, 3), r(6)],
     lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m))
case("attention grouped", [r(2, 6, 5, 4), r(2, 2, 7, 4), r(2, 2, 7, 3)], lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
torch.manual_seed(0)
mha = torch.nn.MultiheadAttention(6, 3, bias=False, batch_first=True, dtype=torch.float64)


def heads(q, k, v):
    # Identity projections leave the attention of the heads alone.
    with torch.no_grad():
        mha.in_proj_weight.copy_(torch.eye(6, dtype=torch.float64).repeat(3, 1))
        mha.out_proj.weight.copy_(torch.eye(6, dtype=torch.float64))
    return mha(q, k, v, need_weights=False)[0]


case("multiHeadAttention", [r(2, 4, 6), r(2, 5, 6), r(2, 5, 6)], heads)


# Recurrent layers: inputs x, weight_ih, weight_hh, bias_ih, bias_hh, then initial states.
def recurrent(kind, directions=1, states=1):
    def run(x, w, u, b, c, *initial):
        layer = kind(x.shape[2], u.shape[2], bidirectional=directions == 2, dtype=torch.float64)
        names = ["_l0", "_l0_reverse"][:directions]
        given = {}
        for d, suffix in enumerate(names):
            given.update({"weight_ih" + suffix: w[d], "weight_hh" + suffix: u[d], "bias_ih" + suffix: b[d], "bias_hh" + suffix: c[d]})
        state = initial if states == 2 else initial[0]
        y, last = torch.func.functional_call(layer, given, (x, state))
        last = last if isinstance(last, tuple) else (last,)
        return (y,) + tuple(last)
    return run


case("lstm", [r(4, 2, 3), r(1, 8, 3), r(1, 8, 2), r(1, 8), r(1, 8), r(1, 2, 2), r(1, 2, 2)], recurrent(torch.nn.LSTM, 1, 2))
case("lstm bidirectional", [r(4, 2, 3), r(2, 8, 3), r(2, 8, 2), r(2, 8), r(2, 8), r(2, 2, 2), r(2, 2, 2)], recurrent(torch.nn.LSTM, 2, 2))
case("gru", [r(4, 2, 3), r(1, 6, 3), r(1, 6, 2), r(1, 6), r(1, 6), r(1, 2, 2)], recurrent(torch.nn.GRU))
case("gru bidirectional", [r(4, 2, 3), r(2, 6, 3), r(2, 6, 2), r(2, 6), r(2, 6), r(2, 2, 2)], recurrent(torch.nn.GRU, 2))
case("rnn", [r(4, 2, 3), r(1, 2, 3), r(1, 2, 2), r(1, 2), r(1, 2), r(1, 2, 2)], recurrent(torch.nn.RNN))

# Fourier
for n in [1, 2, 3, 8, 12, 30, 37, 64, 74, 97]:
    case(f"dft {n}", [r(2, n, 2)], lambda x: complex_pair(torch.fft.fft(torch.view_as_complex(x), dim=1)))
case("dft inverse", [r(2, 15, 2)], lambda x: complex_pair(torch.fft.ifft(torch.view_as_complex(x), dim=1)))
case("dft axis 0, longer", [r(5, 3, 2)], lambda x: complex_pair(torch.fft.fft(torch.view_as_complex(x), n=8, dim=0)))
case("rfft", [r(3, 9)], lambda x: complex_pair(torch.fft.rfft(x)))
case("rfft shorter", [r(3, 9)], lambda x: complex_pair(torch.fft.rfft(x, n=6)))
case("irfft even", [r(3, 5, 2)], lambda x: torch.fft.irfft(torch.view_as_complex(x)))
case("irfft odd", [r(3, 5, 2)], lambda x: torch.fft.irfft(torch.view_as_complex(x), n=9))
case("stft", [r(2, 40)], lambda x: complex_pair(torch.stft(
    x, 12, 5, window=torch.hann_window(12, dtype=torch.float64), center=False, return_complex=True)).transpose(1, 2))
case("hann", [], lambda: torch.hann_window(9, periodic=False, dtype=torch.float64), gradients=False)
case("blackman", [], lambda: torch.blackman_window(8, dtype=torch.float64), gradients=False)

path = os.path.join(os.path.dirname(__file__), "layers.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases")
