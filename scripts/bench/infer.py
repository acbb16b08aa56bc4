#!/usr/bin/env python3
"""Inference speed of Pare beside ONNX Runtime, OpenVINO and PyTorch on the same files, taking turns run by run.

    scripts/bench/infer.py [--models resnet18,vit] [--batch 1,16] [--kinds f32,int8,bf16,sparse90,...]
                           [--engines pare,ort,openvino,torch] [--pairs 9] [--threads 2] [--folder DIR]
                           [--results FILE.json] [--pare "COMMAND ..."] [--profile] [--memory]

needs torch, onnx, onnxruntime and numpy; openvino only where it is asked for. The networks are made here with random
weights; batch statistics are those of random images. 8-bit files are ONNX Runtime's own (static QDQ, u8 activations, s8
weights per channel). Each engine has a process of its own, which is stopped while another has its turn, so that threads
that spin after their work do not sit in the other's time. A turn is as many runs as take some 25 ms, behind one that is
not counted. Printed are median and minimum of the turns, and the ratios of
the others' to Pare's; outputs are compared in the same run.

Kinds beside f32, bf16 and int8 are compressed by Pare from the same f32 file, in one call of a user (infer.lua), and run
against the others' dense files: sparse90, sparse80 (unstructured), block90 (16 outputs x 1 input), sparse8 (8-bit, 90% in
blocks of 4 input channels; against the 8-bit file), linear4 (4-bit in groups), binary (signs with signs), half (half of
the filters; against Pare's own session of the whole network, by multiply-accumulates). Their outputs are compared with
the interpreter's of the compressed model.

Engines round what lies between two integers differently, and networks of random weights spread that: ONNX Runtime's
own outputs of one 8-bit file differ by several percent between its levels of optimization. So the 8-bit rows are judged
by two numbers. `steps` is how far any integer inside the network lies beyond half a step from the exact one, computed in
f64 from the integers before it as the ONNX operators say: 0 but for rounding of f32. `difference`, of the outputs, may be
twice that of ONNX Runtime's levels.

With --results what is measured is kept, and what is there already is not measured again. Pare runs as `pare infer.lua`,
or as the command that --pare gives.
"""
import argparse, json, os, shlex, signal, statistics, subprocess, sys, tempfile, time

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
PARE = os.environ.get("PARE", os.path.join(HERE, "../../.build/release/pare"))
CONVOLUTIONAL = ["resnet18", "resnet50", "mobilenetv2", "vgg11", "resnet20", "lenet5"]
TRANSFORMERS = ["minilm", "vit", "gpt"]
TOLERANCE = {"f32": 2e-3, "bf16": 8e-2, "int8": 2e-2, "sparse8": 6e-2}
STEP = 1e-3  # beyond half a step, for rounding of f32
# The networks of each compressed kind, at batch 1.
COMPRESSED = {
    "sparse90": ["resnet18", "resnet50", "vgg11"], "sparse80": ["resnet18", "resnet50", "vgg11"],
    "block90": ["resnet18", "resnet50", "vgg11"], "sparse8": ["resnet18", "resnet50", "vgg11"],
    "linear4": ["linear4096"], "binary": ["conv256"], "half": ["resnet18"]}
REST = 0.012


# --- The networks -----------------------------------------------------------------------------------------------------

