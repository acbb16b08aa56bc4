"""More networks for exports.py, written as people write them who have not seen Pare: their idioms, not ours.

Entries are as in networks.py. Widths are small; what matters is how channels and sizes travel.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from networks import Squeeze, block, image, network, settled

# faces, detection ------------------------------------------------------------------------------------------------


@network
def pfld():
    """Landmarks: depthwise pairs with PReLU, a deep and a shallow branch joined before one linear layer."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            def pair(a, b, stride):
                return nn.Sequential(nn.Conv2d(a, a, 3, stride, 1, groups=a, bias=False), nn.BatchNorm2d(a), nn.PReLU(a), nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b), nn.PReLU())
            self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.PReLU(16))
            self.a, self.b, self.c = pair(16, 32, 1), pair(32, 32, 2), pair(32, 64, 2)
            self.end = nn.Conv2d(64, 48, (7, 7))
            self.points = nn.Linear(32 * 4 + 64 + 48, 2 * 68)

        def forward(self, x):
            y = self.a(self.stem(x))
            shallow = self.b(y)
            deep = self.c(shallow)
            parts = [F.adaptive_avg_pool2d(shallow, 2).flatten(1), deep.mean([2, 3]), self.end(deep).view(x.shape[0], -1)]
            return self.points(torch.cat(parts, dim=1)).reshape(-1, 68, 2)

    return settled(Net(), image(3, 56, 56)), image(3, 56, 56)


