#!/usr/bin/env python3
"""Whether ONNX Runtime and Pare put every test sample of the digits into the same class.

    same_classes.py PARE MODEL.onnx MODEL.pare DIGITS.bin.gz

The samples are the shipped test split. They are normalised as `data.load("digits")` does: divided by 16, then mean and
deviation of the training part.
"""
import gzip
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort


def digits(path):
    raw = gzip.open(path).read()
    assert raw[:4] == b"PDIG"
    count, tests = np.frombuffer(raw, "<u4", 2, 4)
    pixels = np.frombuffer(raw, np.uint8, count * 64, 12).reshape(count, 1, 8, 8).astype(np.float32) / 16
    test = np.frombuffer(raw, "<u2", tests, 12 + count * 65)
    training = np.delete(pixels, test, axis=0)
    return (pixels[test] - training.mean()) / training.std()


def main():
    pare, exported, native, resource = sys.argv[1:]
    onnx.checker.check_model(onnx.load(exported), full_check=True)
    samples = digits(resource)
    session = ort.InferenceSession(exported, providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: samples})[0]
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", samples)
        for engine in ["session", "interpreter"]:
            command = [pare, "infer", native, "--input", f"{folder}/x.npy", "--output-dir", folder, "--engine", engine]
            subprocess.run(command, check=True)
            output = session.get_outputs()[0].name.replace("/", "_")
            actual = np.load(f"{folder}/{output}.npy")
            assert actual.shape == expected.shape, (actual.shape, expected.shape)
            differing = np.flatnonzero(actual.argmax(1) != expected.argmax(1))
            worst = np.abs(actual - expected).max() / np.abs(expected).max()
            print(f"{engine}: {len(samples)} samples, {len(differing)} in another class, largest relative difference {worst:.2e}")
            assert len(differing) == 0, differing


main()
