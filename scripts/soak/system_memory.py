"""Between steps 20 and 120 of a training the program asks the system for no memory: mmap, mremap and brk, by strace.

    PARE=... system_memory.py [NETWORK ...]
"""
import os, re, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
calls = re.compile(r"\b(mmap|mremap|brk)\(")
failed = False
for name in sys.argv[1:] or ["lenet5", "cnn", "resnet20", "resnet18"]:
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace")
        subprocess.run(
            ["strace", "-f", "-e", "trace=mmap,mremap,brk,write", "-o", trace, os.environ["PARE"], "--quiet", "--threads", "2",
             os.path.join(HERE, "system_memory.lua"), name], check=True, stdout=subprocess.DEVNULL)
        with open(trace) as file:
            lines = file.read().splitlines()
    begin = next(i for i, line in enumerate(lines) if 'write(1, "step 20' in line)
    end = next(i for i, line in enumerate(lines) if 'write(1, "step 120' in line)
    found = [line for line in lines[begin:end] if calls.search(line)]
    print(f"{name}: {len(found)} calls of mmap, mremap or brk between steps 20 and 120")
    for line in found[:10]:
        print("   ", line)
    failed = failed or bool(found)
sys.exit(failed)
