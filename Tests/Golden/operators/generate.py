"""Writes cases.json: one-node graphs with inputs and the outputs that ONNX Runtime gives.

Run with numpy, onnx and onnxruntime: python generate.py
Made with seed 7, numpy 2.4, onnx 1.23 and onnxruntime 1.31; values are rounded to f32.
"""
import json
import os

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(7)
cases = []


def f(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def i(*values):
    return np.array(values, np.int64)


def case(name, op, inputs, opset=17, outputs=1, constants=(), **attributes):
    """`constants`: places of inputs that the graph holds as initializers (shapes, limits)."""
    names = [f"x{k}" if x is not None else "" for k, x in enumerate(inputs)]
    outs = [f"y{k}" for k in range(outputs)]
    node = helper.make_node(op, names, outs, name="node", **attributes)
    ports = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for k, (n, x) in enumerate(zip(names, inputs)) if x is not None and k not in constants
    ]
    held = [numpy_helper.from_array(inputs[k], names[k]) for k in constants]
    graph = helper.make_graph([node], "g", ports, [helper.make_empty_tensor_value_info(o) for o in outs], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {n: x for k, (n, x) in enumerate(zip(names, inputs)) if x is not None and k not in constants}
    results = session.run(None, feed)

    def tensor(x):
        return {"dtype": str(x.dtype), "shape": list(x.shape), "values": [float(v) if np.isfinite(v) else str(v) for v in x.flatten()]}

    cases.append({
        "name": name, "op": op, "opset": opset, "constants": list(constants),
        "attributes": {
            k: {"kind": kind(v), "value": v} for k, v in attributes.items() if not isinstance(v, TensorProto)
        },
        "inputs": [None if x is None else tensor(x) for x in inputs],
        "outputs": [tensor(x) for x in results],
    })


def kind(v):
    if isinstance(v, list):
        return {int: "ints", float: "floats", str: "strings"}[type(v[0])]
    return {int: "int", float: "float", str: "string"}[type(v)]


x = f(2, 6, 5, 5)
case("conv", "Conv", [x, f(4, 6, 3, 3), f(4)], pads=[1, 1, 1, 1])
case("conv stride, uneven pads, dilation", "Conv", [x, f(4, 6, 2, 3)], strides=[2, 1], pads=[0, 1, 1, 2], dilations=[2, 1])
case("conv grouped", "Conv", [x, f(4, 3, 3, 3), f(4)], group=2)
case("conv depthwise, two each", "Conv", [x, f(12, 1, 3, 3), f(12)], group=6, pads=[1, 1, 1, 1])
case("conv same upper", "Conv", [x, f(4, 6, 2, 2)], auto_pad="SAME_UPPER", strides=[2, 2])
case("conv same lower", "Conv", [x, f(4, 6, 2, 2)], auto_pad="SAME_LOWER")
case("conv 1-d", "Conv", [f(2, 3, 9), f(4, 3, 3), f(4)], pads=[1, 0], strides=[2])
case("gemm linear", "Gemm", [f(3, 5), f(4, 5), f(4)], transB=1)
case("gemm all", "Gemm", [f(5, 3), f(5, 4), f(3, 1)], transA=1, alpha=0.5, beta=2.0)
case("gemm no bias", "Gemm", [f(3, 5), f(5, 4)])
case("matmul", "MatMul", [f(2, 3, 4), f(4, 5)])
case("matmul batched", "MatMul", [f(2, 1, 3, 4), f(3, 4, 5)])
case("matmul vector", "MatMul", [f(2, 3, 4), f(4)])
for op in ["Add", "Sub", "Mul", "Div"]:
    case(f"{op} broadcast", op, [f(2, 3, 4), f(3, 1)])
    case(f"{op} integers", op, [i(7, -7, 9), i(2, 2, -4)])
case("pow", "Pow", [np.abs(f(2, 3)), f(3)])
case("pow scalar", "Pow", [f(2, 3), np.array(2.0, np.float32)], constants=(1,))
for op in ["Relu", "Sigmoid", "Tanh", "Erf", "Exp", "Neg", "Abs", "HardSwish", "HardSigmoid", "LeakyRelu", "Identity"]:
    case(op, op, [f(3, 7) * 3])
case("leaky relu alpha", "LeakyRelu", [f(3, 7)], alpha=0.3)
case("hard sigmoid attributes", "HardSigmoid", [f(3, 7) * 3], alpha=0.3, beta=0.4)
for op in ["Sqrt", "Log", "Reciprocal"]:
    case(op, op, [np.abs(f(3, 7)) + 0.1])
case("gelu", "Gelu", [f(3, 7) * 2], opset=20)
case("gelu tanh", "Gelu", [f(3, 7) * 2], opset=20, approximate="tanh")
case("clip inputs", "Clip", [f(3, 7), np.array(-0.5, np.float32), np.array(0.6, np.float32)], constants=(1, 2))
case("clip upper only", "Clip", [f(3, 7), None, np.array(0.6, np.float32)], constants=(2,))
case("clip attributes", "Clip", [f(3, 7)], opset=9, min=-0.5, max=0.6)
for op in ["Softmax", "LogSoftmax"]:
    case(op, op, [f(2, 3, 4)])
    case(f"{op} axis", op, [f(2, 3, 4)], axis=1)
    case(f"{op} flattened", op, [f(2, 3, 4)], opset=11, axis=1)
    case(f"{op} old default", op, [f(2, 3, 4)], opset=11)
case("max pool", "MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
case("max pool pads", "MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
case("max pool ceil", "MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
case("max pool dilation", "MaxPool", [x], kernel_shape=[2, 2], dilations=[2, 2])
case("max pool 1-d", "MaxPool", [f(2, 3, 9)], kernel_shape=[3], strides=[2], pads=[1, 1])
case("average pool", "AveragePool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
case("average pool padded", "AveragePool", [x], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("average pool same", "AveragePool", [x], kernel_shape=[2, 2], auto_pad="SAME_UPPER")
case("global average pool", "GlobalAveragePool", [x])
case("global average pool 1-d", "GlobalAveragePool", [f(2, 3, 9)])
case("batch norm", "BatchNormalization", [x, f(6), f(6), f(6), np.abs(f(6)) + 0.1], epsilon=0.001)
case("batch norm rank 2", "BatchNormalization", [f(4, 6), f(6), f(6), f(6), np.abs(f(6)) + 0.1])
case("flatten", "Flatten", [f(2, 3, 4, 5)])
case("flatten at 2", "Flatten", [f(2, 3, 4, 5)], axis=2)
case("flatten at 0", "Flatten", [f(2, 3)], axis=0)
case("flatten at -1", "Flatten", [f(2, 3, 4)], axis=-1)
case("reshape", "Reshape", [f(2, 3, 4), i(0, -1)], constants=(1,))
case("reshape split", "Reshape", [f(2, 6), i(2, 2, 3)], constants=(1,))
case("transpose", "Transpose", [f(2, 3, 4)])
case("transpose perm", "Transpose", [f(2, 3, 4)], perm=[1, 2, 0])
case("squeeze axes input", "Squeeze", [f(2, 1, 3, 1), i(1)], constants=(1,))
case("squeeze all", "Squeeze", [f(2, 1, 3, 1)])
case("squeeze attribute", "Squeeze", [f(2, 1, 3, 1)], opset=11, axes=[3])
case("unsqueeze input", "Unsqueeze", [f(2, 3), i(0, -1)], constants=(1,))
case("unsqueeze attribute", "Unsqueeze", [f(2, 3)], opset=11, axes=[1])
case("concat", "Concat", [f(2, 3), f(2, 1), f(2, 2)], axis=1)
case("concat last", "Concat", [f(2, 3), f(2, 1)], axis=-1)
case("split even", "Split", [f(2, 6)], outputs=3, axis=1)
case("split input", "Split", [f(2, 6), i(1, 5)], outputs=2, constants=(1,), axis=1)
case("split attribute", "Split", [f(2, 6)], opset=11, outputs=2, axis=1, split=[4, 2])
case("split uneven", "Split", [f(2, 7)], opset=18, outputs=3, axis=1, num_outputs=3)
case("slice", "Slice", [f(4, 6), i(1, 0), i(3, 6), i(0, 1), i(1, 2)], constants=(1, 2, 3, 4))
case("slice negative", "Slice", [f(4, 6), i(-1), i(-(2**62)), i(1), i(-2)], constants=(1, 2, 3, 4))
case("slice to the end", "Slice", [f(4, 6), i(-3), i(2**63 - 1), i(-1)], constants=(1, 2, 3))
case("slice attributes", "Slice", [f(4, 6)], opset=9, starts=[1], ends=[1000], axes=[0])
case("gather rows", "Gather", [f(5, 3), i(4, 0, -1)])
case("gather columns", "Gather", [f(5, 3), np.array([[0, 2], [1, 1]], np.int64)], axis=1)
case("gather one", "Gather", [f(5, 3), np.array(2, np.int64)])
case("shape", "Shape", [f(5, 3, 2)])
case("shape part", "Shape", [f(5, 3, 2)], start=1, end=-1)
case("cast to integers", "Cast", [f(3, 4) * 5], to=int(TensorProto.INT64))
case("cast to bool", "Cast", [i(0, 3, -1)], to=int(TensorProto.BOOL))
case("dropout rests", "Dropout", [f(3, 4)])
case("dropout attribute", "Dropout", [f(3, 4)], opset=10, ratio=0.7)
case("pad", "Pad", [f(2, 3), i(1, 0, 0, 2)], constants=(1,))
case("pad value, cut", "Pad", [f(3, 4), i(0, -1, 1, 0), np.array(2.5, np.float32)], constants=(1, 2))
case("pad axes", "Pad", [f(2, 3), i(1, 2), None, i(1)], opset=18, constants=(1, 3))
case("pad attribute", "Pad", [f(2, 3)], opset=10, pads=[1, 0, 0, 2], value=1.5)
case("reduce mean", "ReduceMean", [f(2, 3, 4)], axes=[1, -1])
case("reduce mean all", "ReduceMean", [f(2, 3, 4)], keepdims=0)
case("reduce mean input", "ReduceMean", [f(2, 3, 4), i(2)], opset=18, constants=(1,), keepdims=0)
case("quantize u8", "QuantizeLinear", [f(3, 4) * 4, np.array(0.02, np.float32), np.array(120, np.uint8)], constants=(1, 2))
case("quantize halves", "QuantizeLinear", [np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32), np.array(1, np.float32), np.array(0, np.int8)], constants=(1, 2))
case("quantize per axis", "QuantizeLinear", [f(3, 4), np.array([0.1, 0.2, 0.3], np.float32), np.array([0, 1, 2], np.int8)], constants=(1, 2), axis=0)
case("dequantize", "DequantizeLinear", [rng.integers(0, 255, (3, 4)).astype(np.uint8), np.array(0.02, np.float32), np.array(120, np.uint8)], constants=(1, 2))
case("dequantize per axis", "DequantizeLinear", [rng.integers(-128, 127, (3, 4)).astype(np.int8), np.array([0.1, 0.2, 0.3, 0.4], np.float32)], constants=(1,), axis=1)

# Element by element
for name in ["Elu", "Selu", "Celu", "Softplus", "Mish", "Softsign", "ThresholdedRelu", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos"]:
    case(name.lower(), name, [f(3, 4) * 3], opset=18)
for name in ["Elu", "Celu", "ThresholdedRelu"]:
    case(name.lower() + " alpha", name, [f(3, 4)], opset=18, alpha=0.6)
case("prelu", "PRelu", [f(2, 3, 4), f(3, 1)])
case("isnan", "IsNaN", [np.array([1, np.nan, np.inf], np.float32)])
case("not", "Not", [np.array([True, False])])
for name in ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"]:
    case(name.lower(), name, [np.array([[1, 2, 3]], np.float32), np.array([[2], [3]], np.float32)])
for name in ["And", "Or", "Xor"]:
    case(name.lower(), name, [np.array([True, False, True, False]), np.array([[True], [False]])])
case("mod integers", "Mod", [i(7, -7, 7, -7), i(3, 3, -3, -3)])
case("mod truncated", "Mod", [i(7, -7, 7, -7), i(3, 3, -3, -3)], fmod=1)
case("mod floats", "Mod", [f(6) * 5, f(6)], fmod=1)
for name in ["Max", "Min", "Sum", "Mean"]:
    case(name.lower(), name, [f(2, 3), f(3), f(2, 1)])
case("max of one", "Max", [f(2, 3)])
case("where", "Where", [f(2, 3) > 0, f(3), f(2, 1)])

# Reductions
for name in ["ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"]:
    case(name.lower(), name, [f(2, 3, 4)], axes=[1, -1])
    case(name.lower() + " input", name, [f(2, 3, 4), i(0)], opset=18, constants=(1,), keepdims=0)
    case(name.lower() + " all", name, [f(2, 3)], opset=18, keepdims=0)
case("reducesum", "ReduceSum", [f(2, 3, 4), i(1)], constants=(1,))
case("reducesum nothing", "ReduceSum", [f(2, 3, 4)], noop_with_empty_axes=1)
case("reducesum integers", "ReduceSum", [i(1, 2, 3)])
case("reducelogsum", "ReduceLogSum", [np.abs(f(2, 3))], axes=[1])
case("argmax", "ArgMax", [f(3, 4)], axis=1)
case("argmax ties, last", "ArgMax", [np.array([[1, 2, 2, 0], [3, 3, 3, 3]], np.float32)], axis=1, keepdims=0, select_last_index=1)
case("argmin", "ArgMin", [f(3, 4)], keepdims=0)
case("topk", "TopK", [f(3, 6), i(2)], outputs=2, constants=(1,), axis=1)
case("topk smallest", "TopK", [f(5, 3), i(4)], outputs=2, constants=(1,), axis=0, largest=0)
case("cumsum", "CumSum", [f(3, 4), np.array(1, np.int64)], constants=(1,))
case("cumsum exclusive", "CumSum", [f(3, 4), np.array(-2, np.int64)], constants=(1,), exclusive=1, reverse=1)

# Positions and shapes
case("expand", "Expand", [f(3, 1), i(2, 1, 4)], constants=(1,))
case("tile", "Tile", [f(2, 3), i(2, 1)], constants=(1,))
case("depth to space", "DepthToSpace", [f(1, 8, 2, 3)], blocksize=2)
case("depth to space CRD", "DepthToSpace", [f(2, 8, 2, 3)], blocksize=2, mode="CRD")
case("space to depth", "SpaceToDepth", [f(1, 2, 4, 6)], blocksize=2)
case("gather elements", "GatherElements", [f(3, 4), np.array([[0, -1], [2, 1]], np.int64)], axis=0)
case("gather nd", "GatherND", [f(2, 3, 4), np.array([[0, 1], [1, -1]], np.int64)])
case("gather nd batch", "GatherND", [f(2, 3, 4), np.array([[[1], [0]], [[2], [2]]], np.int64)], batch_dims=1)
case("scatter elements", "ScatterElements", [f(3, 4), np.array([[2, 0], [1, 2]], np.int64), f(2, 2)], axis=1)
case("scatter nd", "ScatterND", [f(4, 3), np.array([[2], [0]], np.int64), f(2, 3)])
case("scatter nd elements", "ScatterND", [f(4, 3), np.array([[2, 1], [0, -1]], np.int64), f(2)])
case("one hot", "OneHot", [i(1, 3, -1, 9), np.array(4, np.int64), np.array([-1, 2], np.float32)], constants=(1,))
case("one hot axis", "OneHot", [np.array([[1, 0]], np.int64), np.array(3, np.int64), np.array([0, 1], np.float32)], constants=(1,), axis=1)
case("nonzero", "NonZero", [np.array([[1, 0, 2], [0, 0, 3]], np.float32)])
case("size", "Size", [f(3, 4)])
case("constant of shape", "ConstantOfShape", [i(2, 3)], constants=(0,))
case("range", "Range", [np.array(3, np.int64), np.array(11, np.int64), np.array(3, np.int64)], constants=(0, 1, 2))
case("range down", "Range", [np.array(2, np.float32), np.array(0, np.float32), np.array(-0.75, np.float32)], constants=(0, 1, 2))
case("trilu", "Trilu", [f(2, 3, 4)], upper=0)
case("trilu diagonal", "Trilu", [f(3, 4), np.array(-1, np.int64)], constants=(1,))

# Normalization
case("layer norm", "LayerNormalization", [f(2, 3, 4), f(4), f(4)])
case("layer norm statistics", "LayerNormalization", [f(2, 3, 4), f(3, 4)], outputs=3, axis=1, epsilon=0.01)
case("group norm", "GroupNormalization", [f(2, 6, 3), f(6), f(6)], opset=21, num_groups=3)
case("instance norm", "InstanceNormalization", [f(2, 3, 4, 2), f(3), f(3)], epsilon=0.01)
case("lp norm", "LpNormalization", [f(3, 4)], axis=0)
case("lp norm 1", "LpNormalization", [f(3, 4)], p=1)
case("lrn", "LRN", [f(2, 6, 3, 3)], size=5, alpha=0.5, beta=0.6, bias=1.5)

# Convolution and pooling
case("conv 3-D", "Conv", [f(1, 2, 4, 5, 3), f(3, 2, 2, 3, 2), f(3)], strides=[2, 1, 1], pads=[1, 0, 1, 0, 2, 0])
case("conv 3-D grouped", "Conv", [f(2, 4, 3, 3, 3), f(4, 2, 2, 2, 2)], group=2, auto_pad="SAME_UPPER")
case("conv transpose", "ConvTranspose", [f(1, 2, 3, 4), f(2, 3, 3, 2), f(3)], strides=[2, 1], pads=[1, 0, 0, 1])
case("conv transpose output padding", "ConvTranspose", [f(1, 2, 3, 3), f(2, 3, 3, 3)], strides=[3, 2], output_padding=[2, 1])
case("conv transpose output shape", "ConvTranspose", [f(1, 2, 3, 3), f(2, 1, 4, 4)], strides=[2, 2], output_shape=[5, 6])
case("conv transpose same", "ConvTranspose", [f(1, 2, 3, 3), f(2, 1, 3, 3)], strides=[2, 2], auto_pad="SAME_UPPER")
case("conv transpose same lower", "ConvTranspose", [f(1, 2, 3, 3), f(2, 1, 3, 3)], strides=[2, 2], auto_pad="SAME_LOWER")
case("conv transpose 1-D", "ConvTranspose", [f(2, 4, 5), f(4, 1, 3)], group=4, dilations=[2])
case("conv transpose 3-D", "ConvTranspose", [f(1, 4, 2, 3, 2), f(4, 1, 2, 2, 3), f(2)], group=2, strides=[2, 1, 1])
case("max pool 3-D", "MaxPool", [f(1, 2, 4, 5, 4)], kernel_shape=[2, 3, 2], strides=[1, 2, 2], pads=[0, 1, 0, 1, 1, 0])
case("max pool positions", "MaxPool", [f(2, 2, 5, 4)], outputs=2, kernel_shape=[2, 2], strides=[2, 1])
case("max pool 3-D positions", "MaxPool", [f(2, 2, 3, 4, 4)], outputs=2, kernel_shape=[2, 2, 2])
case("average pool 3-D", "AveragePool", [f(1, 2, 4, 5, 4)], kernel_shape=[2, 3, 2], strides=[1, 2, 2], pads=[0, 1, 0, 1, 1, 0])
case("average pool dilated", "AveragePool", [f(1, 2, 7, 7)], opset=19, kernel_shape=[2, 3], dilations=[3, 2])
case("lp pool", "LpPool", [f(1, 2, 5, 5)], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0])
case("lp pool 1", "LpPool", [f(1, 2, 6)], kernel_shape=[3], p=1)
case("global max pool", "GlobalMaxPool", [f(2, 3, 4, 2)])
case("global lp pool", "GlobalLpPool", [f(2, 3, 4)], p=3)
case("max unpool", "MaxUnpool", [np.array([[[[1, 2], [3, 4]]]], np.float32), np.array([[[[5, 7], [13, 15]]]], np.int64)], kernel_shape=[2, 2], strides=[2, 2])
case("max unpool shape", "MaxUnpool", [np.array([[[[5, 6], [7, 8]]]], np.float32), np.array([[[[5, 7], [13, 15]]]], np.int64), i(1, 1, 5, 5)],
     constants=(2,), kernel_shape=[2, 2], strides=[2, 2])
case("col2im", "Col2Im", [f(1, 8, 6), i(3, 4), i(2, 2)], opset=18, constants=(1, 2))
case("col2im strided", "Col2Im", [f(2, 4, 9), i(5, 4), i(2, 2)], opset=18, constants=(1, 2), strides=[2, 2], pads=[0, 1, 1, 1])

# Interpolation
s = lambda *v: np.array(v, np.float32)
x4 = f(1, 2, 4, 5)
for mode in ["nearest", "linear", "cubic"]:
    for place in ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]:
        case(f"resize {mode} {place}", "Resize", [x4, None, None, i(1, 2, 7, 3)], opset=19, constants=(3,), mode=mode, coordinate_transformation_mode=place)
for rounding in ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]:
    case(f"resize {rounding}", "Resize", [x4, None, s(1, 1, 1.5, 0.6)], opset=18, constants=(2,), mode="nearest", nearest_mode=rounding)
    case(f"resize {rounding} asymmetric", "Resize", [x4, None, s(1, 1, 2, 2)], opset=18, constants=(2,), mode="nearest", nearest_mode=rounding,
         coordinate_transformation_mode="asymmetric")
case("resize linear down", "Resize", [x4, None, s(1, 1, 0.6, 0.6)], opset=18, constants=(2,), mode="linear")
case("resize cubic outside", "Resize", [x4, None, s(1, 1, 0.8, 2)], opset=18, constants=(2,), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
case("resize linear antialias", "Resize", [f(1, 1, 8, 8), None, s(1, 1, 0.6, 0.4)], opset=18, constants=(2,), mode="linear", antialias=1)
case("resize cubic antialias", "Resize", [f(1, 1, 8, 8), None, s(1, 1, 0.6, 1.4)], opset=18, constants=(2,), mode="cubic", antialias=1)
case("resize crop", "Resize", [x4, s(0, 0, 0.1, -0.2, 1, 1, 0.8, 1.2), None, i(1, 2, 3, 4)], opset=18, constants=(1, 3), mode="linear",
     coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0)
case("resize axes", "Resize", [x4, None, None, i(6, 8)], opset=18, constants=(3,), mode="linear", axes=[2, 3])
case("resize not larger", "Resize", [x4, None, None, i(7, 8)], opset=18, constants=(3,), mode="nearest", axes=[2, 3], keep_aspect_ratio_policy="not_larger")
case("resize not smaller", "Resize", [x4, None, None, i(7, 8)], opset=18, constants=(3,), mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_smaller")
case("resize opset 10", "Resize", [x4, s(1, 1, 2, 1.5)], opset=10, constants=(1,), mode="nearest")
case("resize volume", "Resize", [f(1, 1, 2, 3, 2), None, s(1, 1, 2, 2, 1.5)], opset=13, constants=(2,), mode="linear")
for mode in ["linear", "nearest", "cubic"]:
    for padding in ["zeros", "border", "reflection"]:
        case(f"grid sample {mode} {padding}", "GridSample", [x4, rng.uniform(-1.3, 1.3, (1, 3, 2, 2)).astype(np.float32)], opset=20,
             mode=mode, padding_mode=padding, align_corners=int(padding == "border"))

# Recurrence
def recurrent(name, op, gates, direction="forward", extra=(), outputs=2, bias=True, **attributes):
    d = 2 if direction == "bidirectional" else 1
    values = [f(4, 3, 2), f(d, gates * 2, 2), f(d, gates * 2, 2), f(d, gates * 4) if bias else None] + list(extra)
    case(name, op, values, outputs=outputs, hidden_size=2, direction=direction, **attributes)


lengths = np.array([4, 2, 3], np.int32)
recurrent("lstm", "LSTM", 4, outputs=3)
recurrent("lstm reverse", "LSTM", 4, "reverse", outputs=3, bias=False)
recurrent("lstm everything", "LSTM", 4, "bidirectional", [lengths, f(2, 3, 2), f(2, 3, 2), f(2, 6)], outputs=3)
recurrent("lstm clip", "LSTM", 4, "forward", [None, f(1, 3, 2), f(1, 3, 2)], outputs=3, clip=0.5)
recurrent("lstm activations", "LSTM", 4, outputs=3, activations=["HardSigmoid", "Softsign", "LeakyRelu"], activation_alpha=[0.3, 0.1], activation_beta=[0.4])
recurrent("gru", "GRU", 3)
recurrent("gru before reset", "GRU", 3, linear_before_reset=1)
recurrent("gru everything", "GRU", 3, "bidirectional", [lengths, f(2, 3, 2)], linear_before_reset=1)
recurrent("gru reverse lengths", "GRU", 3, "reverse", [lengths])
recurrent("rnn", "RNN", 1)
recurrent("rnn everything", "RNN", 1, "bidirectional", [lengths, f(2, 3, 2)], activations=["Relu", "Tanh"])

# Signals
case("dft", "DFT", [f(2, 6, 2)], opset=17)
case("dft real, one side", "DFT", [f(2, 7, 1)], opset=17, onesided=1)
case("dft inverse", "DFT", [f(2, 5, 2)], opset=17, inverse=1)
case("dft length", "DFT", [f(2, 5, 1), np.array(8, np.int64)], opset=17, constants=(1,))
case("dft axis input", "DFT", [f(4, 3, 2), None, np.array(0, np.int64)], opset=20, constants=(2,))
case("stft", "STFT", [f(2, 20, 1), np.array(4, np.int64), np.hanning(8).astype(np.float32), np.array(8, np.int64)], opset=17, constants=(1, 2, 3))
case("stft window only", "STFT", [f(1, 20, 1), np.array(5, np.int64), np.hanning(6).astype(np.float32)], opset=17, constants=(1, 2), onesided=0)
for name in ["HannWindow", "HammingWindow", "BlackmanWindow"]:
    case(name, name, [np.array(7, np.int64)], opset=17, constants=(0,))
case("HannWindow symmetric", "HannWindow", [np.array(6, np.int64)], opset=17, constants=(0,), periodic=0)

# Attention
case("attention", "Attention", [f(2, 2, 3, 4), f(2, 2, 5, 4), f(2, 2, 5, 4)], opset=23)
case("attention mask, scale", "Attention", [f(1, 2, 3, 4), f(1, 2, 5, 4), f(1, 2, 5, 3), f(3, 5)], opset=23, scale=0.3)
case("attention grouped causal", "Attention", [f(2, 3, 8), f(2, 3, 4), f(2, 3, 4)], opset=23, q_num_heads=4, kv_num_heads=2, is_causal=1)
case("rotary", "RotaryEmbedding", [f(2, 3, 4, 6), f(8, 3), f(8, 3), rng.integers(0, 8, (2, 4))], opset=23)
case("rotary flat, interleaved", "RotaryEmbedding", [f(2, 4, 12), f(2, 4, 3), f(2, 4, 3)], opset=23, num_heads=2, interleaved=1)
case("rotary in part", "RotaryEmbedding", [f(1, 2, 3, 6), f(5, 2), f(5, 2), i(4, 0, 2).reshape(1, 3)], opset=23, rotary_embedding_dim=4)

# Further functions of elements
for op in ["Acos", "Asin", "Atanh"]:
    case(op, op, [(rng.random((3, 4)) * 1.8 - 0.9).astype(np.float32)])
for op in ["Asinh", "Atan", "Cosh", "Sinh", "Tan"]:
    case(op, op, [f(3, 4)])
case("Acosh", "Acosh", [(1 + rng.random((3, 4)) * 3).astype(np.float32)])
case("shrink", "Shrink", [f(4, 5)], lambd=0.4, bias=0.25)
case("isinf", "IsInf", [np.array([1, np.inf, -np.inf, 0], np.float32)])
case("isinf negative", "IsInf", [np.array([1, np.inf, -np.inf], np.float32)], detect_positive=0)
case("cast like", "CastLike", [f(3, 4) * 10, i(1)])
integers = rng.integers(0, 60, (3, 4)).astype(np.int32)
for op in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]:
    case(op, op, [integers, rng.integers(0, 60, (4,)).astype(np.int32)], opset=18)
case("BitwiseNot", "BitwiseNot", [integers], opset=18)
for direction in ["LEFT", "RIGHT"]:
    case(f"bit shift {direction}", "BitShift", [integers.astype(np.uint8), np.array([1, 2, 0, 3], np.uint8)], direction=direction)
case("hardmax", "Hardmax", [f(2, 3, 4)], axis=1)
case("mean variance", "MeanVarianceNormalization", [f(2, 3, 4, 4)])
case("det", "Det", [f(2, 3, 3)])
case("eye like", "EyeLike", [f(3, 4)], k=1, dtype=TensorProto.INT64)

# Chosen, turned, cut
case("compress axis", "Compress", [f(3, 4), np.array([True, False, True])], axis=0)
case("compress flat", "Compress", [f(3, 4), np.array([False, True, True, False, True])])
case("reverse sequence", "ReverseSequence", [f(4, 3, 2), i(4, 1, 3)])
case("reverse sequence batch first", "ReverseSequence", [f(3, 4), i(2, 4, 1)], batch_axis=0, time_axis=1)
case("unique", "Unique", [np.array([3, 1, 2, 3, 1, 1], np.float32)], outputs=4)
case("unique unsorted", "Unique", [np.array([3, 1, 2, 3, 1, 1], np.float32)], outputs=4, sorted=0)
case("unique rows", "Unique", [np.array([[1, 0, 2], [0, 5, 1], [1, 0, 2]], np.float32)], outputs=4, axis=0)
case("center crop", "CenterCropPad", [f(5, 6), i(3, 9)], opset=18, constants=(1,))
case("affine grid", "AffineGrid", [f(2, 2, 3), i(2, 1, 3, 4)], opset=20, constants=(1,))
case("affine grid corners, 3-d", "AffineGrid", [f(1, 3, 4), i(1, 2, 2, 3, 4)], opset=20, constants=(1,), align_corners=1)
case("roi align", "RoiAlign", [f(1, 2, 7, 8), np.array([[0, 0, 5, 4], [1.5, 2, 6, 6.5]], np.float32), i(0, 0)], output_height=2, output_width=3, sampling_ratio=2, spatial_scale=0.8)
case("roi align old corners", "RoiAlign", [f(1, 2, 7, 8), np.array([[0, 1, 5, 4]], np.float32), i(0)], output_height=2, output_width=2, coordinate_transformation_mode="output_half_pixel")
boxes = np.array([[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3], [0, 2.05, 1, 3.1]]], np.float32)
case("non-max suppression", "NonMaxSuppression", [boxes, np.array([[[0.9, 0.75, 0.6, 0.95], [0.1, 0.8, 0.3, 0.2]]], np.float32), i(2), np.array([0.5], np.float32), np.array([0.2], np.float32)], constants=(2, 3, 4))

# Products, losses
case("einsum product", "Einsum", [f(3, 4), f(4, 5)], equation="ij,jk->ik")
case("einsum heads", "Einsum", [f(2, 3, 2, 4), f(2, 5, 2, 4)], equation="bqhd,bkhd->bhqk")
case("einsum dots", "Einsum", [f(2, 3, 4), f(3, 4)], equation="...ij,ij->...i")
case("nll", "NegativeLogLikelihoodLoss", [f(4, 3), rng.integers(0, 3, 4)])
case("nll positions, weights, one ignored", "NegativeLogLikelihoodLoss", [f(2, 3, 2, 2), rng.integers(0, 3, (2, 2, 2)), np.array([0.5, 1, 2], np.float32)], reduction="sum", ignore_index=1)
case("softmax cross-entropy", "SoftmaxCrossEntropyLoss", [f(4, 3), rng.integers(0, 3, 4)], outputs=2)

# Integers
case("dynamic grid", "DynamicQuantizeLinear", [f(3, 4)], outputs=3)
case("integer product", "MatMulInteger", [rng.integers(0, 256, (3, 4)).astype(np.uint8), rng.integers(-128, 128, (4, 5)).astype(np.int8), np.array(120, np.uint8), np.array(3, np.int8)])
case("integer convolution", "ConvInteger", [rng.integers(0, 256, (1, 2, 5, 5)).astype(np.uint8), rng.integers(0, 256, (3, 2, 3, 3)).astype(np.uint8), np.array(7, np.uint8)], pads=[1, 1, 1, 1])
case("mel", "MelWeightMatrix", [np.array(5, np.int64), np.array(32, np.int64), np.array(8000, np.int64), np.array(20, np.float32), np.array(3800, np.float32)], constants=(0, 1, 2, 3, 4))

# Nothing to reduce along: squares, logarithms and absolute values are still taken
case("reducesumsquare nothing", "ReduceSumSquare", [f(2, 3)], opset=18, noop_with_empty_axes=1)
case("reducelogsum nothing", "ReduceLogSum", [np.abs(f(2, 3)) + np.float32(0.5)], opset=18, noop_with_empty_axes=1)
case("reducel1 nothing", "ReduceL1", [f(2, 3)], opset=18, noop_with_empty_axes=1)

# Windows smaller than their stride
case("conv transpose same, window below stride", "ConvTranspose", [f(1, 1, 3, 2), f(1, 2, 1, 2), f(2)], strides=[2, 3], auto_pad="SAME_UPPER")
case("conv transpose output shape, window below stride", "ConvTranspose", [f(1, 1, 4), f(1, 1, 1), f(1)], strides=[2], output_shape=[8])

path = os.path.join(os.path.dirname(__file__), "cases.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases")
