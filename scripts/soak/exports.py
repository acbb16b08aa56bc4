#!/usr/bin/env python3
"""Exports networks by both of PyTorch's exporters and compares what Pare computes with ONNX Runtime.

    exports.py PARE [NAME...] [--folder DIR] [--only-export] [--exporter script|dynamo] [--strangers] [--bits 8]

Each network goes out by the TorchScript-style exporter and by the newer one, with its batch fixed at 1 and free, in opsets
13 to 17 and 18 to 21 by turns. --strangers takes those of strangers.py and tensorflow.py. --bits also quantizes the weights,
and compares what is exported then with what Pare computes. Pare's
interpreter and session get the same inputs as ONNX Runtime, and each output must be within 1e-4 of it, relative to its
largest element; what Pare writes and reads again must be the same file. Prints a line for each; fails if any differs.
Needs torch, onnx, onnxscript and onnxruntime; torchvision adds its families.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings

os.environ.setdefault("ORT_DISABLE_TELEMETRY_EVENTS", "1")
warnings.filterwarnings("ignore")

import numpy as np
import onnx
import onnxruntime as ort
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import networks

ORIGINAL = list(networks.NETWORKS)
import strangers  # noqa: E402,F401
import tensorflow  # noqa: E402

STRANGERS = [name for name in networks.NETWORKS if name not in ORIGINAL]
TOLERANCE = 1e-4
# The fused attention that PyTorch takes in evaluation is not known to its TorchScript-style exporter.
torch.backends.mha.set_fastpath_enabled(False)


def torchvision_is_there():
    try:
        if os.environ.get("PARE_TORCHVISION_SHIM"):
            sys.path.insert(0, os.environ["PARE_TORCHVISION_SHIM"])
            import tv  # noqa: F401
        import torchvision  # noqa: F401
        return True
    except Exception as error:
        print(f"without torchvision's networks: {error}", file=sys.stderr)
        return False


def opset_of(name, exporter):
    """The usual opset of the networks that were there first; by turns for the others."""
    if name not in STRANGERS:
        return 17 if exporter == "script" else 20
    number = STRANGERS.index(name)
    return 13 + number % 5 if exporter == "script" else 18 + number % 4


def export(module, inputs, path, exporter, free, opset):
    names = ["x", "y", "z"][: len(inputs)]
    if not free:
        inputs = tuple(i[:1] for i in inputs)
    if exporter == "script":
        axes = {n: {0: "batch"} for n in names} if free else None
        torch.onnx.export(module, inputs, path, dynamo=False, opset_version=opset, input_names=names, dynamic_axes=axes)
    else:
        shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs) if free else None
        torch.onnx.export(module, inputs, path, dynamo=True, opset_version=opset, input_names=names, dynamic_shapes=shapes, external_data=False, verbose=False, optimize=True)


def runtime(path, values, level=ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = level
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return {o.name: v for o, v in zip(session.get_outputs(), session.run(None, values))}


def worst(folder, expected):
    result = 0.0
    for name, value in expected.items():
        got = np.load(os.path.join(folder, name.replace("/", "_") + ".npy"))
        if got.shape != value.shape:
            return f"shape {got.shape}, expected {value.shape}"
        if value.size:
            scale = np.abs(value).max()
            difference = np.abs(got.astype(np.float64) - value.astype(np.float64)).max() / (scale if scale > 0 else 1)
            result = difference if not difference <= result else result
    return result


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1] if (done.stderr or done.stdout).strip() else f"exit {done.returncode}")
    return done.stdout


QUANTIZE = """
local path, bits, out = arg[1], tonumber(arg[2]), arg[3]
local ok, r = pcall(compress, model.load(path), {quantize{weights={bits=bits}}}, {seed=1})
if ok then r.model:save(out) elseif r.code ~= "nothing_changed" then error(r) end
"""


def quantized(pare, path, bits, values, arguments, folder):
    """The difference between what Pare and ONNX Runtime compute of the file with quantized weights."""
    with open(f"{folder}/quantize.lua", "w") as file:
        file.write(QUANTIZE)
    run([pare, "--quiet", f"{folder}/quantize.lua", path, str(bits), f"{folder}/q.onnx"])
    if not os.path.exists(f"{folder}/q.onnx"):
        return 0.0
    # Beyond the basic level the runtime rounds the activations of quantized linear layers too.
    expected = runtime(f"{folder}/q.onnx", values, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    far = 0.0
    for engine in ("interpreter", "session"):
        run([pare, "infer", f"{folder}/q.onnx", *arguments, "--output-dir", folder, "--engine", engine])
        found = worst(folder, expected)
        if isinstance(found, str):
            return f"{engine}: {found}"
        far = max(far, found)
    return far


def compare(pare, path, inputs, folder, bits=None):
    """Differences of interpreter and session, on the batch of the file and, where it is free, another."""
    values = {n: i.numpy() for n, i in zip(["x", "y", "z"], inputs)}
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    values = {i.name: v for i, v in zip(session.get_inputs(), values.values())}
    expected = runtime(path, values)
    arguments = []
    for number, (name, value) in enumerate(values.items()):
        file = os.path.join(folder, f"in{number}.npy")
        np.save(file, value)
        arguments += ["--input", f"{name}={file}"]
    result = {}
    for engine in ("interpreter", "session"):
        try:
            run([pare, "infer", path, *arguments, "--output-dir", folder, "--engine", engine])
            result[engine] = worst(folder, expected)
        except RuntimeError as error:
            result[engine] = str(error)
    try:
        run([pare, "convert", path, f"{folder}/1.onnx"])
        run([pare, "convert", f"{folder}/1.onnx", f"{folder}/2.onnx"])
        same = open(f"{folder}/1.onnx", "rb").read() == open(f"{folder}/2.onnx", "rb").read()
        back = runtime(f"{folder}/1.onnx", values)
        far = max(float(np.abs(back[n].astype(np.float64) - v).max() / max(np.abs(v).max(), 1e-30)) if v.size else 0.0 for n, v in expected.items())
        result["round trip"] = far if same else "not the same file"
    except Exception as error:
        result["round trip"] = str(error).strip().splitlines()[-1]
    if bits:
        try:
            result[f"{bits} bits"] = quantized(pare, path, bits, values, arguments, folder)
        except Exception as error:
            result[f"{bits} bits"] = str(error).strip().splitlines()[-1]
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pare")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder")
    parser.add_argument("--only-export", action="store_true")
    parser.add_argument("--exporter")
    parser.add_argument("--strangers", action="store_true")
    parser.add_argument("--bits", type=int)
    options = parser.parse_args()
    if torchvision_is_there():
        networks.add_torchvision()
    keep = options.folder or tempfile.mkdtemp()
    os.makedirs(keep, exist_ok=True)
    failures = count = 0
    for name in options.names or (STRANGERS + list(tensorflow.GRAPHS) if options.strangers else sorted(networks.NETWORKS)):
        torch.manual_seed(0)
        made = None
        exporters = ["byhand"] if name in tensorflow.GRAPHS else [options.exporter] if options.exporter else ["script", "dynamo"]
        for exporter in exporters:
            for free in (False, True):
                path = os.path.join(keep, f"{name}-{exporter}-{'free' if free else 'one'}.onnx")
                inputs_path = os.path.join(keep, f"{name}.pt")
                start = time.time()
                if not os.path.exists(path) or not os.path.exists(inputs_path):
                    try:
                        if exporter == "byhand":
                            model, inputs = tensorflow.GRAPHS[name]("N" if free else 1)
                            torch.save(tuple(torch.from_numpy(i) for i in inputs), inputs_path)
                            onnx.save(model, path)
                        else:
                            made = made or networks.NETWORKS[name]()
                            networks.STFT_REAL = exporter == "script"
                            torch.save(made[1], inputs_path)
                            with torch.no_grad():
                                export(*made, path, exporter, free, opset_of(name, exporter))
                    except Exception as error:
                        print(f"{name:28} {exporter:7} {'free' if free else 'one ':4} the exporter fails: {str(error).strip().splitlines()[0][:160]}", flush=True)
                        continue
                if options.only_export:
                    print(f"{name} {exporter} {free} exported in {time.time() - start:.1f} s", flush=True)
                    continue
                inputs = torch.load(inputs_path)
                with tempfile.TemporaryDirectory() as folder:
                    found = compare(options.pare, path, inputs if free else tuple(i[:1] for i in inputs), folder, options.bits)
                good = all(isinstance(v, float) and v <= TOLERANCE for v in found.values())
                count += 1
                failures += not good
                text = "  ".join(f"{k} {v:.1e}" if isinstance(v, float) else f"{k}: {v}" for k, v in found.items())
                print(f"{name:28} {exporter:7} {'free' if free else 'one ':4} {'ok  ' if good else 'FAIL'} {text}", flush=True)
    if not options.only_export:
        print(f"{count} files, {failures} differ")
    sys.exit(1 if failures else 0)


main()