def networks():
    import torch
    from torch import nn
    from torch.nn import functional as F

    def conv(inputs, outputs, kernel, stride=1, groups=1, act=None):
        parts = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
        return nn.Sequential(*parts, *([act] if act else []))

    class Residual(nn.Module):
        def __init__(self, body, short):
            super().__init__()
            self.body, self.short = body, short

        def forward(self, x):
            return F.relu(self.body(x) + (self.short(x) if self.short else x))

    def basic(inputs, outputs, stride):
        body = nn.Sequential(conv(inputs, outputs, 3, stride, act=nn.ReLU()), conv(outputs, outputs, 3))
        return Residual(body, conv(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None)

    def bottleneck(inputs, outputs, stride):
        inner = outputs // 4
        body = nn.Sequential(
            conv(inputs, inner, 1, act=nn.ReLU()), conv(inner, inner, 3, stride, act=nn.ReLU()), conv(inner, outputs, 1))
        return Residual(body, conv(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None)

    def resnet(block, widths, depths, stem, classes):
        layers, width = list(stem), widths[0] if block is basic else 64
        for stage, (outputs, depth) in enumerate(zip(widths, depths)):
            for i in range(depth):
                layers.append(block(width, outputs, 2 if stage and not i else 1))
                width = outputs
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))

    def imagenet_stem():
        return [conv(3, 64, 7, 2, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1)]

    class Inverted(nn.Module):
        def __init__(self, inputs, outputs, stride, expand):
            super().__init__()
            inner = inputs * expand
            self.residual = stride == 1 and inputs == outputs
            self.body = nn.Sequential(
                *([conv(inputs, inner, 1, act=nn.ReLU6())] if expand != 1 else []),
                conv(inner, inner, 3, stride, inner, nn.ReLU6()), conv(inner, outputs, 1))

        def forward(self, x):
            return x + self.body(x) if self.residual else self.body(x)

    def mobilenetv2():
        layers, width = [conv(3, 32, 3, 2, act=nn.ReLU6())], 32
        for expand, outputs, count, stride in [
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
            for i in range(count):
                layers.append(Inverted(width, outputs, 1 if i else stride, expand))
                width = outputs
        layers.append(conv(width, 1280, 1, act=nn.ReLU6()))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))

    def vgg11():
        layers, width = [], 3
        for outputs in [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0]:
            if outputs == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU()]
            width = outputs
        return nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000))

    def lenet5():
        return nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.size = heads, width // heads
            self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

        def forward(self, x, mask):
            split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, self.size).transpose(1, 2)
            scores = split(self.q(x)) @ split(self.k(x)).transpose(-1, -2) / self.size**0.5
            if mask is not None:
                scores = scores + mask
            y = (scores.softmax(-1) @ split(self.v(x))).transpose(1, 2)
            return self.out(y.reshape(y.shape[0], y.shape[1], self.heads * self.size))

    class Block(nn.Module):
        def __init__(self, width, heads, first):
            super().__init__()
            self.first = first
            self.attention = Attention(width, heads)
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x, mask=None):
            if self.first:
                x = x + self.attention(self.norm1(x), mask)
                return x + self.mlp(self.norm2(x))
            x = self.norm1(x + self.attention(x, mask))
            return self.norm2(x + self.mlp(x))

    class MiniLM(nn.Module):
        def __init__(self, width=384, heads=12, depth=6):
            super().__init__()
            self.words, self.places, self.types = nn.Embedding(30522, width), nn.Embedding(512, width), nn.Embedding(2, width)
            self.norm = nn.LayerNorm(width)
            self.blocks = nn.ModuleList(Block(width, heads, False) for _ in range(depth))

        def forward(self, input_ids, attention_mask, token_type_ids):
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            x = self.norm(self.words(input_ids) + self.types(token_type_ids) + self.places(places))
            mask = (1.0 - attention_mask[:, None, None, :].float()) * -3.0e38
            for block in self.blocks:
                x = block(x, mask)
            return x

    class ViT(nn.Module):
        def __init__(self, width=768, heads=12, depth=12):
            super().__init__()
            self.patch = nn.Conv2d(3, width, 16, 16)
            self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
            self.places = nn.Parameter(torch.randn(1, 197, width) * 0.02)
            self.blocks = nn.ModuleList(Block(width, heads, True) for _ in range(depth))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)[:, 0])

    class GPT(nn.Module):
        def __init__(self, width=512, heads=8, depth=6, vocabulary=8192, context=128):
            super().__init__()
            self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.blocks = nn.ModuleList(Block(width, heads, True) for _ in range(depth))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
            self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1))

        def forward(self, input_ids):
            length = input_ids.shape[1]
            x = self.words(input_ids) + self.places(torch.arange(length, device=input_ids.device))
            for block in self.blocks:
                x = block(x, self.mask[:length, :length])
            return self.head(self.norm(x))

    return {
        "resnet18": (lambda: resnet(basic, [64, 128, 256, 512], [2, 2, 2, 2], imagenet_stem(), 1000), (3, 224, 224)),
        "resnet50": (lambda: resnet(bottleneck, [256, 512, 1024, 2048], [3, 4, 6, 3], imagenet_stem(), 1000), (3, 224, 224)),
        "mobilenetv2": (mobilenetv2, (3, 224, 224)),
        "vgg11": (vgg11, (3, 224, 224)),
        "resnet20": (lambda: resnet(basic, [16, 32, 64], [3, 3, 3], [conv(3, 16, 3, act=nn.ReLU())], 10), (3, 32, 32)),
        "lenet5": (lenet5, (1, 28, 28)),
        "linear4096": (lambda: nn.Sequential(nn.Linear(4096, 4096)), (4096,)),
        "conv256": (lambda: nn.Sequential(nn.Conv2d(256, 256, 3, padding=1, bias=False)), (256, 14, 14)),
        "minilm": (MiniLM, None), "vit": (ViT, (3, 224, 224)), "gpt": (GPT, None),
    }


