"""The networks that exports.py exports: torchvision's families where torchvision is there, the others written out here.

Each entry is a function that returns (module, inputs): a module with random weights in evaluation mode, and a tuple of
example inputs whose first axis is the batch.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

NETWORKS = {}


def network(make):
    NETWORKS[make.__name__] = make
    return make


def image(*sizes, batch=2):
    return (torch.randn(batch, *sizes),)


def settled(module, *batches):
    """The module in evaluation mode, its batch-norm statistics those of data."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.bias, -0.5, 0.5)
    module.train()
    with torch.no_grad():
        for inputs in batches:
            module(*inputs)
    return module.eval()


# torchvision -----------------------------------------------------------------------------------------------------

FAMILIES = {
    "alexnet": 224, "vgg11_bn": 224, "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64, "wide_resnet50_2": 64,
    "densenet121": 64, "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64, "mnasnet0_5": 64,
    "shufflenet_v2_x0_5": 64, "shufflenet_v2_x1_0": 64, "efficientnet_b0": 64, "efficientnet_v2_s": 64,
    "regnet_x_400mf": 64, "regnet_y_400mf": 64, "squeezenet1_0": 64, "squeezenet1_1": 64, "convnext_tiny": 64,
    "vit_b_32": 224, "swin_t": 64, "swin_v2_t": 64, "maxvit_t": 224, "inception_v3": 128, "googlenet": 64,
}


