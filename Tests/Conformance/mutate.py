#!/usr/bin/env python3
"""Feeds mutated model files to `pare inspect`: bit flips, truncation, overwritten and repeated stretches.

    mutate.py PARE COUNT FILE...

Fails on a crash (any exit but 0 and 1) and on runs over 5 seconds; keeps the file that did it and prints its path. The
mutations depend on their number alone, so that a find can be made again.
"""
import os
import random
import subprocess
import sys
import tempfile


def mutated(data, number):
    source = random.Random(number)
    data = bytearray(data)
    for _ in range(source.choice([1, 1, 2, 8])):
        # Half of the changes go to the head, where the structure is.
        end = len(data) if source.random() < 0.5 else min(len(data), 4096)
        at = source.randrange(max(end, 1))
        kind = source.randrange(4)
        if kind == 0:
            data[at] ^= 1 << source.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data[at : at + 8] = source.choice([b"\xff" * 8, b"\0" * 8, b"\x80" * 7 + b"\x7f"])
        else:
            data[at:at] = data[at : at + source.randrange(1, 64)]
        if not data:
            break
    return bytes(data)


def main():
    pare, count, *files = sys.argv[1:]
    originals = [(name, open(name, "rb").read()) for name in files]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(int(count)):
            name, data = originals[number % len(originals)]
            path = os.path.join(folder, "m" + os.path.splitext(name)[1])
            with open(path, "wb") as file:
                file.write(mutated(data, number))
            try:
                code = subprocess.run([pare, "--quiet", "inspect", path], capture_output=True, timeout=5).returncode
            except subprocess.TimeoutExpired:
                code = "no answer within 5 s"
            if code not in (0, 1):
                failures += 1
                kept = f"mutation-{number}{os.path.splitext(name)[1]}"
                os.replace(path, kept)
                print(f"mutation {number} of {os.path.basename(name)}: {code}; kept as {kept}")
    print(f"{count} mutated files, {failures} crashes or hangs")
    sys.exit(1 if failures else 0)


main()