def inputs_of(name, batch, seed=1):
    random = numpy.random.default_rng(seed)
    if name == "minilm":
        mask = numpy.ones((batch, 128), numpy.int64)
        mask[:, 100:] = 0
        return {"input_ids": random.integers(0, 30522, (batch, 128)), "attention_mask": mask,
                "token_type_ids": numpy.zeros((batch, 128), numpy.int64)}
    if name == "gpt":
        return {"input_ids": random.integers(0, 8192, (batch, 128))}
    image = networks()[name][1]
    if len(image) == 1:
        return {"x": random.standard_normal((batch, *image)).astype(numpy.float32)}
    # Neighbouring pixels resemble each other, as in photographs.
    coarse = random.standard_normal((batch, image[0], -(-image[1] // 4), -(-image[2] // 4)))
    smooth = coarse.repeat(4, 2).repeat(4, 3)[:, :, :image[1], :image[2]]
    return {"x": (0.8 * smooth + 0.4 * random.standard_normal((batch, *image))).astype(numpy.float32)}


def make(name):
    import torch
    torch.manual_seed(0)
    net = networks()[name][0]()
    for part in net.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
            torch.nn.init.uniform_(part.weight, 0.5, 1.0)
            torch.nn.init.normal_(part.bias, 0, 0.1)
    if any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules()):
        net.train()
        with torch.no_grad():
            for seed in range(2):
                net(torch.from_numpy(inputs_of(name, 8, 100 + seed)["x"]))
    return net.eval()


def export(name, folder):
    """Returns the path of the f32 file; made once."""
    path = os.path.join(folder, f"{name}.onnx")
    if os.path.exists(path):
        return path
    import torch
    inputs = {key: torch.from_numpy(value) for key, value in inputs_of(name, 1).items()}
    torch.onnx.export(
        make(name), tuple(inputs.values()), path + ".part", opset_version=17, dynamo=False, input_names=list(inputs),
        output_names=["output"], dynamic_axes={key: {0: "N"} for key in [*inputs, "output"]})
    os.rename(path + ".part", path)
    return path


def quantized(name, folder):
    """Returns the path of ONNX Runtime's QDQ file; made once."""
    path = os.path.join(folder, f"{name}.int8.onnx")
    if os.path.exists(path):
        return path
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.feeds = iter([inputs_of(name, 4, 200 + seed) for seed in range(4)])

        def get_next(self):
            return next(self.feeds, None)

    prepared = os.path.join(folder, f"{name}.prepared.onnx")
    quant_pre_process(export(name, folder), prepared)
    q.quantize_static(
        prepared, path + ".part", Reader(), quant_format=q.QuantFormat.QDQ, activation_type=q.QuantType.QUInt8,
        weight_type=q.QuantType.QInt8, per_channel=True)
    os.rename(path + ".part", path)
    os.remove(prepared)
    return path


def compressed(name, kind, folder, pare_command):
    """Returns the path of Pare's own compressed file; made once."""
    path = os.path.join(folder, f"{name}.{kind}.pare")
    if os.path.exists(path):
        return path
    calibration = []
    if kind == "sparse8":
        calibration = [os.path.join(folder, f"{name}.calibration.npy")]
        numpy.save(calibration[0], numpy.concatenate([inputs_of(name, 4, 200 + seed)["x"] for seed in range(4)]))
    pare = Pare(pare_command, folder)
    pare.ask("compress", kind, export(name, folder), path.replace(".pare", ".part.pare"), *calibration)
    pare.close()
    os.rename(path.replace(".pare", ".part.pare"), path)
    return path


def files(name, kind, folder, pare_command):
    """Returns the path of Pare's file and of the others'."""
    if kind in COMPRESSED:
        return compressed(name, kind, folder, pare_command), (quantized if kind == "sparse8" else export)(name, folder)
    path = quantized(name, folder) if kind == "int8" else export(name, folder)
    return path, path


def stepped(name, folder):
    """Returns the path of the 8-bit file whose outputs are all integers that it computes; made once."""
    import onnx
    path = os.path.join(folder, f"{name}.int8.steps.onnx")
    if os.path.exists(path):
        return path
    net = onnx.load(quantized(name, folder))
    shown = {output.name for output in net.graph.output}
    for node in net.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] not in shown:
            net.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.UINT8, None))
    onnx.save(net, path)
    return path


