"""Ten training steps and a few optimizer steps as PyTorch takes them: the values that TrainingTests compare with.

Run:  python generate.py        (PyTorch 2.x on the CPU; writes losses.json, optimizers.json, functions.json, autocast.json beside this file)

Nothing but losses and a few parameters is stored. Weights and batches come from `noise`, an integer hash that the
Swift test (Shared.swift) computes as well, bit for bit: splitmix64 of FNV-1a(name) + index.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
STEPS, BATCH, CLASSES, RATE = 10, 16, 10, 0.005


def words(name, count):
    """64-bit words 0..<count of the stream `name`."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = ((start ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(start) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def noise(name, shape):
    """Numbers in [-1, 1) with 24 random bits, f64."""
    count = int(np.prod(shape))
    return ((words(name, count) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0).reshape(shape)


def initial(name, shape, normalized):
    """The start value of a parameter: uniform, scaled by fan-in; near 1 and 0 for a normalization."""
    if name.endswith("running_mean"):
        return np.zeros(shape, np.float32)
    if name.endswith("running_var"):
        return np.ones(shape, np.float32)
    value = noise(name, shape)
    if normalized:
        value = value * 0.125 + (1.0 if name.endswith("weight") else 0.0)
    elif len(shape) > 1:
        value = value * np.sqrt((6.0 if len(shape) == 4 else 1.5) / np.prod(shape[1:]))
    else:
        value = value * 0.0625
    return value.astype(np.float32)


def batch(net, step, shape):
    """Images that show a class pattern under noise, and their labels."""
    labels = (words(f"{net}.labels.{step}", BATCH) % np.uint64(CLASSES)).astype(np.int64)
    pattern = noise(f"{net}.patterns", (CLASSES, *shape))
    images = noise(f"{net}.images.{step}", (BATCH, *shape)) + pattern[labels]
    return torch.tensor(images.astype(np.float32)), torch.tensor(labels)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.short(x))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        widths = [16] * 3 + [32] * 3 + [64] * 3
        self.layers = nn.Sequential(*(
            Block(before, width, 2 if width != before else 1) for before, width in zip([16] + widths, widths)))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.layers(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


def train(net, model, shape, dtype=torch.float32):
    normalizations = {n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                of = name.rsplit(".", 1)[0]
                value.copy_(torch.tensor(initial(name, tuple(value.shape), of in normalizations)))
    model.to(dtype).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    losses = []
    for step in range(STEPS):
        x, y = batch(net, step % 2, shape)
        loss = F.cross_entropy(model(x.to(dtype)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # Running statistics after the last step, of the first normalization.
    mean = model.bn1.running_mean.tolist() if hasattr(model, "bn1") else []
    variance = model.bn1.running_var.tolist() if hasattr(model, "bn1") else []
    return {"losses": losses, "running_mean": mean, "running_var": variance}


class Small(nn.Module):
    """A convolution, a batch-norm and two linear layers for 8 x 8 images: a layer of every precision."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(128, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.relu(self.conv2(x)).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


def autocast(dtype):
    """Ten steps under torch.autocast; f16 with a GradScaler. The batch-norm runs in f32, as Pare's policy has it."""
    model = Small()
    normalizations = {"bn1"}
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(torch.tensor(initial(name, tuple(value.shape), name.rsplit(".", 1)[0] in normalizations)))
    bn = model.bn1.forward
    def in_f32(x):
        with torch.autocast("cpu", enabled=False):
            return bn(x.float())
    model.bn1.forward = in_f32
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", enabled=dtype == torch.float16)
    losses, scales = [], []
    for step in range(STEPS):
        x, y = batch("small", step % 2, (1, 8, 8))
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            logits = model(x)
        loss = F.cross_entropy(logits.float(), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    return {"losses": losses, "scales": scales}


def scaling():
    """The scale of torch.amp.GradScaler after steps whose gradients are finite (1) or not (0)."""
    runs = [[1, 1], [0, 2], [1, 2001], [0, 1], [1, 2000]]  # finite or not, how many steps
    pattern = [finite for finite, count in runs for _ in range(count)]
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.0)
    scaler = torch.amp.GradScaler("cpu")
    scales = []
    for finite in pattern:
        optimizer.zero_grad()
        scaler.scale(weight.sum() * (1.0 if finite else float("inf"))).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    changes = [i for i in range(1, len(scales)) if scales[i] != scales[i - 1]]
    return {"runs": runs, "first": scales[0], "changes": [{"step": i, "scale": scales[i]} for i in changes]}


def optimizers():
    """Six steps of each optimizer on a small loss; the values of both parameters after every step."""
    cases = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "sgd_momentum_decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        "sgd_nesterov_decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
        "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    }
    result = {}
    for name, make in cases.items():
        a = torch.tensor(noise("optimizer.a", (3, 4)).astype(np.float32), requires_grad=True)
        b = torch.tensor(noise("optimizer.b", (3,)).astype(np.float32), requires_grad=True)
        optimizer = make([a, b])
        steps = []
        for step in range(6):
            a.grad = torch.tensor(noise(f"optimizer.a.gradient.{step}", (3, 4)).astype(np.float32))
            b.grad = torch.tensor(noise(f"optimizer.b.gradient.{step}", (3,)).astype(np.float32))
            optimizer.step()
            steps.append({"a": a.flatten().tolist(), "b": b.tolist()})
        result[name] = steps
    return result


def schedules(steps=20, rate=0.5):
    """The learning rate of each of 20 steps, as PyTorch's schedulers give it."""
    def rates(make):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        schedule = make(optimizer)
        result = []
        for _ in range(steps):
            result.append(optimizer.param_groups[0]["lr"] / rate)
            optimizer.step()
            schedule.step() if len(result) < steps else None
        return result
    lr = torch.optim.lr_scheduler
    return {
        "cosine": rates(lambda o: lr.CosineAnnealingLR(o, steps)),
        "linear": rates(lambda o: lr.LinearLR(o, 1.0, 0.0, steps)),
        "step": rates(lambda o: lr.MultiStepLR(o, [7, 14])),  # a third and two thirds of 20, rounded up
        "one_cycle": rates(lambda o: lr.OneCycleLR(o, rate, total_steps=steps, cycle_momentum=False)),
    }


def functions():
    """Losses, and their gradients by the first argument."""
    def both(loss, x):
        value = loss(x)
        value.backward()
        return {"value": value.item(), "gradient": x.grad.flatten().tolist()}
    def leaf(name, shape):
        return torch.tensor(3 * noise(name, shape).astype(np.float32), requires_grad=True)
    labels = torch.tensor((words("loss.labels", 5) % np.uint64(4)).astype(np.int64))
    teacher, target = leaf("loss.teacher", (5, 4)).detach(), leaf("loss.target", (5, 4)).detach()
    def kl(x, t):
        return F.kl_div(F.log_softmax(x / t, 1), F.log_softmax(teacher / t, 1), reduction="batchmean", log_target=True) * t * t
    make = lambda: leaf("loss.student", (5, 4))
    return {
        "labels": labels.tolist(),
        "cross_entropy": both(lambda x: F.cross_entropy(x, labels), make()),
        "cross_entropy_smooth": both(lambda x: F.cross_entropy(x, labels, label_smoothing=0.1), make()),
        "mse": both(lambda x: F.mse_loss(x, target), make()),
        "kl": both(lambda x: kl(x, 1.0), make()),
        "kl_temperature": both(lambda x: kl(x, 4.0), make()),
    }


def clipping():
    """Gradients before and after torch.nn.utils.clip_grad_norm_ at 1."""
    ps = [torch.zeros(3, 4, requires_grad=True), torch.zeros(3, requires_grad=True)]
    for p, name in zip(ps, ["clip.a", "clip.b"]):
        p.grad = torch.tensor(noise(name, tuple(p.shape)).astype(np.float32))
    torch.nn.utils.clip_grad_norm_(ps, 1.0)
    return {"a": ps[0].grad.flatten().tolist(), "b": ps[1].grad.tolist()}


def write(name, value):
    value = {"generator": f"generate.py, torch {torch.__version__}, numpy {np.__version__}", **value}
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(2)
    nets = {"lenet5": (LeNet5, (1, 28, 28)), "resnet20": (ResNet20, (3, 32, 32))}
    golden = {}
    for net, (make, shape) in nets.items():
        golden[net] = train(net, make(), shape)
        double = train(net, make(), shape, torch.float64)["losses"]
        worst = max(abs(a - b) / b for a, b in zip(golden[net]["losses"], double))
        print(net, [round(v, 4) for v in golden[net]["losses"]], f"f32 against f64: {worst:.1e} relative")
    write("losses.json", golden)
    write("optimizers.json", {"optimizers": optimizers(), "schedules": schedules(), "clip": clipping()})
    write("functions.json", functions())
    modes = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}
    write("autocast.json", {**{name: autocast(dtype) for name, dtype in modes.items()}, "scaling": scaling()})
