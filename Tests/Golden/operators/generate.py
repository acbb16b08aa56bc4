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
        return {"dtype": str(x.dtype), "shape": list(x.shape), "values": [float(v) for v in x.flatten()]}

    cases.append({
        "name": name, "op": op, "opset": opset, "constants": list(constants),
        "attributes": {
            k: {"kind": kind(v), "value": v} for k, v in attributes.items()
        },
        "inputs": [None if x is None else tensor(x) for x in inputs],
        "outputs": [tensor(x) for x in results],
    })


def kind(v):
    if isinstance(v, list):
        return "ints"
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

path = os.path.join(os.path.dirname(__file__), "cases.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases")