def beyond_half_a_step(path, inputs, integers):
    """Runs a QDQ file in f64, each node on what `integers` (by name, / as _) says was computed before it. Returns how far the
    worst of them lies beyond half a step from the exact value, in steps."""
    import onnx
    import torch
    from onnx import numpy_helper
    from torch.nn import functional as F
    net = onnx.load(path)
    values = {name: torch.from_numpy(value.astype(numpy.float64)) for name, value in inputs.items()}
    kinds = {}
    for tensor in net.graph.initializer:
        array = numpy_helper.to_array(tensor)
        kinds[tensor.name] = array.dtype
        values[tensor.name] = torch.from_numpy(array.astype(numpy.float64))
    worst = 0.0
    for node in net.graph.node:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        x = [values[name] if name else None for name in node.input]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            axis = given.get("axis", 1)
            spread = lambda t: t.reshape([-1 if i == axis % x[0].ndim else 1 for i in range(x[0].ndim)]) if t.numel() > 1 else t.reshape(())
            scale, zero = spread(x[1]), spread(x[2]) if len(x) > 2 else 0.0
        if node.op_type == "Constant":
            y = torch.from_numpy(numpy_helper.to_array(given["value"]).astype(numpy.float64))
        elif node.op_type == "DequantizeLinear":
            y = (x[0] - zero) * scale
        elif node.op_type == "QuantizeLinear":
            limits = numpy.iinfo(kinds[node.input[2]])
            exact = (x[0] / scale + zero).clamp(limits.min, limits.max)
            y = torch.from_numpy(integers[node.output[0].replace("/", "_")].astype(numpy.float64)).reshape(exact.shape)
            worst = max(worst, float((y - exact).abs().max()) - 0.5)
        elif node.op_type == "Conv":
            pads = given.get("pads", [0, 0, 0, 0])
            assert pads[:2] == pads[2:]
            y = F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, given.get("strides", [1, 1]), pads[:2],
                         given.get("dilations", [1, 1]), given.get("group", 1))
        elif node.op_type == "Gemm":
            assert given.get("transB") == 1 and given.get("alpha", 1) == given.get("beta", 1) == 1
            y = F.linear(x[0], x[1], x[2])
        elif node.op_type == "MaxPool":
            pads = given.get("pads", [0, 0, 0, 0])
            assert pads[:2] == pads[2:]
            y = F.max_pool2d(x[0], given["kernel_shape"], given["strides"], pads[:2])
        else:
            y = {"Add": lambda a, b: a + b, "Relu": torch.relu, "Clip": lambda a, low, high: a.clamp(low, high),
                 "GlobalAveragePool": lambda a: a.mean((2, 3), keepdim=True), "Flatten": lambda a: a.flatten(1)}[node.op_type](*x)
        values[node.output[0]] = y
    return worst


def steps(name, folder, pare_command, threads):
    """The largest distance of the session's integers from the exact ones beyond half a step, for one image."""
    inputs, path = inputs_of(name, 1), stepped(name, folder)
    pare = Pare(pare_command, folder)
    pare.load(path, inputs, 1, threads, "int8")
    integers = pare.outputs()
    pare.close()
    return beyond_half_a_step(path, inputs, integers)


