"""Makes the PyTorch exports of this folder: small networks with random weights, one input, one output each.

    python Tests/Golden/onnx/generate_torch.py

NAME.onnx is the export, NAME.input.npy its input, NAME.output.npy what PyTorch gives (eval mode).
Made with torch 2.15.0 (CPU), onnx 1.23.2, onnxscript; weights, batch statistics and inputs from torch.manual_seed.
"""
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent


class CNN(nn.Module):
    """Convolution, batch-norm, pooling, flatten by torch.flatten."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(6 * 2 * 2, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.relu(self.conv2(x))
        return self.fc(self.drop(torch.flatten(x, 1)))


class LeNet(nn.Module):
    """The view(x.size(0), -1) idiom, average pooling, tanh."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 5, padding=2)
        self.conv2 = nn.Conv2d(3, 4, 3)
        self.fc1 = nn.Linear(4 * 3 * 3, 8)
        self.fc2 = nn.Linear(8, 4)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.fc2(torch.tanh(self.fc1(x))), dim=1)


class Residual(nn.Module):
    """Residual blocks, a projection shortcut, a depthwise convolution, global average pooling, hard-swish."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.conv1 = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.short = nn.Sequential(nn.Conv2d(4, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8))
        self.act = nn.Hardswish()
        self.fc = nn.Linear(8, 6)

    def forward(self, x):
        x = F.relu6(self.bn(self.stem(x)))
        y = self.act(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.depthwise(y)) + self.short(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))


class MLP(nn.Module):
    """No convolution: reshape by -1, GELU, concatenation, a mean over an axis."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(12, 6), nn.Linear(12, 4)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = x.reshape(-1, 12)
        y = torch.cat([F.gelu(self.a(x)), F.leaky_relu(self.b(x))], dim=1)
        return self.out(y.reshape(-1, 2, 5).mean(dim=1))


NETWORKS = {"cnn": (CNN, (2, 1, 8, 8)), "lenet": (LeNet, (2, 1, 16, 16)),
            "residual": (Residual, (2, 3, 8, 8)), "mlp": (MLP, (2, 3, 4))}


def main():
    for name, (network, shape) in NETWORKS.items():
        torch.manual_seed(0)
        model = network()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        model.eval()
        x = torch.randn(shape)
        with torch.no_grad():
            y = model(x)
        np.save(HERE / f"{name}.input.npy", x.numpy())
        np.save(HERE / f"{name}.output.npy", y.numpy())
        for exporter in ("script", "dynamo"):
            path = HERE / f"{name}_{exporter}.onnx"
            options = {"input_names": ["x"], "output_names": ["y"], "dynamo": exporter == "dynamo"}
            if exporter == "script":
                # Folding constants folds batch-norm too; one export keeps it.
                options |= {"dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}, "opset_version": 17,
                            "do_constant_folding": name != "cnn"}
            else:
                options |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
            torch.onnx.export(model, (x,), str(path), **options)
            proto = onnx.load(path)
            # The dynamo exporter writes stack traces with the paths of the machine.
            for node in proto.graph.node:
                node.ClearField("doc_string")
                del node.metadata_props[:]
            for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
                if hasattr(value, "metadata_props"):
                    del value.metadata_props[:]
                value.ClearField("doc_string")
            del proto.graph.metadata_props[:], proto.metadata_props[:]
            onnx.save(proto, path)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