@network
def retinaface():
    """A feature pyramid, context modules, and heads of three kinds, each an output of its own."""

    class Context(nn.Module):
        def __init__(self, width):
            super().__init__()
            def conv(a, b, slope):
                return nn.Sequential(nn.Conv2d(a, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(slope) if slope is not None else nn.Identity())
            self.a, self.b, self.c, self.d, self.e = conv(width, width // 2, None), conv(width, width // 4, 0.1), conv(width // 4, width // 4, None), conv(width // 4, width // 4, 0.1), conv(width // 4, width // 4, None)

        def forward(self, x):
            b = self.b(x)
            return F.relu(torch.cat([self.a(x), self.c(b), self.e(self.d(b))], 1))

    class Net(nn.Module):
        def __init__(self, width=32, anchors=2):
            super().__init__()
            def depthwise(a, b, stride):
                return nn.Sequential(block(a, a, 3, stride, a, lambda: nn.LeakyReLU(0.1)), block(a, b, 1, activation=lambda: nn.LeakyReLU(0.1)))
            self.stem = nn.Sequential(block(3, 16, 3, 2, activation=nn.ReLU), depthwise(16, 24, 1))
            self.stages = nn.ModuleList([depthwise(24, 32, 2), depthwise(32, 64, 2), depthwise(64, 96, 2)])
            self.sides = nn.ModuleList(block(c, width, 1, activation=lambda: nn.LeakyReLU(0)) for c in (32, 64, 96))
            self.merge = nn.ModuleList(block(width, width, activation=nn.ReLU) for _ in range(2))
            self.context = nn.ModuleList(Context(width) for _ in range(3))
            self.heads = nn.ModuleList(nn.ModuleList(nn.Conv2d(width, anchors * n, 1) for _ in range(3)) for n in (2, 4, 10))

        def forward(self, x):
            y, levels = self.stem(x), []
            for stage, side in zip(self.stages, self.sides):
                y = stage(y)
                levels.append(side(y))
            for i in (1, 0):
                levels[i] = self.merge[i](levels[i] + F.interpolate(levels[i + 1], size=[levels[i].size(2), levels[i].size(3)], mode="nearest"))
            levels = [c(l) for c, l in zip(self.context, levels)]
            outs = []
            for head, size in zip(self.heads, (2, 4, 10)):
                outs.append(torch.cat([h(l).permute(0, 2, 3, 1).contiguous().view(l.shape[0], -1, size) for h, l in zip(head, levels)], dim=1))
            return F.softmax(outs[0], dim=-1), outs[1], outs[2]

    return settled(Net(), image(3, 64, 64)), image(3, 64, 64)


@network
def yolov5():
    """C3 blocks, fast pyramid pooling, anchors by a five-dimensional view, a grid added to the boxes."""

    class Bottleneck(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.a, self.b = block(c, c, 1), block(c, c)

        def forward(self, x):
            return x + self.b(self.a(x))

    class C3(nn.Module):
        def __init__(self, a, b, n=1):
            super().__init__()
            self.cv1, self.cv2, self.cv3 = block(a, b // 2, 1), block(a, b // 2, 1), block(b, b, 1)
            self.m = nn.Sequential(*(Bottleneck(b // 2) for _ in range(n)))

        def forward(self, x):
            return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))

    class Net(nn.Module):
        def __init__(self, classes=3, anchors=3):
            super().__init__()
            self.no, self.na = classes + 5, anchors
            self.stem, self.a, self.b = nn.Sequential(nn.Conv2d(3, 16, 6, 2, 2, bias=False), nn.BatchNorm2d(16), nn.SiLU()), nn.Sequential(block(16, 32, 3, 2), C3(32, 32)), nn.Sequential(block(32, 64, 3, 2), C3(64, 64, 2))
            self.cv1, self.cv2, self.pool = block(64, 32, 1), block(128, 64, 1), nn.MaxPool2d(5, 1, 2)
            self.up = C3(96, 32)
            self.detect = nn.ModuleList(nn.Conv2d(c, self.no * anchors, 1) for c in (32, 64))
            self.register_buffer("anchors", torch.rand(2, anchors, 2) * 8 + 1)

        def forward(self, x):
            a = self.a(self.stem(x))
            b = self.cv1(self.b(a))
            p = self.pool(b)
            q = self.pool(p)
            b = self.cv2(torch.cat((b, p, q, self.pool(q)), 1))
            a = self.up(torch.cat((F.interpolate(b, scale_factor=2, mode="nearest"), a), 1))
            rows = []
            for i, y in enumerate((a, b)):
                y = self.detect[i](y)
                n, _, h, w = y.shape
                y = y.view(n, self.na, self.no, h, w).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
                gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
                grid = torch.stack((gx, gy), 2).float().expand(1, self.na, h, w, 2) - 0.5
                xy, wh, rest = y.split((2, 2, self.no - 4), 4)
                xy, wh = (xy * 2 + grid) * 8, (wh * 2) ** 2 * self.anchors[i].view(1, self.na, 1, 1, 2)
                rows.append(torch.cat((xy, wh, rest), 4).view(n, self.na * h * w, self.no))
            return torch.cat(rows, 1)

    return settled(Net(), image(3, 64, 64)), image(3, 64, 64)


@network
def yolov8():
    """Bins decoded by a convolution of one channel, boxes from anchor points, half of the stride added."""

    class C2f(nn.Module):
        def __init__(self, a, b, n=1):
            super().__init__()
            self.c = b // 2
            self.cv1, self.cv2 = block(a, b, 1), block((2 + n) * self.c, b, 1)
            self.m = nn.ModuleList(nn.Sequential(block(self.c, self.c), block(self.c, self.c)) for _ in range(n))

        def forward(self, x):
            y = list(self.cv1(x).split((self.c, self.c), 1))
            for m in self.m:
                y.append(y[-1] + m(y[-1]))
            return self.cv2(torch.cat(y, 1))

    class Net(nn.Module):
        def __init__(self, classes=5, bins=16):
            super().__init__()
            self.bins, self.nc = bins, classes
            self.stem = nn.Sequential(block(3, 16, 3, 2), block(16, 32, 3, 2), C2f(32, 32))
            self.down = nn.Sequential(block(32, 64, 3, 2), C2f(64, 64, 2))
            self.cv2 = nn.ModuleList(nn.Sequential(block(c, 32), block(32, 32), nn.Conv2d(32, 4 * bins, 1)) for c in (32, 64))
            self.cv3 = nn.ModuleList(nn.Sequential(block(c, c, 3, 1, c), block(c, 32, 1), nn.Conv2d(32, classes, 1)) for c in (32, 64))
            self.dfl = nn.Conv2d(bins, 1, 1, bias=False).requires_grad_(False)
            self.dfl.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)
            points = [torch.stack(torch.meshgrid(torch.arange(n) + 0.5, torch.arange(n) + 0.5, indexing="xy"), -1).view(-1, 2) for n in (16, 8)]
            self.register_buffer("points", torch.cat(points).t().unsqueeze(0))
            self.register_buffer("strides", torch.cat([torch.full((256,), 4.0), torch.full((64,), 8.0)])[None])

        def forward(self, x):
            a = self.stem(x)
            b = self.down(a)
            y = [torch.cat((self.cv2[i](v), self.cv3[i](v)), 1) for i, v in enumerate((a, b))]
            box, cls = torch.cat([v.view(v.shape[0], 4 * self.bins + self.nc, -1) for v in y], 2).split((4 * self.bins, self.nc), 1)
            n, _, k = box.shape
            sides = self.dfl(box.view(n, 4, self.bins, k).transpose(2, 1).softmax(1)).view(n, 4, k)
            lt, rb = sides.chunk(2, 1)
            lo, hi = self.points - lt, self.points + rb
            return torch.cat((torch.cat(((lo + hi) / 2, hi - lo), 1) * self.strides, cls.sigmoid()), 1)

    return settled(Net(), image(3, 64, 64)), image(3, 64, 64)


@network
def centernet():
    """An hourglass-like trunk by transposed convolutions without overlap, peaks by max pooling and equality."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Sequential(block(3, 16, 3, 2, activation=nn.ReLU), block(16, 32, 3, 2, activation=nn.ReLU), block(32, 64, 3, 2, activation=nn.ReLU))
            self.up = nn.Sequential(nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1, groups=32, bias=False))
            def head(n):
                return nn.Sequential(nn.Conv2d(32, 24, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(24, n, 1))
            self.heat, self.size = head(3), head(2)

        def forward(self, x):
            y = self.up(self.down(x))
            heat = self.heat(y).sigmoid()
            peaks = (F.max_pool2d(heat, 3, 1, 1) == heat).float()
            return heat * peaks, self.size(y)

    return settled(Net(), image(3, 64, 64)), image(3, 64, 64)


# text ------------------------------------------------------------------------------------------------------------


@network
def crnn():
    """Text recognition as it was first published: time first, two bidirectional LSTMs with linear layers between them."""

    class Bidirectional(nn.Module):
        def __init__(self, a, hidden, b):
            super().__init__()
            self.rnn, self.embedding = nn.LSTM(a, hidden, bidirectional=True), nn.Linear(hidden * 2, b)

        def forward(self, x):
            y, _ = self.rnn(x)
            t, n, c = y.size()
            return self.embedding(y.view(t * n, c)).view(t, n, -1)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = nn.Sequential(
                nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(True), nn.MaxPool2d(2, 2), nn.Conv2d(16, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(True),
                nn.MaxPool2d((2, 2), (2, 1), (0, 1)), nn.Conv2d(32, 48, 3, 1, 1), nn.ReLU(True), nn.MaxPool2d((2, 2), (2, 1), (0, 1)), nn.Conv2d(48, 48, (4, 2)), nn.ReLU(True))
            self.rnn = nn.Sequential(Bidirectional(48, 24, 24), Bidirectional(24, 24, 20))

        def forward(self, x):
            y = self.cnn(x).squeeze(2).permute(2, 0, 1)
            return F.log_softmax(self.rnn(y), dim=2).permute(1, 0, 2)

    return settled(Net(), image(1, 32, 64)), image(1, 32, 64)


@network
def dbnet():
    """Text detection: a residual trunk, a pyramid upsampled to one size, the step function of two maps."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            def stage(a, b):
                return nn.Sequential(block(a, b, 3, 2, activation=nn.ReLU), block(b, b, activation=nn.ReLU))
            self.stages = nn.ModuleList([stage(3, 16), stage(16, 24), stage(24, 32)])
            self.sides, self.outs = nn.ModuleList(nn.Conv2d(c, 24, 1) for c in (16, 24, 32)), nn.ModuleList(nn.Conv2d(24, 8, 3, padding=1) for _ in range(3))
            def head():
                return nn.Sequential(block(24, 8, activation=nn.ReLU), nn.ConvTranspose2d(8, 8, 2, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid())
            self.p, self.t = head(), head()

        def forward(self, x):
            levels = []
            for stage in self.stages:
                x = stage(x)
                levels.append(x)
            levels = [s(l) for s, l in zip(self.sides, levels)]
            for i in (1, 0):
                levels[i] = levels[i] + F.interpolate(levels[i + 1], size=levels[i].shape[2:], mode="bilinear", align_corners=True)
            fuse = torch.cat([F.interpolate(o(l), size=levels[0].shape[2:], mode="bilinear", align_corners=False) for o, l in zip(self.outs, levels)], 1)
            p, t = self.p(fuse), self.t(fuse)
            return torch.cat([p, t, torch.reciprocal(1 + torch.exp(-50 * (p - t)))], 1)

    return settled(Net(), image(3, 64, 64)), image(3, 64, 64)


# images in, images out --------------------------------------------------------------------------------------------


@network
def espcn():
    class Net(nn.Module):
        def __init__(self, scale=2):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.Tanh(), nn.Conv2d(32, 24, 3, padding=1), nn.Tanh(), nn.Conv2d(24, scale**2, 3, padding=1), nn.PixelShuffle(scale))

        def forward(self, x):
            return torch.clamp_(self.body(x), 0.0, 1.0)

    return Net().eval(), image(1, 17, 23)


@network
def edsr():
    """Mean shifts as fixed 1x1 convolutions, scaled residuals, two stages of pixel shuffle with channels between them."""

    class Net(nn.Module):
        def __init__(self, width=24):
            super().__init__()
            self.sub, self.add = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
            for part, sign in ((self.sub, -1), (self.add, 1)):
                part.weight.data = torch.eye(3).view(3, 3, 1, 1)
                part.bias.data = sign * torch.tensor([0.45, 0.44, 0.40])
            self.head = nn.Conv2d(3, width, 3, padding=1)
            self.body = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(True), nn.Conv2d(width, width, 3, padding=1)) for _ in range(3))
            self.end = nn.Conv2d(width, width, 3, padding=1)
            self.tail = nn.Sequential(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(width, 3, 3, padding=1))

        def forward(self, x):
            x = self.head(self.sub(x))
            y = x
            for part in self.body:
                y = part(y).mul(0.1) + y
            return self.add(self.tail(self.end(y) + x))

    return Net().eval(), image(3, 12, 14)


@network
def rrdb():
    """Dense blocks in residual blocks, upsampled by nearest neighbours."""

    class Dense(nn.Module):
        def __init__(self, width, grow):
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(width + i * grow, grow if i < 4 else width, 3, 1, 1) for i in range(5))

        def forward(self, x):
            parts = [x]
            for i, conv in enumerate(self.convs):
                y = conv(torch.cat(parts, 1))
                if i < 4:
                    parts.append(F.leaky_relu(y, 0.2, inplace=True))
            return y * 0.2 + x

    class Net(nn.Module):
        def __init__(self, width=16, grow=8):
            super().__init__()
            self.first, self.trunk, self.after = nn.Conv2d(3, width, 3, 1, 1), nn.ModuleList(nn.Sequential(*(Dense(width, grow) for _ in range(3))) for _ in range(2)), nn.Conv2d(width, width, 3, 1, 1)
            self.up, self.hr, self.last = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, 3, 3, 1, 1)

        def forward(self, x):
            y = self.first(x)
            z = y
            for part in self.trunk:
                z = part(z) * 0.2 + z
            y = y + self.after(z)
            y = F.leaky_relu(self.up(F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
            return self.last(F.leaky_relu(self.hr(y), 0.2))

    return Net().eval(), image(3, 10, 12)


@network
def unet_bilinear():
    """Upsampled bilinearly with aligned corners, padded to the size of what is joined."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            def double(a, b, mid=None):
                mid = mid or b
                return nn.Sequential(block(a, mid, activation=nn.ReLU), block(mid, b, activation=nn.ReLU))
            self.inc, self.d1, self.d2 = double(1, 16), double(16, 32), double(32, 32)
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.u1, self.u2, self.out = double(64, 16, 32), double(32, 16, 16), nn.Conv2d(16, 3, 1)

        def forward(self, x):
            a = self.inc(x)
            b = self.d1(F.max_pool2d(a, 2))
            c = self.d2(F.max_pool2d(b, 2))
            y = c
            for skip, conv in ((b, self.u1), (a, self.u2)):
                y = self.up(y)
                dy, dx = skip.size(2) - y.size(2), skip.size(3) - y.size(3)
                y = F.pad(y, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
                y = conv(torch.cat([skip, y], dim=1))
            return self.out(y)

    return settled(Net(), image(1, 37, 45)), image(1, 37, 45)


@network
def style_transfer():
    """Reflection padding, instance normalisation, upsampling before convolution."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            def conv(a, b, k, s):
                return nn.Sequential(nn.ReflectionPad2d(k // 2), nn.Conv2d(a, b, k, s))
            self.c1, self.c2, self.c3 = conv(3, 16, 9, 1), conv(16, 32, 3, 2), conv(32, 32, 3, 2)
            self.n = nn.ModuleList(nn.InstanceNorm2d(c, affine=True) for c in (16, 32, 32, 32, 32, 32, 16))
            self.r1, self.r2 = conv(32, 32, 3, 1), conv(32, 32, 3, 1)
            self.u1, self.u2, self.out = conv(32, 32, 3, 1), conv(32, 16, 3, 1), conv(16, 3, 9, 1)

        def forward(self, x):
            y = F.relu(self.n[0](self.c1(x)))
            y = F.relu(self.n[1](self.c2(y)))
            y = F.relu(self.n[2](self.c3(y)))
            y = self.n[4](self.r2(F.relu(self.n[3](self.r1(y))))) + y
            y = F.relu(self.n[5](self.u1(F.interpolate(y, scale_factor=2.0, mode="nearest"))))
            y = F.relu(self.n[6](self.u2(F.interpolate(y, scale_factor=2.0, mode="nearest"))))
            return self.out(y)

    return Net().eval(), image(3, 32, 36)


@network
def discriminator():
    """Spectral normalisation, as the parametrization computes it in the graph."""
    sn = parametrizations.spectral_norm
    body = nn.Sequential(
        sn(nn.Conv2d(3, 16, 4, 2, 1)), nn.LeakyReLU(0.2), sn(nn.Conv2d(16, 32, 4, 2, 1)), nn.InstanceNorm2d(32), nn.LeakyReLU(0.2), sn(nn.Conv2d(32, 1, 4, 1, 1)))
    return body.eval(), image(3, 32, 32)


# classification ----------------------------------------------------------------------------------------------------


@network
def ghostnet():
    """Half of the channels made by cheap depthwise convolutions, then cut to the number wanted."""

    class Ghost(nn.Module):
        def __init__(self, a, b, relu=True):
            super().__init__()
            self.b, half = b, math.ceil(b / 2)
            self.main = nn.Sequential(nn.Conv2d(a, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU() if relu else nn.Sequential())
            self.cheap = nn.Sequential(nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False), nn.BatchNorm2d(half), nn.ReLU() if relu else nn.Sequential())

        def forward(self, x):
            y = self.main(x)
            return torch.cat([y, self.cheap(y)], dim=1)[:, : self.b, :, :]

    class Bottleneck(nn.Module):
        def __init__(self, a, mid, b, stride):
            super().__init__()
            self.a, self.b, self.se = Ghost(a, mid), Ghost(mid, b, False), Squeeze(mid)
            self.down = nn.Sequential(nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False), nn.BatchNorm2d(mid)) if stride > 1 else nn.Sequential()
            self.short = nn.Sequential() if a == b and stride == 1 else nn.Sequential(nn.Conv2d(a, a, 3, stride, 1, groups=a, bias=False), nn.BatchNorm2d(a), nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            return self.b(self.se(self.down(self.a(x)))) + self.short(x)

    body = nn.Sequential(block(3, 16, 3, 2, activation=nn.ReLU), Bottleneck(16, 24, 16, 1), Bottleneck(16, 33, 25, 2), nn.AdaptiveAvgPool2d(1), nn.Conv2d(25, 40, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(40, 7))
    return settled(body, image(3, 32, 32)), image(3, 32, 32)


@network
def hrnet():
    """Branches of three resolutions, each the sum of all."""

    class Net(nn.Module):
        def __init__(self, widths=(16, 24, 32)):
            super().__init__()
            self.stem = nn.Sequential(block(3, 16, 3, 2, activation=nn.ReLU))
            self.make = nn.ModuleList([block(16, widths[0], activation=nn.ReLU), block(widths[0], widths[1], 3, 2, activation=nn.ReLU), block(widths[1], widths[2], 3, 2, activation=nn.ReLU)])
            self.inner = nn.ModuleList(block(c, c, activation=nn.ReLU) for c in widths)
            self.fuse = nn.ModuleList()
            for i, b in enumerate(widths):
                row = nn.ModuleList()
                for j, a in enumerate(widths):
                    if j == i:
                        row.append(nn.Identity())
                    elif j > i:
                        row.append(nn.Sequential(nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b), nn.Upsample(scale_factor=2 ** (j - i), mode="nearest")))
                    else:
                        row.append(nn.Sequential(*(m for k in range(i - j) for m in (nn.Conv2d(a, b if k == i - j - 1 else a, 3, 2, 1, bias=False), nn.BatchNorm2d(b if k == i - j - 1 else a)))))
                self.fuse.append(row)
            self.last = nn.Conv2d(sum(widths), 5, 1)

        def forward(self, x):
            ys = []
            y = self.stem(x)
            for make, inner in zip(self.make, self.inner):
                y = make(y)
                ys.append(inner(y))
            outs = []
            for row in self.fuse:
                total = row[0](ys[0])
                for j in range(1, len(ys)):
                    total = total + row[j](ys[j])
                outs.append(F.relu(total))
            h, w = outs[0].shape[-2:]
            return self.last(torch.cat([outs[0]] + [F.interpolate(o, size=(h, w), mode="bilinear", align_corners=False) for o in outs[1:]], 1))

    return settled(Net(), image(3, 48, 48)), image(3, 48, 48)


@network
def cbam():
    """A residual network with squeeze-and-excitation by linear layers, and attention over channels and places."""

    class SE(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.fc = nn.Sequential(nn.Linear(c, c // 4, bias=False), nn.ReLU(inplace=True), nn.Linear(c // 4, c, bias=False), nn.Sigmoid())

        def forward(self, x):
            b, c, _, _ = x.size()
            return x * self.fc(F.adaptive_avg_pool2d(x, 1).view(b, c)).view(b, c, 1, 1).expand_as(x)

    class CBAM(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.mlp = nn.Sequential(nn.Conv2d(c, c // 4, 1, bias=False), nn.ReLU(), nn.Conv2d(c // 4, c, 1, bias=False))
            self.place = nn.Conv2d(2, 1, 7, padding=3, bias=False)

        def forward(self, x):
            x = x * torch.sigmoid(self.mlp(F.adaptive_avg_pool2d(x, 1)) + self.mlp(F.adaptive_max_pool2d(x, 1)))
            mean, top = torch.mean(x, dim=1, keepdim=True), torch.max(x, dim=1, keepdim=True)[0]
            return x * torch.sigmoid(self.place(torch.cat([mean, top], dim=1)))

    class Residual(nn.Module):
        def __init__(self, a, b, extra):
            super().__init__()
            self.body, self.extra = nn.Sequential(block(a, b, 3, 2, activation=nn.ReLU), nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b)), extra
            self.short = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False), nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            return F.relu(self.extra(self.body(x)) + self.short(x))

    body = nn.Sequential(block(3, 16, activation=nn.ReLU), Residual(16, 32, SE(32)), Residual(32, 48, CBAM(48)), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(48, 6))
    return settled(body, image(3, 30, 30)), image(3, 30, 30)


@network
def mixer():
    class Mixer(nn.Module):
        def __init__(self, places, width):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.t = nn.Sequential(nn.Linear(places, 20), nn.GELU(), nn.Linear(20, places))
            self.c = nn.Sequential(nn.Linear(width, 48), nn.GELU(), nn.Dropout(0.1), nn.Linear(48, width))

        def forward(self, x):
            x = x + self.t(self.n1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.c(self.n2(x))

    class Net(nn.Module):
        def __init__(self, width=32):
            super().__init__()
            self.patch, self.blocks, self.norm, self.head = nn.Conv2d(3, width, 8, 8), nn.Sequential(*(Mixer(16, width) for _ in range(2))), nn.LayerNorm(width), nn.Linear(width, 5)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            return self.head(self.norm(self.blocks(x)).mean(dim=1))

    return Net().eval(), image(3, 32, 32)


@network
def convnext_v2():
    """Channels last, global response normalisation, layer normalisation of channels first by hand."""

    class Norm(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

        def forward(self, x):
            u = x.mean(1, keepdim=True)
            s = (x - u).pow(2).mean(1, keepdim=True)
            return self.weight[:, None, None] * ((x - u) / torch.sqrt(s + 1e-6)) + self.bias[:, None, None]

    class Block(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.dw, self.norm, self.a, self.b = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6), nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
            self.gamma, self.beta = nn.Parameter(torch.rand(1, 1, 1, 4 * c)), nn.Parameter(torch.rand(1, 1, 1, 4 * c))

        def forward(self, x):
            y = F.gelu(self.a(self.norm(self.dw(x).permute(0, 2, 3, 1))))
            g = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
            y = self.gamma * (y * (g / (g.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + y
            return x + self.b(y).permute(0, 3, 1, 2)

    body = nn.Sequential(nn.Conv2d(3, 24, 4, 4), Norm(24), Block(24), Norm(24), nn.Conv2d(24, 32, 2, 2), Block(32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(32), nn.Linear(32, 5))
    return body.eval(), image(3, 32, 32)


class Attention(nn.Module):
    """Packed queries, keys and values, as timm has it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, bias=None):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * self.scale) @ k.transpose(-2, -1)
        if bias is not None:
            scores = scores + bias
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


@network
def mobilevit():
    """Patches unfolded into the batch, a transformer over each, folded back."""

    class Net(nn.Module):
        def __init__(self, c=32, width=24, patch=2):
            super().__init__()
            self.patch = patch
            self.stem = nn.Sequential(block(3, 16, 3, 2), block(16, c, 3, 2))
            self.local, self.up = nn.Sequential(block(c, c), nn.Conv2d(c, width, 1, bias=False)), block(width, c, 1)
            self.n1, self.att, self.n2 = nn.LayerNorm(width), Attention(width, 4), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 40), nn.SiLU(), nn.Linear(40, width))
            self.fuse, self.head = block(2 * c, c), nn.Linear(c, 5)

        def forward(self, x):
            x = self.stem(x)
            y = self.local(x)
            p = self.patch
            b, c, h, w = y.shape
            y = y.reshape(b * c * (h // p), p, w // p, p).transpose(1, 2).reshape(b, c, (h // p) * (w // p), p * p).transpose(1, 3).reshape(b * p * p, -1, c)
            y = y + self.att(self.n1(y))
            y = y + self.mlp(self.n2(y))
            y = y.contiguous().view(b, p * p, -1, c).transpose(1, 3).reshape(b * c * (h // p), w // p, p, p).transpose(1, 2).reshape(b, c, h, w)
            y = self.fuse(torch.cat((x, self.up(y)), dim=1))
            return self.head(y.mean((2, 3)))

    return settled(Net(), image(3, 32, 32)), image(3, 32, 32)


@network
def coatnet():
    """Inverted residuals, then attention over places with a bias by relative position."""

    class Net(nn.Module):
        def __init__(self, c=32, heads=4, size=4):
            super().__init__()
            self.heads = heads
            self.stem = block(3, 16, 3, 2, activation=nn.GELU)
            self.conv = nn.Sequential(nn.BatchNorm2d(16), nn.Conv2d(16, 48, 1, bias=False), nn.BatchNorm2d(48), nn.GELU(), nn.Conv2d(48, 48, 3, 2, 1, groups=48, bias=False), nn.BatchNorm2d(48), nn.GELU(), Squeeze(48), nn.Conv2d(48, c, 1, bias=False))
            self.pool = nn.MaxPool2d(2)
            self.norm, self.att, self.mlp = nn.LayerNorm(c), Attention(c, heads), nn.Sequential(nn.LayerNorm(c), nn.Linear(c, 64), nn.GELU(), nn.Linear(64, c))
            self.table = nn.Parameter(torch.randn((2 * size - 1) ** 2, heads) * 0.1)
            places = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
            relative = places[:, :, None] - places[:, None] + size - 1
            self.register_buffer("index", relative[0] * (2 * size - 1) + relative[1])
            self.head = nn.Linear(c, 5)

        def forward(self, x):
            x = self.pool(self.conv(self.stem(x)))
            b, c, h, w = x.shape
            y = x.flatten(2).transpose(1, 2)
            n = h * w
            bias = self.table[self.index.view(-1)].view(n, n, self.heads).permute(2, 0, 1).unsqueeze(0)
            y = y + self.att(self.norm(y), bias)
            y = y + self.mlp(y)
            return self.head(F.adaptive_avg_pool2d(y.transpose(1, 2).reshape(b, c, h, w), 1).squeeze(-1).squeeze(-1))

    return settled(Net(), image(3, 32, 32)), image(3, 32, 32)


@network
def pointnet():
    """One-dimensional convolutions over points, a learned transform of the input, the largest over all points."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            def conv(a, b):
                return nn.Sequential(nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU())
            self.t, self.tf = nn.Sequential(conv(3, 16), conv(16, 32)), nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 9))
            self.a, self.b = conv(3, 24), nn.Sequential(conv(24, 32), nn.Conv1d(32, 48, 1), nn.BatchNorm1d(48))
            self.seg, self.head = nn.Sequential(conv(72, 24), nn.Conv1d(24, 4, 1)), nn.Sequential(nn.Linear(48, 20), nn.ReLU(), nn.Linear(20, 6))

        def forward(self, x):
            n = x.size(2)
            t = torch.max(self.t(x), 2, keepdim=True)[0].view(-1, 32)
            m = (self.tf(t) + torch.eye(3).flatten()).view(-1, 3, 3)
            y = self.a(torch.bmm(x.transpose(2, 1), m).transpose(2, 1))
            g = torch.max(self.b(y), 2)[0]
            return self.head(g), self.seg(torch.cat([g.view(-1, 48, 1).repeat(1, 1, n), y], 1)).transpose(2, 1)

    return settled(Net(), image(3, 40, batch=4)), image(3, 40)


# language ----------------------------------------------------------------------------------------------------------


@network
def t5_encoder():
    """Root-mean-square norms, no biases, positions in buckets of relative distance, gated GELU."""

    class Norm(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(c) + 0.5)

        def forward(self, x):
            return self.weight * (x * torch.rsqrt(x.to(torch.float32).pow(2).mean(-1, keepdim=True) + 1e-6))

    class Layer(nn.Module):
        def __init__(self, width, heads, depth, inner):
            super().__init__()
            self.h, self.d = heads, depth
            self.q, self.k, self.v, self.o = nn.Linear(width, heads * depth, bias=False), nn.Linear(width, heads * depth, bias=False), nn.Linear(width, heads * depth, bias=False), nn.Linear(heads * depth, width, bias=False)
            self.n1, self.n2, self.wi0, self.wi1, self.wo = Norm(width), Norm(width), nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False)

        def forward(self, x, bias):
            y = self.n1(x)
            b = y.shape[0]
            q, k, v = (p(y).view(b, -1, self.h, self.d).transpose(1, 2) for p in (self.q, self.k, self.v))
            scores = torch.matmul(q, k.transpose(3, 2)) + bias
            y = torch.matmul(F.softmax(scores.float(), dim=-1).type_as(scores), v).transpose(1, 2).contiguous().view(b, -1, self.h * self.d)
            x = x + self.o(y)
            y = self.n2(x)
            return x + self.wo(F.gelu(self.wi0(y), approximate="tanh") * self.wi1(y))

    class Net(nn.Module):
        def __init__(self, words=60, width=32, heads=4, depth=6, buckets=8):
            super().__init__()
            self.words, self.bias = nn.Embedding(words, width), nn.Embedding(buckets, heads)
            self.layers, self.norm, self.buckets = nn.ModuleList(Layer(width, heads, depth, 40) for _ in range(2)), Norm(width), buckets

        def forward(self, ids, mask):
            t = ids.shape[1]
            context, memory = torch.arange(t)[:, None], torch.arange(t)[None, :]
            distance = memory - context
            half = self.buckets // 2
            side = (distance > 0).to(torch.long) * half
            near = distance.abs()
            far = 2 + (torch.log(near.float() / 2 + 1e-6) / math.log(8) * (half - 2)).to(torch.long)
            far = torch.min(far, torch.full_like(far, half - 1))
            bias = self.bias(side + torch.where(near < 2, near, far)).permute([2, 0, 1]).unsqueeze(0)
            bias = bias + (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
            x = self.words(ids)
            for layer in self.layers:
                x = layer(x, bias)
            return self.norm(x)

    mask = torch.ones(2, 9, dtype=torch.int64)
    mask[1, 6:] = 0
    return Net().eval(), (torch.randint(0, 60, (2, 9)), mask)


@network
def distilgpt():
    """Convolutions of size one as linear layers, a buffer of the causal mask, tied embeddings, the last token's logits too."""

    class Conv1D(nn.Module):
        def __init__(self, b, a):
            super().__init__()
            self.b, self.weight, self.bias = b, nn.Parameter(torch.randn(a, b) * 0.1), nn.Parameter(torch.zeros(b))

        def forward(self, x):
            return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(x.size()[:-1] + (self.b,))

    class Block(nn.Module):
        def __init__(self, width, heads, length):
            super().__init__()
            self.h, self.width = heads, width
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.c_attn, self.c_proj, self.c_fc, self.m_proj = Conv1D(3 * width, width), Conv1D(width, width), Conv1D(4 * width, width), Conv1D(width, 4 * width)
            self.register_buffer("bias", torch.tril(torch.ones((length, length), dtype=torch.bool)).view(1, 1, length, length), persistent=False)

        def split(self, x):
            return x.view(x.size()[:-1] + (self.h, self.width // self.h)).permute(0, 2, 1, 3)

        def forward(self, x):
            q, k, v = (self.split(y) for y in self.c_attn(self.ln_1(x)).split(self.width, dim=2))
            w = torch.matmul(q, k.transpose(-1, -2)) / torch.full([], v.size(-1) ** 0.5)
            n = w.size(-1)
            w = torch.where(self.bias[:, :, :n, :n], w, torch.full([], torch.finfo(w.dtype).min))
            y = torch.matmul(w.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
            x = x + self.c_proj(y.view(y.size()[:-2] + (self.width,)))
            y = self.c_fc(self.ln_2(x))
            y = 0.5 * y * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (y + 0.044715 * torch.pow(y, 3.0))))
            return x + self.m_proj(y)

    class Net(nn.Module):
        def __init__(self, words=70, width=32, length=24):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(length, width)
            self.h, self.ln_f, self.lm_head = nn.ModuleList(Block(width, 4, length) for _ in range(2)), nn.LayerNorm(width), nn.Linear(width, words, bias=False)
            self.lm_head.weight = self.wte.weight

        def forward(self, ids):
            place = torch.arange(0, ids.size(-1), dtype=torch.long).unsqueeze(0).view(-1, ids.size(-1))
            x = self.wte(ids) + self.wpe(place)
            for h in self.h:
                x = h(x)
            logits = self.lm_head(self.ln_f(x))
            return logits, logits[:, -1, :].log_softmax(-1)

    return Net().eval(), (torch.randint(0, 70, (2, 10)),)


@network
def llama():
    """Rotary positions, grouped queries repeated for their heads, gated SiLU."""

    class Norm(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(c) + 0.5)

        def forward(self, x):
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))

    def half(x):
        a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
        return torch.cat((-b, a), dim=-1)

    class Layer(nn.Module):
        def __init__(self, width, heads, groups, inner):
            super().__init__()
            self.h, self.g, self.d = heads, groups, width // heads
            self.q, self.k, self.v, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, groups * self.d, bias=False), nn.Linear(width, groups * self.d, bias=False), nn.Linear(width, width, bias=False)
            self.n1, self.n2, self.gate, self.up, self.down = Norm(width), Norm(width), nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False)

        def forward(self, x, cos, sin, mask):
            b, t, c = x.shape
            y = self.n1(x)
            q, k, v = self.q(y).view(b, t, self.h, self.d).transpose(1, 2), self.k(y).view(b, t, self.g, self.d).transpose(1, 2), self.v(y).view(b, t, self.g, self.d).transpose(1, 2)
            q, k = q * cos + half(q) * sin, k * cos + half(k) * sin
            def repeat(z):
                return z[:, :, None].expand(b, self.g, self.h // self.g, t, self.d).reshape(b, self.h, t, self.d)
            w = torch.matmul(q, repeat(k).transpose(2, 3)) * self.d**-0.5 + mask
            x = x + self.o(torch.matmul(w.softmax(-1), repeat(v)).transpose(1, 2).reshape(b, t, c))
            y = self.n2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    class Net(nn.Module):
        def __init__(self, words=50, width=32, heads=4, groups=2):
            super().__init__()
            self.words, self.layers, self.norm, self.head = nn.Embedding(words, width), nn.ModuleList(Layer(width, heads, groups, 44) for _ in range(2)), Norm(width), nn.Linear(width, words, bias=False)
            self.register_buffer("inv", 1.0 / (10000 ** (torch.arange(0, width // heads, 2).float() / (width // heads))))

        def forward(self, ids):
            t = ids.shape[1]
            angle = torch.outer(torch.arange(t).float(), self.inv)
            angle = torch.cat((angle, angle), dim=-1)
            mask = torch.full((t, t), float("-inf")).triu(1)
            x = self.words(ids)
            for layer in self.layers:
                x = layer(x, angle.cos(), angle.sin(), mask)
            return self.head(self.norm(x))

    return Net().eval(), (torch.randint(0, 50, (2, 8)),)


@network
def text_cnn():
    """Convolutions of three widths over words, the largest of each."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.convs, self.head = nn.Embedding(60, 20, padding_idx=0), nn.ModuleList(nn.Conv2d(1, 16, (k, 20)) for k in (2, 3, 4)), nn.Linear(48, 3)

        def forward(self, ids):
            x = self.words(ids).unsqueeze(1)
            parts = [F.relu(c(x)).squeeze(3) for c in self.convs]
            return self.head(torch.cat([F.max_pool1d(p, p.size(2)).squeeze(2) for p in parts], 1))

    return Net().eval(), (torch.randint(0, 60, (2, 14)),)


@network
def attentive_gru():
    """Additive attention over a bidirectional GRU, its last states joined."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.rnn, self.score, self.head = nn.Embedding(40, 16), nn.GRU(16, 12, 2, batch_first=True, bidirectional=True), nn.Linear(24, 1), nn.Linear(48, 4)

        def forward(self, ids):
            y, h = self.rnn(self.words(ids))
            w = torch.softmax(self.score(torch.tanh(y)), dim=1)
            return self.head(torch.cat([(w * y).sum(1), torch.cat((h[-2], h[-1]), dim=1)], 1))

    return Net().eval(), (torch.randint(0, 40, (2, 9)),)


# sound ---------------------------------------------------------------------------------------------------------------


@network
def conformer():
    """Half steps of feed-forward, attention, and a gated convolution over time."""

    class Block(nn.Module):
        def __init__(self, c, heads=4):
            super().__init__()
            def feed():
                return nn.Sequential(nn.LayerNorm(c), nn.Linear(c, 2 * c), nn.SiLU(), nn.Linear(2 * c, c))
            self.f1, self.f2, self.na, self.att = feed(), feed(), nn.LayerNorm(c), nn.MultiheadAttention(c, heads, batch_first=True)
            self.nc, self.p1, self.dw, self.bn, self.p2 = nn.LayerNorm(c), nn.Conv1d(c, 2 * c, 1), nn.Conv1d(c, c, 7, padding=3, groups=c), nn.BatchNorm1d(c), nn.Conv1d(c, c, 1)
            self.last = nn.LayerNorm(c)

        def forward(self, x):
            x = x + 0.5 * self.f1(x)
            y = self.na(x)
            x = x + self.att(y, y, y, need_weights=False)[0]
            y = F.glu(self.p1(self.nc(x).transpose(1, 2)), dim=1)
            x = x + self.p2(F.silu(self.bn(self.dw(y)))).transpose(1, 2)
            return self.last(x + 0.5 * self.f2(x))

    class Net(nn.Module):
        def __init__(self, c=32):
            super().__init__()
            self.sub = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 2), nn.ReLU())
            self.proj, self.blocks, self.head = nn.Linear(12 * 4, c), nn.Sequential(Block(c), Block(c)), nn.Linear(c, 11)

        def forward(self, x):
            y = self.sub(x.unsqueeze(1))
            b, c, t, f = y.size()
            y = self.proj(y.transpose(1, 2).contiguous().view(b, t, c * f))
            return self.head(self.blocks(y)).log_softmax(-1)

    return settled(Net(), image(33, 20)), image(33, 20)


@network
def wavenet():
    """Dilated convolutions with weight normalisation, gates of tanh and sigmoid, residuals and skips."""
    wn = parametrizations.weight_norm

    class Net(nn.Module):
        def __init__(self, c=16, skip=12):
            super().__init__()
            self.first = nn.Conv1d(1, c, 1)
            self.gates = nn.ModuleList(wn(nn.Conv1d(c, 2 * c, 2, dilation=d)) for d in (1, 2, 4, 8))
            self.res, self.skips = nn.ModuleList(wn(nn.Conv1d(c, c, 1)) for _ in range(4)), nn.ModuleList(nn.Conv1d(c, skip, 1) for _ in range(4))
            self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, 20, 1), nn.ReLU(), nn.Conv1d(20, 8, 1))

        def forward(self, x):
            x, total = self.first(x), 0
            for gate, res, skip, d in zip(self.gates, self.res, self.skips, (1, 2, 4, 8)):
                a, b = gate(F.pad(x, (d, 0))).chunk(2, dim=1)
                y = torch.tanh(a) * torch.sigmoid(b)
                total = total + skip(y)
                x = res(y) + x
            return self.last(total)

    return Net().eval(), image(1, 60)


@network
def conv_tasnet():
    """Global layer normalisation, masks over a learned basis, transposed convolution back to sound."""

    class Global(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.ones(1, c, 1)), nn.Parameter(torch.zeros(1, c, 1))

        def forward(self, y):
            mean = y.mean(dim=(1, 2), keepdim=True)
            var = ((y - mean) ** 2).mean(dim=(1, 2), keepdim=True)
            return self.gamma * (y - mean) / torch.sqrt(var + 1e-8) + self.beta

    class Block(nn.Module):
        def __init__(self, a, b, d):
            super().__init__()
            self.net = nn.Sequential(nn.Conv1d(a, b, 1), nn.PReLU(), Global(b), nn.Conv1d(b, b, 3, dilation=d, padding=d, groups=b), nn.PReLU(), nn.BatchNorm1d(b), nn.Conv1d(b, a, 1))

        def forward(self, x):
            return x + self.net(x)

    class Net(nn.Module):
        def __init__(self, basis=24, width=16, speakers=2):
            super().__init__()
            self.c = speakers
            self.encoder, self.decoder = nn.Conv1d(1, basis, 8, 4, bias=False), nn.ConvTranspose1d(basis, 1, 8, 4, bias=False)
            self.inner = nn.Sequential(nn.BatchNorm1d(basis), nn.Conv1d(basis, width, 1), Block(width, 28, 1), Block(width, 28, 2), nn.PReLU(), nn.Conv1d(width, speakers * basis, 1))

        def forward(self, x):
            e = F.relu(self.encoder(x))
            n, b, t = e.shape
            m = torch.sigmoid(self.inner(e)).view(n, self.c, b, t)
            y = (m * e.unsqueeze(1)).view(n * self.c, b, t)
            return self.decoder(y).view(n, self.c, -1)

    return settled(Net(), image(1, 80)), image(1, 80)


@network
def silero():
    """Voice activity: a fixed basis by convolution, magnitudes, depthwise blocks, an LSTM whose states go in and out."""

    class Net(nn.Module):
        def __init__(self, frame=32):
            super().__init__()
            t = torch.arange(frame).float()
            angle = 2 * math.pi * torch.outer(torch.arange(frame // 2 + 1).float(), t) / frame
            window = torch.hann_window(frame)
            self.register_buffer("basis", torch.cat([angle.cos() * window, -angle.sin() * window])[:, None])
            self.frame = frame
            k = frame // 2 + 1
            self.net = nn.Sequential(nn.Conv1d(k, k, 5, padding=2, groups=k), nn.ReLU(), nn.Conv1d(k, 24, 1), nn.ReLU(), nn.Conv1d(24, 16, 3, 2, 1), nn.BatchNorm1d(16), nn.ReLU())
            self.rnn, self.head = nn.LSTM(16, 12, 2), nn.Conv1d(12, 1, 1)

        def forward(self, x, state):
            y = F.conv1d(F.pad(x.unsqueeze(1), (self.frame // 2, 0), "reflect"), self.basis, stride=self.frame // 2)
            re, im = y[:, : self.frame // 2 + 1].float(), y[:, self.frame // 2 + 1 :].float()
            y = self.net(torch.sqrt(re**2 + im**2 + 1e-6).log()).permute(2, 0, 1)
            state = state.permute(1, 0, 2)
            y, (h, c) = self.rnn(y, (state[:2].contiguous(), state[2:].contiguous()))
            return torch.sigmoid(self.head(F.relu(y).permute(1, 2, 0))), torch.cat([h, c]).permute(1, 0, 2)

    return settled(Net(), (torch.randn(4, 320), torch.randn(4, 4, 12))), (torch.randn(2, 320), torch.randn(2, 4, 12) * 0.5)


@network
def demucs():
    """Gated linear units over channels, skips cut to the length of what they are added to."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up, a = nn.ModuleList(), nn.ModuleList(), 1
            for b in (12, 24):
                self.down.append(nn.Sequential(nn.Conv1d(a, b, 8, 4), nn.ReLU(), nn.Conv1d(b, 2 * b, 1), nn.GLU(1)))
                self.up.insert(0, nn.Sequential(nn.Conv1d(b, 2 * b, 1), nn.GLU(1), nn.ConvTranspose1d(b, a, 8, 4), *([nn.ReLU()] if a > 1 else [])))
                a = b
            self.rnn = nn.LSTM(24, 24, bidirectional=True)
            self.lin = nn.Linear(48, 24)

        def forward(self, x):
            skips = []
            for part in self.down:
                x = part(x)
                skips.append(x)
            x = self.lin(self.rnn(x.permute(2, 0, 1))[0]).permute(1, 2, 0)
            for part in self.up:
                x = part(x + skips.pop()[..., : x.shape[-1]])
            return x

    return Net().eval(), image(1, 132)
