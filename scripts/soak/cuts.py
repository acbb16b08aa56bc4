#!/usr/bin/env python3
"""Cuts 30% of each layer of exported networks, chosen at random, and compares masked, shrunk and exported forms.

    cuts.py PARE FOLDER [NAME...] [--share 0.3] [--granularity filter|neuron]

FOLDER holds what exports.py exports: NAME-EXPORTER-BATCH.onnx with its inputs in NAME.pt. Convolutional networks lose
filters; those without a filter to lose lose neurons: heads and inner widths of attention; those without either (a recurrent
layer and its classifier) stay whole, which is said. The masked and the shrunk model are run in ONNX Runtime and must agree
within 1e-5, and Pare's interpreter must give the same within 1e-4; what the cut changed must be seen in the outputs, else
the comparison says nothing. Prints, for each file, what was cut, and each layer that
was left alone with its reason, counted by reason.
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime as ort
import torch

CHUNK = """
local path, share, folder, granularity = arg[1], tonumber(arg[2]), arg[3], arg[4]
local m = model.load(path)
local function cut(granularity, physical)
  return compress(m, {prune{criterion="random", granularity=granularity, sparsity=share, physical=physical}}, {seed=1})
end
local kinds = granularity ~= "" and {granularity} or {"filter", "neuron"}
local shrunk, used
for _, kind in ipairs(kinds) do
  local ok, result = pcall(cut, kind, true)
  if ok then shrunk, used = result, kind break end
  if kind == kinds[#kinds] then
    if result.code ~= "nothing_changed" then error(result) end
    print("nothing", tostring(result.message))
    os.exit(0)
  end
end
shrunk.model:save(folder .. "/shrunk.onnx")
cut(used, false).model:save(folder .. "/masked.onnx")
print(used, shrunk.before.parameters, shrunk.after.parameters)
for _, skip in ipairs(shrunk.steps[1].skipped) do print(skip.layer .. "\\t" .. skip.reason) end
"""


def outputs(path, values):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {i.name: v for i, v in zip(session.get_inputs(), values)}
    return feeds, dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def worst(expected, got):
    result = 0.0
    for name, value in expected.items():
        if got[name].shape != value.shape:
            return float("inf")
        if value.size:
            result = max(result, float(np.abs(value.astype(np.float64) - got[name]).max() / max(np.abs(value).max(), 1e-30)))
    return result


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip()[:400])
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pare")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--share", default="0.3")
    parser.add_argument("--granularity")
    options = parser.parse_args()
    failures = count = 0
    for path in sorted(glob.glob(os.path.join(options.folder, "*.onnx"))):
        name = os.path.basename(path)[:-5]
        network = name.rsplit("-", 2)[0]
        if options.names and network not in options.names and name not in options.names:
            continue
        values = [i.numpy() for i in torch.load(os.path.join(options.folder, network + ".pt"))]
        if name.endswith("-one"):
            values = [v[:1] for v in values]
        count += 1
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "cut.lua")
            with open(script, "w") as file:
                file.write(CHUNK)
            try:
                lines = run([options.pare, "--quiet", script, path, options.share, folder, options.granularity or ""]).splitlines()
                if lines[0].startswith("nothing"):
                    print(f"{name:44} ok   {lines[0]}", flush=True)
                    continue
                feeds, masked = outputs(f"{folder}/masked.onnx", values)
                _, shrunk = outputs(f"{folder}/shrunk.onnx", values)
                arguments = []
                for number, (input_name, value) in enumerate(feeds.items()):
                    np.save(f"{folder}/in{number}.npy", value)
                    arguments += ["--input", f"{input_name}={folder}/in{number}.npy"]
                run([options.pare, "infer", f"{folder}/shrunk.onnx", *arguments, "--output-dir", folder])
                own = {n: np.load(f"{folder}/{n.replace('/', '_')}.npy") for n in shrunk}
                _, whole = outputs(path, values)
                far, away, changed = worst(masked, shrunk), worst(shrunk, own), worst(whole, shrunk)
                good = far <= 1e-5 and away <= 1e-4 and changed > 1e-4
                kind, before, after = lines[0].split("\t")
                print(f"{name:44} {'ok  ' if good else 'FAIL'} {kind} parameters {before} -> {after}  masked/shrunk {far:.1e}  Pare/ONNX Runtime {away:.1e}  changed by {changed:.1e}", flush=True)
                reasons = collections.Counter(re.sub(r"'[^']*'", "'..'", line.split("\t")[1]) for line in lines[1:] if "\t" in line)
                for reason, number in reasons.most_common():
                    print(f"    {number} left alone: {reason}", flush=True)
            except Exception as error:
                good = False
                print(f"{name:44} FAIL {error}", flush=True)
            failures += not good
    print(f"{count} files, {failures} differ")
    sys.exit(1 if failures else 0)


main()