# --- The engines ------------------------------------------------------------------------------------------------------

class Remote:
    """An engine in a process of its own, which stands still while another one has its turn: threads that spin on for a
    while after their work would sit in the other's time."""

    def start(self, command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **options)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        self.process.stdin.close()
        self.process.wait()


class Pare(Remote):
    def __init__(self, command, folder):
        self.folder, self.loaded = folder, 0
        self.start(command)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("pare ended early")
            if line.startswith("error "):
                raise RuntimeError(line.strip())
            if line == "ok\n":
                return lines
            lines.append(line)

    def inputs(self, inputs):
        """Reads what the next session will be run on."""
        self.loaded += 1
        pairs = []
        for name, value in inputs.items():
            file = os.path.join(self.folder, f"{name}.npy")
            numpy.save(file, value)
            pairs.append(f"{name}={file}")
        self.ask("inputs", self.loaded, *pairs)

    def load(self, path, inputs, batch, threads, kind):
        self.inputs(inputs)
        self.compile(path, batch, threads, kind)

    def compile(self, path, batch, threads, kind):
        self.ask("load", self.loaded, path, threads, batch, "bf16" if kind == "bf16" else "f32")

    def turn(self, count):
        start = time.perf_counter()
        self.ask("run", self.loaded, count)
        return (time.perf_counter() - start) / count

    def output(self):
        self.ask("save", self.loaded, self.folder)
        return numpy.fromfile(os.path.join(self.folder, "output.f32"), numpy.float32)

    def outputs(self):
        """All outputs by name, / as _."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self.ask("save", self.loaded, folder)
            return {file.removesuffix(".f32"): numpy.fromfile(os.path.join(folder, file), numpy.float32) for file in os.listdir(folder)}

    def check(self):
        return float(self.ask("check", self.loaded)[0])

    def macs(self):
        return float(self.ask("macs", self.loaded)[0])

    def profile(self):
        return "".join(self.ask("profile", self.loaded))


class Served(Remote):
    """A library, run by this file as `infer.py --serve ENGINE`."""

    def __init__(self, engine, folder):
        self.folder = folder
        self.start([sys.executable, os.path.abspath(__file__), "--serve", engine])

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the engine ended early")
        return json.loads(line)

    def load(self, path, inputs, batch, threads, kind):
        file = os.path.join(self.folder, "inputs.npz")
        numpy.savez(file, **inputs)
        self.ask("load", path, file, batch, threads, kind)

    def turn(self, count):
        return self.ask("turn", count)

    def output(self):
        file = os.path.join(self.folder, "output.npy")
        self.ask("output", file)
        return numpy.load(file)


def serve(engine):
    made = {"ort": ORT, "openvino": OpenVINO, "torch": Torch}[engine]()
    commands = {
        "load": lambda path, file, *rest: made.load(path, dict(numpy.load(file)), *rest), "turn": made.turn,
        "output": lambda file: numpy.save(file, made.output())}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        name, *words = json.loads(line)
        print(json.dumps(commands[name](*words)), file=answers, flush=True)


class Library:
    def turn(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.run()
        return (time.perf_counter() - start) / count


class ORT(Library):
    def load(self, path, inputs, batch, threads, kind, level="ORT_ENABLE_ALL"):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = inputs

    def run(self):
        return self.session.run(None, self.inputs)

    def output(self):
        return self.run()[0].ravel()


class OpenVINO(Library):
    def load(self, path, inputs, batch, threads, kind):
        import openvino
        core = openvino.Core()
        net = core.read_model(path)
        net.reshape({port.any_name: list(inputs[port.any_name].shape) for port in net.inputs})
        precision = "bf16" if kind == "bf16" else "f32"
        compiled = core.compile_model(
            net, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision})
        self.request, self.inputs = compiled.create_infer_request(), inputs

    def run(self):
        return self.request.infer(self.inputs)

    def output(self):
        return numpy.asarray(next(iter(self.run().values()))).ravel()


class Torch(Library):
    def load(self, path, inputs, batch, threads, kind):
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        name = os.path.basename(path).split(".")[0]
        self.net = make(name).to(memory_format=torch.channels_last)
        self.inputs = [torch.from_numpy(value) for value in inputs.values()]
        if self.inputs[0].ndim == 4:
            self.inputs[0] = self.inputs[0].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(self.net, tuple(self.inputs)))
            self.net = torch.jit.optimize_for_inference(traced)

    def run(self):
        with self.torch.no_grad():
            return self.net(*self.inputs)

    def output(self):
        return self.run().numpy().ravel()


# --- Measuring --------------------------------------------------------------------------------------------------------

def measure(options, name, kind, batch, folder, pare_command):
    path, others = files(name, kind, folder, pare_command)
    inputs = inputs_of(name, batch)
    engines = {}
    for engine in ["pare", "whole"] if kind == "half" else options.engines:
        if engine == "torch" and others.endswith(".int8.onnx"):
            continue
        made = Pare(pare_command, folder) if engine in ("pare", "whole") else Served(engine, folder)
        made.load(path if engine == "pare" else others, inputs, batch, options.threads, kind)
        engines[engine] = made
    record = {"difference": {}, "median": {}, "minimum": {}}
    if kind in COMPRESSED:
        record["difference"]["pare"] = engines["pare"].check()
        if kind == "half":
            record["work"] = engines["whole"].macs() / engines["pare"].macs()
    else:
        reference = ORT()
        reference.load(others, inputs, batch, options.threads, "f32")
        expected = reference.output()
        del reference
        scale = numpy.abs(expected).max()
        if kind == "int8":
            plain = ORT()
            plain.load(others, inputs, batch, options.threads, "f32", level="ORT_DISABLE_ALL")
            record["allowed"] = max(TOLERANCE[kind], 2 * float(numpy.abs(plain.output() - expected).max() / scale))
            del plain
            if batch == 1 and "pare" in engines:
                record["steps"] = steps(name, folder, pare_command, options.threads)
        for engine, made in engines.items():
            got = made.output()
            assert got.shape == expected.shape, f"{name} {engine}: {got.shape} against {expected.shape}"
            record["difference"][engine] = float(numpy.abs(got - expected).max() / scale)
    counts = {}
    for made in engines.values():
        made.stop()
    for engine, made in engines.items():
        made.go_on()
        once = min(made.turn(1) for _ in range(3))
        made.stop()
        counts[engine] = max(1, min(400, round(0.025 / once)))
    times = {engine: [] for engine in engines}
    for pair in range(options.pairs):
        order = list(engines)
        for engine in order[pair % len(order):] + order[:pair % len(order)]:
            time.sleep(REST)
            engines[engine].go_on()
            engines[engine].turn(1)
            times[engine].append(engines[engine].turn(counts[engine]) * 1e3)
            engines[engine].stop()
    for engine, made in engines.items():
        made.go_on()
        record["median"][engine], record["minimum"][engine] = statistics.median(times[engine]), min(times[engine])
        if engine == "pare" and options.profile:
            print(made.profile())
        made.close()
    return record


def row(name, kind, batch, record):
    text = f"{name:12} {kind:8} {batch:3}"
    for engine in ("pare", "ort", "openvino", "torch"):
        text += f" {record['median'][engine]:9.3f}" if engine in record["median"] else "         -"
    for engine in ("ort", "openvino", "torch"):
        if engine in record["median"] and "pare" in record["median"]:
            ratio = record["median"][engine] / record["median"]["pare"]
            least = record["minimum"][engine] / record["minimum"]["pare"]
            text += f"  {ratio:5.2f}x {least:5.2f}x"
        else:
            text += "       -      -"
    worst = record["difference"].get("pare", 0)
    same = worst <= record.get("allowed", TOLERANCE.get(kind, TOLERANCE["f32"])) and record.get("steps", 0) <= STEP
    text += f"  {worst:.1e}{'' if same else ' DIFFERS'}"
    if "steps" in record:
        text += f"  steps {max(record['steps'], 0):.1e}"
    if "work" in record:
        ratio, least = (record[of]["whole"] / record[of]["pare"] for of in ("median", "minimum"))
        text += (f"  whole {record['median']['whole']:.3f} ms: {ratio:.2f}x {least:.2f}x of {record['work']:.2f}x fewer "
                 f"multiply-accumulates: {ratio / record['work']:.2f} {least / record['work']:.2f}")
    return text


def status(field, process="self"):
    """Megabytes that a process has now (VmRSS) or had at most (VmHWM)."""
    with open(f"/proc/{process}/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def forget_peak(process="self"):
    """Lets the peak begin at what the process has now; returns that."""
    with open(f"/proc/{process}/clear_refs", "w") as file:
        file.write("5")
    return status("VmRSS", process)


def memory(options, name, kind, batch, folder, pare_command):
    """Prints the peak growth of a process over what it takes with its inputs read, through load and four runs: Pare's and
    ONNX Runtime's."""
    path, others = files(name, kind, folder, pare_command)
    inputs = inputs_of(name, batch)
    own = Pare(pare_command, folder)
    own.inputs(inputs)
    start = forget_peak(own.process.pid)
    began = time.perf_counter()
    own.compile(path, batch, options.threads, kind)
    first = time.perf_counter() - began
    own.turn(3)
    growth = status("VmHWM", own.process.pid) - start
    own.close()
    numpy.savez(os.path.join(folder, "inputs.npz"), **inputs)
    code = (
        f"import sys; sys.path.insert(0, {HERE!r}); import infer, numpy, onnxruntime, time; "
        f"x = dict(numpy.load({os.path.join(folder, 'inputs.npz')!r})); start = infer.forget_peak(); began = time.perf_counter(); "
        f"o = infer.ORT(); o.load({others!r}, x, {batch}, {options.threads}, {kind!r}); o.run(); "
        "first = time.perf_counter() - began; o.turn(3); print(infer.status('VmHWM') - start, first)")
    peer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    peer_growth, peer_first = map(float, peer.split())
    print(f"{name:12} {kind:8} {batch:3}  peak growth MB: pare {growth:7.1f}   onnxruntime {peer_growth:7.1f}   {peer_growth / growth:5.2f}x   "
          f"load and first run ms: pare {first * 1e3:5.0f}   onnxruntime {peer_first * 1e3:5.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: text.split(",")
    parser.add_argument("--models", type=listed)
    parser.add_argument("--batch", type=lambda text: [int(word) for word in text.split(",")], default=[1, 16])
    parser.add_argument("--kinds", type=listed, default=["f32", "int8"])
    parser.add_argument("--engines", type=listed, default=["pare", "ort"])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "pare-infer"))
    parser.add_argument("--results")
    parser.add_argument("--pare", type=shlex.split, default=[PARE, "--quiet", os.path.join(HERE, "infer.lua")])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    os.makedirs(options.folder, exist_ok=True)
    kept = {}
    if options.results and os.path.exists(options.results):
        with open(options.results) as file:
            kept = json.load(file)
    print("                           median milliseconds                     against Pare: median, minimum\n"
          "network      kind     batch     pare       ort  openvino     torch           ort      openvino         torch  difference")
    means = {}
    for kind in options.kinds:
        names = options.models or COMPRESSED.get(kind, CONVOLUTIONAL + TRANSFORMERS)
        for name in names:
            for batch in options.batch:
                if name in TRANSFORMERS and (kind == "int8" or batch != 1):
                    continue
                if kind in COMPRESSED and batch != 1:
                    continue
                if options.memory:
                    memory(options, name, kind, batch, options.folder, options.pare)
                    continue
                key = f"{name} {kind} {batch}"
                if key not in kept:
                    kept[key] = measure(options, name, kind, batch, options.folder, options.pare)
                    if options.results:
                        with open(options.results + ".part", "w") as file:
                            json.dump(kept, file, indent=1)
                        os.rename(options.results + ".part", options.results)
                print(row(name, kind, batch, kept[key]), flush=True)
                family = "compressed" if kind in COMPRESSED else "transformers" if name in TRANSFORMERS else "convolutional"
                for engine in options.engines:
                    median = kept[key]["median"]
                    if engine != "pare" and engine in median and "pare" in median:
                        means.setdefault((family, kind, engine), []).append(median[engine] / median["pare"])
    for (family, kind, engine), ratios in means.items():
        print(f"{family} {kind} against {engine}: geometric mean {statistics.geometric_mean(ratios):.2f}x, least {min(ratios):.2f}x")


if __name__ == "__main__":
    main()
