"""Graphs as TensorFlow's converters write them, built by hand: channels last with transposes around each convolution, padding
as a node, sizes squeezed and computed, normalisation and bias as arithmetic.

GRAPHS holds functions of the batch (a number, or "N") that return (model, inputs): a ModelProto and a tuple of arrays of
batch 2.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GRAPHS = {}


def graph(make):
    GRAPHS[make.__name__] = make
    return make


class Builder:
    """Nodes in the order in which they are asked for; each method returns the name of a value."""

    def __init__(self, opset, seed):
        self.opset, self.random, self.nodes, self.constants, self.count = opset, np.random.default_rng(seed), [], [], 0

    def name(self, what):
        self.count += 1
        return f"model/{what}_{self.count}"

    def const(self, value, dtype=np.float32):
        name = self.name("const")
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *sizes):
        fan = max(int(np.prod(sizes)) // max(sizes[0], 1), 1) if len(sizes) > 2 else sizes[0]
        return self.const(self.random.normal(0, (2 / fan) ** 0.5, sizes))

    def per_channel(self, count):
        return self.const(self.random.uniform(0.5, 1.5, count)), self.const(self.random.uniform(-0.5, 0.5, count))

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [self.name(kind) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def ints(self, *values):
        return self.const(values, np.int64)

    # Attributes that became inputs.

    def pad(self, x, pads):
        return self.op("Pad", x, pads=pads) if self.opset < 11 else self.op("Pad", x, self.ints(*pads))

    def squeeze(self, x, *axes):
        return self.op("Squeeze", x, axes=list(axes)) if self.opset < 13 else self.op("Squeeze", x, self.ints(*axes))

    def unsqueeze(self, x, *axes):
        return self.op("Unsqueeze", x, axes=list(axes)) if self.opset < 13 else self.op("Unsqueeze", x, self.ints(*axes))

    def mean(self, x, axes, keep):
        return self.op("ReduceMean", x, axes=list(axes), keepdims=int(keep))

    def relu6(self, x):
        return self.op("Clip", x, min=0.0, max=6.0) if self.opset < 11 else self.op("Clip", x, self.const(0.0), self.const(6.0))

    def slice(self, x, starts, ends, axes):
        if self.opset < 10:
            return self.op("Slice", x, starts=starts, ends=ends, axes=axes)
        return self.op("Slice", x, self.ints(*starts), self.ints(*ends), self.ints(*axes))

    # Layers.

    def nchw(self, x):
        return self.op("Transpose", x, perm=[0, 3, 1, 2])

    def nhwc(self, x):
        return self.op("Transpose", x, perm=[0, 2, 3, 1])

    def conv(self, x, a, b, kernel=3, stride=1, groups=1, pads=None):
        pads = [kernel // 2] * 4 if pads is None else pads
        return self.op("Conv", x, self.weight(b, a // groups, kernel, kernel), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=groups)

    def norm(self, x, c):
        scale, shift = self.per_channel(c)
        return self.op("BatchNormalization", x, scale, shift, self.const(self.random.normal(0, 0.2, c)), self.const(self.random.uniform(0.5, 1.5, c)), epsilon=1e-3)

    def dense(self, x, a, b):
        return self.op("Add", self.op("MatMul", x, self.weight(a, b)), self.const(self.random.normal(0, 0.1, b)))

    def model(self, inputs, outputs):
        """Inputs: (name, element type, sizes); outputs: (value, name, sizes)."""
        for value, name, _ in outputs:
            self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{name}_identity"))
        made = helper.make_graph(
            self.nodes, "tf", [helper.make_tensor_value_info(*i) for i in inputs],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for _, n, s in outputs], self.constants)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="tf2onnx", ir_version=7)
        onnx.checker.check_model(model)
        return model


def pictures(*sizes):
    return (np.random.default_rng(7).normal(0, 1, (2, *sizes)).astype(np.float32),)


@graph
def tf_mobilenet(batch):
    """Channels first inside, asymmetric padding before strides, a convolution of size one as classifier, squeezed."""
    b = Builder(11, 1)
    y = b.nchw("x")
    y = b.relu6(b.norm(b.conv(b.pad(y, [0, 0, 0, 0, 0, 0, 1, 1]), 3, 16, 3, 2, pads=[0] * 4), 16))
    for a, c, s in ((16, 24, 1), (24, 32, 2), (32, 32, 1)):
        skip = y
        y = b.relu6(b.norm(b.conv(y, a, 2 * a, 1), 2 * a))
        if s == 2:
            y = b.pad(y, [0, 0, 0, 0, 0, 0, 1, 1])
        y = b.relu6(b.norm(b.conv(y, 2 * a, 2 * a, 3, s, 2 * a, pads=[0] * 4 if s == 2 else None), 2 * a))
        y = b.norm(b.conv(y, 2 * a, c, 1), c)
        if a == c and s == 1:
            y = b.op("Add", skip, y)
    y = b.mean(y, (2, 3), True)
    y = b.op("Add", b.conv(y, 32, 10, 1), b.const(b.random.normal(0, 1, (1, 10, 1, 1))))
    y = b.squeeze(b.nhwc(y), 1, 2)
    return b.model([("x", TensorProto.FLOAT, [batch, 32, 32, 3])], [(b.op("Softmax", y, axis=1), "probabilities", [batch, 10])]), pictures(32, 32, 3)


@graph
def tf_dense(batch):
    """Flattened with the channels last, the batch kept by a computed shape."""
    b = Builder(13, 2)
    y = b.nhwc(b.op("Relu", b.norm(b.conv(b.nchw("x"), 1, 12, 3), 12)))
    y = b.nhwc(b.op("MaxPool", b.nchw(y), kernel_shape=[2, 2], strides=[2, 2]))
    y = b.nhwc(b.op("Relu", b.conv(b.nchw(y), 12, 20, 3, pads=[0] * 4)))
    first = b.slice(b.op("Shape", y), [0], [1], [0])
    y = b.op("Reshape", y, b.op("Concat", first, b.ints(5 * 5 * 20), axis=0))
    y = b.dense(b.op("Relu", b.dense(y, 500, 32)), 32, 10)
    return b.model([("x", TensorProto.FLOAT, [batch, 14, 14, 1])], [(y, "logits", [batch, 10])]), pictures(14, 14, 1)


@graph
def tf_resnet(batch):
    """Transposes around each convolution; bias, residuals and padding with the channels last."""
    b = Builder(12, 3)

    def conv(y, a, c, kernel=3, stride=1):
        if stride == 2:
            y = b.pad(y, [0, 1, 1, 0, 0, 1, 1, 0])
        y = b.nhwc(b.conv(b.nchw(y), a, c, kernel, stride, pads=[0] * 4 if stride == 2 else None))
        return b.op("Add", y, b.const(b.random.normal(0, 0.1, c)))

    def norm(y, c):
        scale, shift = b.per_channel(c)
        return b.op("Add", b.op("Mul", y, scale), shift)

    y = b.op("Relu", norm(conv("x", 3, 16), 16))
    for a, c, s in ((16, 16, 1), (16, 32, 2)):
        skip = y if s == 1 else conv(y, a, c, 1)
        if s == 2:
            skip = b.nhwc(b.op("AveragePool", b.nchw(skip), kernel_shape=[2, 2], strides=[2, 2]))
        z = b.op("Relu", norm(conv(y, a, c, 3, s), c))
        y = b.op("Relu", b.op("Add", norm(conv(z, c, c), c), skip))
    y = b.mean(y, (1, 2), False)
    return b.model([("x", TensorProto.FLOAT, [batch, 16, 16, 3])], [(b.dense(y, 32, 5), "logits", [batch, 5])]), pictures(16, 16, 3)


@graph
def tf_ssd(batch):
    """Boxes and scores from several maps, rows of anchors, joined; boxes with an axis of one that is squeezed away."""
    b = Builder(11, 4)
    y, rows, scores = b.op("Relu", b.norm(b.conv(b.nchw("x"), 3, 16, 3, 2), 16)), [], []
    for a, c in ((16, 24), (24, 32)):
        y = b.op("Relu", b.norm(b.conv(y, a, c, 3, 2), c))
        box = b.op("Add", b.nhwc(b.conv(y, c, 12, 1)), b.const(b.random.normal(0, 1, 12)))
        rows.append(b.op("Reshape", box, b.ints(-1, 64 * 3 if a == 16 else 16 * 3, 1, 4)))
        scores.append(b.op("Reshape", b.nhwc(b.conv(y, c, 9, 3)), b.ints(-1, 64 * 3 if a == 16 else 16 * 3, 3)))
    boxes = b.squeeze(b.op("Concat", *rows, axis=1), 2)
    scores = b.op("Sigmoid", b.op("Concat", *scores, axis=1))
    return b.model([("x", TensorProto.FLOAT, [batch, 32, 32, 3])], [(boxes, "boxes", [batch, 240, 4]), (scores, "scores", [batch, 240, 3])]), pictures(32, 32, 3)


@graph
def tf_unet(batch):
    """Joined along the last axis, resized by computed sizes, space to depth and back by reshapes and transposes."""
    b = Builder(13, 5)

    def conv(y, a, c, kernel=3):
        return b.op("Relu", b.nhwc(b.conv(b.nchw(y), a, c, kernel)))

    y = b.op("Reshape", "x", b.ints(-1, 8, 2, 8, 2, 3))
    y = b.op("Reshape", b.op("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), b.ints(-1, 8, 8, 12))
    first = conv(y, 12, 16)
    low = conv(b.nhwc(b.op("MaxPool", b.nchw(first), kernel_shape=[2, 2], strides=[2, 2])), 16, 24)
    shape = b.op("Shape", b.nchw(low))
    sizes = b.op("Concat", b.slice(shape, [0], [2], [0]), b.ints(8, 8), axis=0)
    up = b.nhwc(b.op("Resize", b.nchw(low), "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel"))
    y = conv(b.op("Concat", up, first, axis=3), 40, 20)
    y = b.nhwc(b.conv(b.nchw(y), 20, 24))
    y = b.op("Reshape", y, b.ints(-1, 8, 8, 2, 2, 6))
    y = b.op("Reshape", b.op("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), b.ints(-1, 16, 16, 6))
    return b.model([("x", TensorProto.FLOAT, [batch, 16, 16, 3])], [(conv(y, 6, 2, 1), "map", [batch, 16, 16, 2])]), pictures(16, 16, 3)


@graph
def keras_attention(batch):
    """Attention by Einsum with weights of three axes, as Keras writes it; layer normalisation as arithmetic."""
    b = Builder(13, 6)
    width, heads, depth, length = 24, 4, 6, 7

    def norm(y):
        centred = b.op("Sub", y, b.mean(y, (-1,), True))
        variance = b.mean(b.op("Mul", centred, centred), (-1,), True)
        inverse = b.op("Reciprocal", b.op("Sqrt", b.op("Add", variance, b.const(1e-3))))
        scale, shift = b.per_channel(width)
        return b.op("Add", b.op("Mul", b.op("Mul", centred, inverse), scale), shift)

    def project(y):
        y = b.op("Einsum", y, b.const(b.random.normal(0, 0.2, (width, heads, depth))), equation="abc,cde->abde")
        return b.op("Add", y, b.const(b.random.normal(0, 0.1, (heads, depth))))

    y = b.dense("x", 10, width)
    for _ in range(2):
        q, k, v = b.op("Mul", project(y), b.const(depth**-0.5)), project(y), project(y)
        shares = b.op("Softmax", b.op("Einsum", k, q, equation="aecd,abcd->acbe"), axis=3)
        mixed = b.op("Einsum", shares, v, equation="acbe,aecd->abcd")
        out = b.op("Einsum", mixed, b.const(b.random.normal(0, 0.2, (heads, depth, width))), equation="abcd,cde->abe")
        y = norm(b.op("Add", y, b.op("Add", out, b.const(b.random.normal(0, 0.1, width)))))
        y = norm(b.op("Add", y, b.dense(b.op("Relu", b.dense(y, width, 32)), 32, width)))
    y = b.dense(b.mean(y, (1,), False), width, 3)
    return b.model([("x", TensorProto.FLOAT, [batch, length, 10])], [(y, "logits", [batch, 3])]), pictures(length, 10)


@graph
def tf_bert(batch):
    """Rows of all sentences joined for each linear layer; GELU by tanh and powers; masks from integers."""
    b = Builder(11, 7)
    width, heads, depth, length = 24, 3, 8, 6

    def norm(y):
        mean = b.mean(y, (-1,), True)
        variance = b.mean(b.op("Mul", b.op("Sub", y, mean), b.op("Sub", y, mean)), (-1,), True)
        scale, shift = b.per_channel(width)
        factor = b.op("Mul", b.op("Reciprocal", b.op("Sqrt", b.op("Add", variance, b.const(1e-6)))), scale)
        return b.op("Add", b.op("Mul", y, factor), b.op("Sub", shift, b.op("Mul", mean, factor)))

    def gelu(y):
        inner = b.op("Mul", b.op("Add", y, b.op("Mul", b.op("Pow", y, b.const(3.0)), b.const(0.044715))), b.const(0.7978845608))
        return b.op("Mul", y, b.op("Mul", b.op("Add", b.op("Tanh", inner), b.const(1.0)), b.const(0.5)))

    words = b.op("Gather", b.weight(40, width), "ids", axis=0)
    y = norm(b.op("Add", words, b.const(b.random.normal(0, 0.3, (1, length, width)))))
    mask = b.op("Mul", b.op("Sub", b.const(1.0), b.op("Cast", b.unsqueeze("mask", 1, 2), to=TensorProto.FLOAT)), b.const(-10000.0))
    y = b.op("Reshape", y, b.ints(-1, width))
    for _ in range(2):
        q, k, v = (b.op("Transpose", b.op("Reshape", b.dense(y, width, width), b.ints(-1, length, heads, depth)), perm=[0, 2, 1, 3]) for _ in range(3))
        scores = b.op("Mul", b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2])), b.const(depth**-0.5))
        shares = b.op("Softmax", b.op("Add", scores, mask), axis=3)
        mixed = b.op("Reshape", b.op("Transpose", b.op("MatMul", shares, v), perm=[0, 2, 1, 3]), b.ints(-1, width))
        y = norm(b.op("Add", b.dense(mixed, width, width), y))
        y = norm(b.op("Add", b.dense(gelu(b.dense(y, width, 40)), 40, width), y))
    first = b.squeeze(b.slice(b.op("Reshape", y, b.ints(-1, length, width)), [0], [1], [1]), 1)
    y = b.dense(b.op("Tanh", b.dense(first, width, width)), width, 2)
    random = np.random.default_rng(8)
    mask_value = np.array([[1] * 6, [1] * 4 + [0] * 2], np.int32)
    return b.model(
        [("ids", TensorProto.INT32, [batch, length]), ("mask", TensorProto.INT32, [batch, length])], [(y, "logits", [batch, 2])]
    ), (random.integers(0, 40, (2, length)).astype(np.int32), mask_value)


@graph
def tf_keras_lstm(batch):
    """Time first for the LSTM, the axis of directions squeezed, dense layers over each step."""
    b = Builder(12, 9)
    hidden = 12
    y = b.op("Transpose", "x", perm=[1, 0, 2])
    w, r, bias = b.const(b.random.normal(0, 0.3, (1, 4 * hidden, 5))), b.const(b.random.normal(0, 0.3, (1, 4 * hidden, hidden))), b.const(b.random.normal(0, 0.1, (1, 8 * hidden)))
    y = b.op("LSTM", y, w, r, bias, outputs=2, hidden_size=hidden)[0]
    y = b.op("Transpose", b.squeeze(y, 1), perm=[1, 0, 2])
    y = b.op("Relu", b.dense(y, hidden, 16))
    y = b.op("Sigmoid", b.dense(y, 16, 1))
    return b.model([("x", TensorProto.FLOAT, [batch, 9, 5])], [(b.squeeze(y, 2), "chances", [batch, 9])]), pictures(9, 5)
