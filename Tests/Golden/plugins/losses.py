"""Golden values and gradients of distillation losses, each written in PyTorch from its paper, in f64.

Run: python Tests/Golden/plugins/losses.py   (writes losses.json beside itself; PyTorch 2.13)
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
N, C = 6, 5
student, teacher = (torch.randn(N, C) * 2).float().double(), (torch.randn(N, C) * 2).float().double()
labels = torch.randint(0, C, (N,))
features = {"student": torch.randn(N, 3, 2, 2).float().double(), "teacher": torch.randn(N, 4, 2, 2).float().double()}


def similarity(s, t):
    def likeness(a):
        return F.normalize(a.flatten(1) @ a.flatten(1).T, dim=1)

    return ((likeness(s) - likeness(t)) ** 2).sum() / len(s) ** 2


def rkd(s, t, distance, angle):
    s, t = s.flatten(1), t.flatten(1)

    def distances(a):
        d = torch.stack([torch.stack([(a[i] - a[j]).norm() if i != j else torch.zeros(()) for j in range(len(a))]) for i in range(len(a))])
        return d / d[d > 0].mean()

    def cosines(a):
        def unit(v):
            return v / v.norm() if v.norm() > 0 else v * 0

        return torch.stack([
            torch.stack([torch.stack([unit(a[j] - a[i]) @ unit(a[k] - a[i]) for k in range(len(a))]) for j in range(len(a))])
            for i in range(len(a))])

    return distance * F.smooth_l1_loss(distances(s), distances(t)) + angle * F.smooth_l1_loss(cosines(s), cosines(t))


def kl(p, q):
    return (p * (p / q).log()).sum()


def dkd(s, t, temperature, target, others):
    p, q = F.softmax(s / temperature, 1), F.softmax(t / temperature, 1)
    sum = 0
    for i, label in enumerate(labels.tolist()):
        rest = [c for c in range(C) if c != label]
        b = [torch.stack([v[i, label], v[i, rest].sum()]) for v in (p, q)]
        o = [v[i, rest] / v[i, rest].sum() for v in (p, q)]
        sum = sum + target * kl(b[1], b[0]) + others * kl(o[1], o[0])
    return sum * temperature**2 / N


def dist(s, t, temperature, inter, intra):
    p, q = F.softmax(s / temperature, 1), F.softmax(t / temperature, 1)

    def rho(x, y):
        return torch.corrcoef(torch.stack([x, y]))[0, 1]

    rows = torch.stack([rho(p[i], q[i]) for i in range(N)]).mean()
    columns = torch.stack([rho(p[:, c], q[:, c]) for c in range(C)]).mean()
    return temperature**2 * (inter * (1 - rows) + intra * (1 - columns))


cases = []


def case(name, parameters, function, on_features=False, truth=0):
    s, t = (features["student"], features["teacher"]) if on_features else (student, teacher)
    leaf = s.clone().requires_grad_()
    value = function(leaf, t)
    if truth:
        value = value + truth * F.cross_entropy(leaf, labels)
    value.backward()
    cases.append({
        "name": name, "parameters": parameters, "onFeatures": on_features, "value": float(value.detach()),
        "gradient": leaf.grad.flatten().tolist()})


case("similarity", {}, similarity, True)
case("rkd", {}, lambda s, t: rkd(s, t, 25, 50), True)
case("rkd", {"distance": 2, "angle": 3, "labels": 0.5}, lambda s, t: rkd(s, t, 2, 3), truth=0.5)
case("dkd", {}, lambda s, t: dkd(s, t, 4, 1, 8), truth=1)
case("dkd", {"temperature": 2, "target": 0.5, "others": 2, "labels": 0}, lambda s, t: dkd(s, t, 2, 0.5, 2))
case("dist", {}, lambda s, t: dist(s, t, 1, 1, 1), truth=1)
case("dist", {"temperature": 4, "inter": 2, "intra": 0.5, "labels": 0}, lambda s, t: dist(s, t, 4, 2, 0.5))

pathlib.Path(__file__).with_name("losses.json").write_text(json.dumps({
    "student": student.flatten().tolist(), "teacher": teacher.flatten().tolist(), "labels": labels.tolist(),
    "studentFeatures": features["student"].flatten().tolist(), "teacherFeatures": features["teacher"].flatten().tolist(), "cases": cases}))
