#!/usr/bin/env python3
"""Runs ReaderFuzz over many mutated model files, and goes on after those that end it.

    fuzz.py READER_FUZZ COUNT KEEP FILE...      mutations 0 to COUNT of the files in turn; what is found is kept in KEEP

A crash, more than 5 seconds of work, and memory beyond 4 times the file and 64 MB each count as a find. The mutations
depend on their number alone, so that a find can be made again: READER_FUZZ NUMBER NUMBER+1 FOLDER FILE...
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile


def main():
    binary, count, keep, *files = sys.argv[1:]
    count, at, finds = int(count), int(os.environ.get("FIRST", "0")), 0
    with tempfile.TemporaryDirectory() as folder:
        while at < count:
            done = subprocess.run([binary, str(at), str(count), folder, *files], capture_output=True, text=True)
            print(done.stdout, end="", flush=True)
            if done.returncode in (0, 1):
                finds += done.returncode
                break
            number = int(open(os.path.join(folder, "number")).read())
            name = files[number % len(files)]
            kept = os.path.join(keep, f"mutation-{number}{os.path.splitext(name)[1]}")
            os.makedirs(keep, exist_ok=True)
            shutil.copy(os.path.join(folder, "m" + os.path.splitext(name)[1]), kept)
            why = "more than 5 s of work" if done.returncode == -signal.SIGPROF else f"ended by {done.returncode}"
            print(f"mutation {number} of {os.path.basename(name)}: {why}; kept as {kept}", flush=True)
            finds += 1
            at = number + 1
    print(f"{count} mutated files, {finds} finds")
    sys.exit(1 if finds else 0)


main()
