#!/usr/bin/env python3
"""Structured pruning of 30% beside onnxsim's, on the same files: how many layers become narrower, and what is skipped.

    structured.py PARE FILE.onnx... [--share 0.3]

A layer is a Conv, ConvTranspose, Gemm or MatMul whose weight is an initializer; it is narrower when its weight has fewer
output channels than before. "open" are the layers that could be: those that Pare does not report as tied to an input, an
output or a joint normalisation. Pare takes filters, then neurons (heads and inner widths) of the result; onnxsim takes
whatever its matchers know. Prints one line of a Markdown table for each file. Needs onnx and onnxsim.
"""
import argparse
import math
import os
import subprocess
import tempfile

import onnx
import onnxsim

CHUNK = """
local path, share, out = arg[1], tonumber(arg[2]), arg[3]
local m, skipped = model.load(path), {}
local whole = m
for _, kind in ipairs{"filter", "neuron"} do
  local ok, r = pcall(compress, m, {prune{criterion="random", granularity=kind, sparsity=share}}, {seed=1})
  if ok then
    m = r.model
  elseif r.code ~= "nothing_changed" then
    error(r)
  end
end
m:save(out)
for _, group in ipairs(whole:groups()) do
  if group.blocked then for _, layer in ipairs(group.layers) do print(layer .. "\\t" .. group.blocked) end end
end
"""
OPERATORS = {"Conv": 0, "ConvTranspose": 1, "Gemm": None, "MatMul": -1}


def widths(model):
    """Output channels of each weight, by the initializer's name."""
    shapes = {i.name: list(i.dims) for i in model.graph.initializer}
    result = {}
    for node in model.graph.node:
        if node.op_type not in OPERATORS:
            continue
        for place, name in enumerate(node.input[:2]):
            if name not in shapes or len(shapes[name]) < 2:
                continue
            axis = OPERATORS[node.op_type]
            if axis is None:
                axis = 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
            if node.op_type == "MatMul" and place == 0:
                axis = -2
            result[name] = shapes[name][axis]
    return result


def narrower(before, after):
    return sum(1 for name, width in before.items() if after.get(name, width) < width)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pare")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--share", type=float, default=0.3)
    options = parser.parse_args()
    print("| network | layers | Pare | parameters left | onnxsim | parameters left |\n| --- | --- | --- | --- | --- | --- |")

    def count(model):
        """Numbers that the file stands for: a weight of which others are copies counts once for each."""
        sizes = {i.name: math.prod(i.dims) for i in model.graph.initializer}
        copies = [sizes[n.input[0]] for n in model.graph.node if n.op_type == "Identity" and n.input[0] in sizes]
        return sum(sizes.values()) + sum(copies)

    for path in options.files:
        original = onnx.load(path)
        before, total = widths(original), count(original)
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "cut.lua")
            with open(script, "w") as file:
                file.write(CHUNK)
            done = subprocess.run([options.pare, "--quiet", script, path, str(options.share), f"{folder}/p.onnx"], capture_output=True, text=True)
            if done.returncode:
                ours, left = "fails: " + done.stderr.strip()[:80], "-"
            else:
                mine = onnx.load(f"{folder}/p.onnx")
                ours, left = str(narrower(before, widths(mine))), f"{count(mine) / total:.3f}"
        try:
            other = onnxsim.apply_structured_pruning(original, sparsity=options.share)
            theirs, rest = str(narrower(before, widths(other))), f"{count(other) / total:.3f}"
        except Exception as error:
            theirs, rest = "fails: " + str(error)[:80], "-"
        print(f"| {os.path.basename(path)[:-5]} | {len(before)} | {ours} | {left} | {theirs} | {rest} |", flush=True)


main()
