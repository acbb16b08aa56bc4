#!/usr/bin/env python3
"""Training speed and memory of Pare beside PyTorch (eager), taking turns in one run.

    scripts/bench/train.py [--pairs 7] [--threads 2] [NETWORK ...]

needs torch and numpy. Both train the same network from the same weights on the same batches with SGD (momentum 0.9); the
losses of all steps are compared. A turn is some steps of one, then as many of the other. PyTorch runs in its better
memory format, which a first turn finds out. Memory is the growth of the peak resident size over that after start-up.
"""
import argparse, json, os, resource, statistics, struct, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PARE = os.environ.get("PARE", os.path.join(HERE, "../../.build/release/pare"))
# batch, image, steps a turn, learning rate
CASES = {
    "lenet5": (64, (1, 28, 28), 40, 0.01),
    "cnn": (64, (3, 32, 32), 6, 0.01),
    "resnet20": (128, (3, 32, 32), 4, 0.02),
    "resnet18": (64, (3, 32, 32), 2, 0.01),
}
BATCHES = 4


def networks():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.down = None
            if stride != 1 or width != out:
                self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + (x if self.down is None else self.down(x)))

    class ResNet(nn.Module):
        def __init__(self, widths, blocks):
            super().__init__()
            self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(widths[0])
            layers, width = [], widths[0]
            for i, out in enumerate(widths):
                for j in range(blocks):
                    layers.append(Block(width, out, 2 if i and not j else 1))
                    width = out
            self.layers = nn.Sequential(*layers)
            self.fc = nn.Linear(width, 10)

        def forward(self, x):
            return self.fc(self.layers(torch.relu(self.bn1(self.conv1(x)))).mean((2, 3)))

    return {
        "lenet5": lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        "cnn": lambda: nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8192, 1024), nn.ReLU(), nn.Linear(1024, 10)),
        "resnet20": lambda: ResNet((16, 32, 64), 3),
        "resnet18": lambda: ResNet((64, 128, 256, 512), 2),
    }


def save_safetensors(path, tensors):
    header, offset = {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(value.tobytes())


def resident_peak(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


class Torch:
    def __init__(self, name, threads, state=None, channels_last=False):
        import torch
        torch.set_num_threads(threads)
        self.torch, (self.batch, image, self.each, rate) = torch, CASES[name]
        torch.manual_seed(0)
        self.net = networks()[name]()
        if state:
            self.net.load_state_dict(state)
        self.x = torch.randn(BATCHES * self.batch, *image, generator=torch.Generator().manual_seed(1))
        self.y = torch.randint(0, 10, (BATCHES * self.batch,), generator=torch.Generator().manual_seed(2))
        if channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=rate, momentum=0.9)
        self.step = 0

    def turn(self):
        losses, start = [], time.perf_counter()
        for _ in range(self.each):
            at = self.step % BATCHES * self.batch
            self.optimizer.zero_grad()
            loss = self.torch.nn.functional.cross_entropy(self.net(self.x[at : at + self.batch]), self.y[at : at + self.batch])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            self.step += 1
        return (time.perf_counter() - start) / self.each, losses


class Pare:
    def __init__(self, name, threads, folder, turns):
        batch, _, self.each, rate = CASES[name]
        self.process = subprocess.Popen(
            [PARE, "--quiet", "--threads", str(threads), os.path.join(HERE, "train.lua"), name, folder,
             str((self.each * (turns + 1) + BATCHES - 1) // BATCHES), str(self.each), str(batch), str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.first = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("pare ended early")
        return [float(value) for value in line.split()]

    def turn(self):
        start = time.perf_counter()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        losses = self.read()
        return (time.perf_counter() - start) / self.each, losses

    def close(self):
        peak = resident_peak(self.process.pid)
        self.process.stdin.close()
        self.process.wait()
        return peak


def memory(name, threads):
    """The growth of PyTorch's peak in a process of its own."""
    code = (
        f"import sys, resource; sys.path.insert(0, {HERE!r}); import train, torch; torch.set_num_threads({threads}); "
        "torch.zeros(8) + 1; rss = lambda: train.resident_peak('self'); start = rss(); "
        f"t = train.Torch({name!r}, {threads}, None, True); [t.turn() for _ in range(3)]; print(rss() - start)")
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def run(name, threads, pairs, folder):
    import numpy, torch
    batch, image, each, _ = CASES[name]
    first = Torch(name, threads)
    state = {key: value.clone() for key, value in first.net.state_dict().items()}
    formats = {}
    for channels_last in (False, True):
        trial = Torch(name, threads, state, channels_last)
        trial.turn()
        formats[channels_last] = min(trial.turn()[0] for _ in range(2))
    better = min(formats, key=formats.get)

    listed = subprocess.run([PARE, "--quiet", os.path.join(HERE, "train.lua"), name], capture_output=True, text=True, check=True)
    names = [line.split("\t") for line in listed.stdout.splitlines()]
    parameters = list(first.net.parameters())
    shapes = [tuple(map(int, shape.split())) for _, shape in names]
    assert shapes == [tuple(value.shape) for value in parameters], f"{name}: the networks differ\n{shapes}"
    save_safetensors(
        os.path.join(folder, "weights.safetensors"),
        {key: value.detach().numpy() for (key, _), value in zip(names, parameters)})
    numpy.save(os.path.join(folder, "x_train.npy"), first.x.numpy())
    numpy.save(os.path.join(folder, "y_train.npy"), first.y.numpy())
    for part in ("validation", "test"):
        numpy.save(os.path.join(folder, f"x_{part}.npy"), first.x[:1].numpy())
        numpy.save(os.path.join(folder, f"y_{part}.npy"), first.y[:1].numpy())

    # What Pare takes before it has a model: an empty chunk's peak.
    import re
    idle = subprocess.run(["/usr/bin/env", PARE, "-e", "x = io.open('/proc/self/status'):read('a'):match('VmHWM:%s+(%d+)') return x"],
                          capture_output=True, text=True, check=True).stdout
    idle = int(re.search(r"\d+", idle).group()) / 1024

    peer, own = Torch(name, threads, state, better), Pare(name, threads, folder, pairs + 1)
    _, losses = peer.turn()
    worst = max(abs(a - b) / abs(a) for a, b in zip(losses, own.first))
    times = {"torch": [], "pare": []}
    for pair in range(pairs + 1):
        a, x = peer.turn()
        b, y = own.turn()
        if pair < 2:
            worst = max([worst] + [abs(p - q) / max(abs(p), 0.1) for p, q in zip(x, y)])
        if pair > 0:
            times["torch"].append(a)
            times["pare"].append(b)
    growth = own.close() - idle
    a, b = times["torch"], times["pare"]
    print(f"{name:9} {batch / statistics.median(a):9.0f} {batch / statistics.median(b):9.0f} "
          f"{statistics.median(a) / statistics.median(b):7.2f}x {min(a) / min(b):7.2f}x  "
          f"{worst:9.1e} {memory(name, threads):9.0f} {growth:9.0f}   {'channels-last' if better else 'NCHW'}", flush=True)
    return statistics.median(a) / statistics.median(b)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[[], *CASES], default=[])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print("              torch      pare   median  minimum  loss diff  torch MB   pare MB   torch's format")
    print("           images/s  images/s")
    ratios = []
    for name in options.networks or CASES:
        with tempfile.TemporaryDirectory() as folder:
            ratios.append(run(name, options.threads, options.pairs, folder))
    print(f"geometric mean {statistics.geometric_mean(ratios):.2f}x")


if __name__ == "__main__":
    main()