class First(nn.Module):
    """The main output of a segmentation network or one with auxiliary outputs."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        y = self.inner(x)
        return y["out"] if isinstance(y, dict) else y[0] if isinstance(y, tuple) else y


def add_torchvision():
    from torchvision import models

    def classifier(name, size):
        def make():
            options = {"init_weights": True} if name in ("inception_v3", "googlenet") else {}
            if name in ("inception_v3", "googlenet"):
                options["aux_logits"] = False
            network = models.get_model(name, weights=None, **options)
            if name.startswith("vit"):
                # Zeros otherwise, and then so is every output.
                nn.init.normal_(network.heads.head.weight, std=0.02)
            return settled(network, image(3, size, size), image(3, size, size))

        return make

    for name, size in FAMILIES.items():
        NETWORKS[name] = lambda make=classifier(name, size), size=size: (make(), image(3, size, size))

    def segmenter(name):
        def make():
            inner = models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
            return First(settled(inner, image(3, 64, 64))).eval(), image(3, 64, 64)

        return make

    for name in ("fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"):
        NETWORKS[name] = segmenter(name)


# detection, faces, text ------------------------------------------------------------------------------------------


def block(a, b, kernel=3, stride=1, groups=1, activation=nn.SiLU):
    return nn.Sequential(nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(b), activation())


class C2f(nn.Module):
    def __init__(self, a, b, count):
        super().__init__()
        self.first, self.last = block(a, b, 1), block((2 + count) * b // 2, b, 1)
        self.inner = nn.ModuleList(nn.Sequential(block(b // 2, b // 2), block(b // 2, b // 2)) for _ in range(count))

    def forward(self, x):
        parts = list(self.first(x).chunk(2, 1))
        for inner in self.inner:
            parts.append(parts[-1] + inner(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Yolo(nn.Module):
    """A backbone, a pyramid and heads up to the raw predictions, boxes decoded from distributions over bins."""

    def __init__(self, classes=4, bins=8):
        super().__init__()
        self.bins, self.classes = bins, classes
        self.stem = nn.Sequential(block(3, 16, 3, 2), block(16, 32, 3, 2), C2f(32, 32, 1))
        self.down1, self.down2 = nn.Sequential(block(32, 64, 3, 2), C2f(64, 64, 1)), nn.Sequential(block(64, 128, 3, 2), C2f(128, 128, 1))
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.mix, self.up = block(4 * 128, 128, 1), C2f(128 + 64, 64, 1)
        self.boxes = nn.ModuleList(nn.Sequential(block(c, 32), nn.Conv2d(32, 4 * bins, 1)) for c in (64, 128))
        self.kinds = nn.ModuleList(nn.Sequential(block(c, 32), nn.Conv2d(32, classes, 1)) for c in (64, 128))
        self.register_buffer("steps", torch.arange(bins, dtype=torch.float32))

    def forward(self, x):
        a = self.down1(self.stem(x))
        b = self.down2(a)
        pooled = [b]
        for _ in range(3):
            pooled.append(self.pool(pooled[-1]))
        b = self.mix(torch.cat(pooled, 1))
        a = self.up(torch.cat([F.interpolate(b, scale_factor=2.0, mode="nearest"), a], 1))
        rows = []
        for level, y in enumerate((a, b)):
            both = torch.cat([self.boxes[level](y), self.kinds[level](y)], 1)
            rows.append(both.view(both.shape[0], both.shape[1], -1))
        boxes, kinds = torch.cat(rows, 2).split((4 * self.bins, self.classes), 1)
        chances = boxes.view(boxes.shape[0], 4, self.bins, boxes.shape[2]).transpose(1, 2).softmax(1)
        sides = (chances * self.steps.view(1, self.bins, 1, 1)).sum(1)
        return torch.cat([sides, kinds.sigmoid()], 1)


@network
def yolo():
    return settled(Yolo(), image(3, 64, 64)), image(3, 64, 64)


class Face(nn.Module):
    """Anchors with scores and landmarks, as single-shot face detectors give them."""

    def __init__(self):
        super().__init__()
        def part(a, b, stride):
            return nn.Sequential(nn.Conv2d(a, a, 5, stride, 2, groups=a), nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.PReLU(b))
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 5, 2, 2), nn.PReLU(24))
        self.a, self.b = nn.Sequential(part(24, 28, 1), part(28, 32, 2)), nn.Sequential(part(32, 48, 2), part(48, 48, 1))
        self.score = nn.ModuleList([nn.Conv2d(32, 2, 1), nn.Conv2d(48, 6, 1)])
        self.place = nn.ModuleList([nn.Conv2d(32, 2 * 16, 1), nn.Conv2d(48, 6 * 16, 1)])

    def forward(self, x):
        x = F.pad(x, (1, 2, 1, 2))
        a = self.a(self.stem(x))
        b = self.b(a)
        scores = [s(y).permute(0, 2, 3, 1).reshape(y.shape[0], -1, 1) for s, y in zip(self.score, (a, b))]
        places = [p(y).permute(0, 2, 3, 1).reshape(y.shape[0], -1, 16) for p, y in zip(self.place, (a, b))]
        return torch.cat(scores, 1).sigmoid(), torch.cat(places, 1)


@network
def face():
    return settled(Face(), image(3, 61, 61)), image(3, 61, 61)


class Landmarks(nn.Module):
    """Inverted residuals, features of three depths joined, points by a linear layer."""

    def __init__(self):
        super().__init__()
        def residual(a, b, stride):
            return nn.Sequential(block(a, 2 * a, 1, activation=nn.ReLU6), block(2 * a, 2 * a, 3, stride, 2 * a, nn.ReLU6), nn.Conv2d(2 * a, b, 1, bias=False), nn.BatchNorm2d(b))
        self.stem = block(3, 16, 3, 2, activation=nn.ReLU)
        self.one, self.two, self.three = residual(16, 16, 1), residual(16, 32, 2), residual(32, 64, 2)
        self.last = nn.Conv2d(64, 64, 7, bias=True)
        self.points = nn.Linear(32 + 64 + 64, 2 * 98)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.one(x)
        a = self.two(x)
        b = self.three(a)
        c = F.hardswish(self.last(b))
        parts = [F.avg_pool2d(a, a.shape[-1]), F.adaptive_avg_pool2d(b, 1), F.adaptive_avg_pool2d(c, 1)]
        return self.points(torch.cat([p.view(p.size(0), -1) for p in parts], 1))


@network
def landmarks():
    return settled(Landmarks(), image(3, 64, 64)), image(3, 64, 64)


class Text(nn.Module):
    """A text detector: a pyramid summed from the top, probability and threshold maps by transposed convolution."""

    def __init__(self):
        super().__init__()
        sizes = [16, 24, 40, 64]
        def lite(a, b, stride):
            return nn.Sequential(block(a, a, 3, stride, a, nn.Hardswish), Squeeze(a), block(a, b, 1, activation=nn.Hardswish))
        self.stem = block(3, 16, 3, 2, activation=nn.Hardswish)
        self.levels = nn.ModuleList(lite(a, b, s) for a, b, s in zip([16] + sizes, sizes, (2, 2, 2, 2)))
        self.side = nn.ModuleList(nn.Conv2d(c, 32, 1, bias=False) for c in sizes)
        self.smooth = nn.ModuleList(nn.Conv2d(32, 8, 3, padding=1, bias=False) for _ in sizes)
        def head():
            return nn.Sequential(nn.Conv2d(32, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 1, 2, 2), nn.Sigmoid())
        self.chance, self.limit = head(), head()

    def forward(self, x):
        x = self.stem(x)
        outs = []
        for level, side in zip(self.levels, self.side):
            x = level(x)
            outs.append(side(x))
        for i in (2, 1, 0):
            outs[i] = outs[i] + F.interpolate(outs[i + 1], scale_factor=2.0, mode="nearest")
        maps = [F.interpolate(s(o), size=outs[0].shape[2:], mode="nearest") for s, o in zip(self.smooth, outs)]
        fused = torch.cat(maps[::-1], 1)
        return torch.cat([self.chance(fused), self.limit(fused)], 1)


class Squeeze(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pool, self.a, self.b = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.b(F.relu(self.a(self.pool(x)))))


@network
def text_detector():
    return settled(Text(), image(3, 64, 96)), image(3, 64, 96)


@network
def text_recognizer():
    class Recognizer(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(block(3, 16, 3, 2, activation=nn.ReLU), block(16, 32, 3, (2, 1), activation=nn.ReLU), block(32, 48, 3, (2, 1), activation=nn.ReLU), nn.MaxPool2d((4, 1)))
            self.steps, self.letters = nn.LSTM(48, 24, 2, bidirectional=True, batch_first=True), nn.Linear(48, 37)

        def forward(self, x):
            y = self.features(x).squeeze(2).permute(0, 2, 1)
            return self.letters(self.steps(y)[0]).softmax(2)

    return settled(Recognizer(), image(3, 32, 80)), image(3, 32, 80)


# images in, images out --------------------------------------------------------------------------------------------


@network
def super_resolution():
    class Resolution(nn.Module):
        def __init__(self, factor=3):
            super().__init__()
            self.first = nn.Conv2d(1, 32, 5, padding=2)
            self.blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)) for _ in range(2))
            self.last, self.shuffle = nn.Conv2d(32, factor**2, 3, padding=1), nn.PixelShuffle(factor)

        def forward(self, x):
            y = self.first(x)
            skip = y
            for inner in self.blocks:
                y = y + 0.1 * inner(y)
            up = F.interpolate(x, scale_factor=3.0, mode="bilinear", align_corners=False)
            return self.shuffle(self.last(y + skip)) + up

    return Resolution().eval(), image(1, 20, 24)


@network
def generator():
    class Generator(nn.Module):
        def __init__(self, width=16):
            super().__init__()
            def up(a, b, stride, pad):
                return [nn.ConvTranspose2d(a, b, 4, stride, pad, bias=False), nn.InstanceNorm2d(b, affine=True), nn.ReLU(True)]
            self.main = nn.Sequential(*up(24, 4 * width, 1, 0), *up(4 * width, 2 * width, 2, 1), *up(2 * width, width, 2, 1), nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh())

        def forward(self, z):
            return self.main(z)

    return Generator().eval(), image(24, 1, 1)


@network
def unet():
    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            def double(a, b):
                return nn.Sequential(block(a, b, activation=nn.ReLU), block(b, b, activation=nn.ReLU))
            self.a, self.b, self.c = double(3, 16), double(16, 32), double(32, 64)
            self.up1, self.d1, self.up2, self.d2 = nn.ConvTranspose2d(64, 32, 2, 2), double(64, 32), nn.ConvTranspose2d(32, 16, 2, 2), double(32, 16)
            self.norm, self.last = nn.GroupNorm(4, 16), nn.Conv2d(16, 2, 1)

        def forward(self, x):
            a = self.a(x)
            b = self.b(F.max_pool2d(a, 2))
            c = self.c(F.max_pool2d(b, 2))
            y = self.d1(torch.cat([b, self.up1(c)], 1))
            y = self.d2(torch.cat([a, self.up2(y)], 1))
            return self.last(self.norm(y))

    return settled(UNet(), image(3, 32, 32)), image(3, 32, 32)


# language ---------------------------------------------------------------------------------------------------------


class BertLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, x.size(2) // self.heads).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1)) + mask
        context = torch.matmul(scores.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
        x = self.norm1(x + self.dense(context.view(x.size(0), x.size(1), -1)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, words=100, width=48, heads=4, layers=2, length=32):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(words, width), nn.Embedding(length, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads, 4 * width) for _ in range(layers))
        self.pooler, self.classes = nn.Linear(width, width), nn.Linear(width, 3)
        self.register_buffer("positions", torch.arange(length)[None])

    def forward(self, ids, mask, kinds):
        x = self.words(ids) + self.places(self.positions[:, : ids.size(1)]) + self.kinds(kinds)
        x = self.norm(x)
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x, self.classes(torch.tanh(self.pooler(x[:, 0])))


@network
def bert():
    mask = torch.ones(2, 16, dtype=torch.int64)
    mask[1, 10:] = 0
    return Bert().eval(), (torch.randint(0, 100, (2, 16)), mask, torch.randint(0, 2, (2, 16)))


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in self.attention(self.norm1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, t, c)
        x = x + self.project(y)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


@network
def gpt2():
    class Gpt(nn.Module):
        def __init__(self, words=80, width=48, heads=4, layers=2, length=32):
            super().__init__()
            self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
            self.blocks, self.norm = nn.ModuleList(GptBlock(width, heads) for _ in range(layers)), nn.LayerNorm(width)
            self.head = nn.Linear(width, words, bias=False)
            self.head.weight = self.words.weight

        def forward(self, ids):
            x = self.words(ids) + self.places(torch.arange(ids.size(1), device=ids.device))
            for inner in self.blocks:
                x = inner(x)
            return self.head(self.norm(x))

    return Gpt().eval(), (torch.randint(0, 80, (2, 12)),)


@network
def torch_encoder():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu", norm_first=True)
            self.embed, self.inner, self.last = nn.Linear(10, 32), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(32, 5)

        def forward(self, x):
            return self.last(self.inner(self.embed(x)).mean(1))

    return Encoder().eval(), image(9, 10)


def recurrent(kind):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(50, 20)
            self.inner, self.last = kind(20, 16, 2, bidirectional=True, batch_first=True), nn.Linear(32, 4)

        def forward(self, ids):
            y, _ = self.inner(self.words(ids))
            return self.last(y[:, -1])

    return Classifier().eval(), (torch.randint(0, 50, (2, 11)),)


@network
def lstm():
    return recurrent(nn.LSTM)


@network
def gru():
    return recurrent(nn.GRU)


@network
def tcn():
    class Tcn(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Conv1d(a, 24, 3, dilation=d), nn.BatchNorm1d(24), nn.ReLU()) for a, d in ((8, 1), (24, 2), (24, 4)))
            self.last = nn.Linear(24, 3)

        def forward(self, x):
            for i, layer in enumerate(self.layers):
                y = layer(F.pad(x, (2 * 2**i, 0)))
                x = y + x if x.shape[1] == y.shape[1] else y
            return self.last(x.amax(2))

    return settled(Tcn(), image(8, 30)), image(8, 30)


@network
def voice_activity():
    class Voice(nn.Module):
        """The spectrum by an STFT, or as exported before it could be, by convolution with its basis; then an LSTM."""

        def __init__(self, frame=64, step=32):
            super().__init__()
            self.step = step
            self.register_buffer("window", torch.hann_window(frame))
            self.encode = nn.Sequential(nn.Conv1d(frame // 2 + 1, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, 24, 3, 2, 1), nn.ReLU())
            self.inner, self.last = nn.LSTM(24, 16, batch_first=True), nn.Conv1d(16, 1, 1)

        def forward(self, x):
            spectrum = torch.stft(F.pad(x[:, None], (16, 16), mode="reflect")[:, 0], 64, self.step, window=self.window, center=False, return_complex=not STFT_REAL)
            if not STFT_REAL:
                spectrum = torch.view_as_real(spectrum)
            y = self.encode(torch.log1p(spectrum.pow(2).sum(-1).sqrt()))
            y, _ = self.inner(y.transpose(1, 2))
            return torch.sigmoid(self.last(torch.relu(y).transpose(1, 2))).mean(2)

    voice = Voice().eval()
    # Larger than PyTorch draws them, so that the chances differ between sounds and are not all a half.
    for part in (voice.inner, voice.last):
        for weight in part.parameters():
            nn.init.normal_(weight, std=1.0)
    return voice, image(512)


# The TorchScript-style exporter knows no complex numbers.
STFT_REAL = False
