"""Makes the ONNX files of this folder that test single features of the reader.

    python Tests/Golden/onnx/generate_onnx.py

NAME.onnx, NAME.input.npy and NAME.output.npy (what ONNX Runtime gives). Weights and inputs: numpy default_rng(0).
Made with onnx 1.23.2, onnxruntime 1.31.1, numpy 2.4.6.
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

HERE = Path(__file__).parent
rng = np.random.default_rng(0)


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def tensor(array, name):
    return numpy_helper.from_array(np.asarray(array), name)


def save(name, nodes, initializers, shape, rank, opset, inputs=(), check=True, **extra):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", T.FLOAT, ["batch", *shape[1:]]), *inputs],
        [helper.make_tensor_value_info("y", T.FLOAT, [None] * rank)], initializers, **extra)
    ir = {7: 3, 9: 4, 12: 7, 17: 8, 21: 10}[opset]
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    if check:
        onnx.checker.check_model(model)
    path = HERE / f"{name}.onnx"
    onnx.save(model, path)
    x = floats(*shape)
    np.save(HERE / f"{name}.input.npy", x)
    options = onnxruntime.SessionOptions()  # as written: optimized, quantized layers round otherwise
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    np.save(HERE / f"{name}.output.npy", session.run(None, {"x": x})[0])


def opset7():
    """Attributes that became inputs, initializers that are listed as inputs, nodes without names."""
    w, g = floats(4, 2, 3, 3), floats(4)
    initializers = [tensor(w, "w"), *[tensor(v, n) for n, v in
                    [("scale", g), ("shift", floats(4)), ("mean", floats(4)), ("var", np.abs(floats(4)) + 0.5)]]]
    listed = [helper.make_tensor_value_info(i.name, T.FLOAT, list(i.dims)) for i in initializers]
    nodes = [
        helper.make_node("Pad", ["x"], ["padded"], pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.5),
        helper.make_node("Conv", ["padded", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["b"], spatial=1),
        helper.make_node("Clip", ["b"], ["clipped"], min=-1.0, max=2.0),
        helper.make_node("Dropout", ["clipped"], ["d"], ratio=0.25),
        helper.make_node("Slice", ["d"], ["s"], starts=[1], ends=[3], axes=[1]),
        helper.make_node("GlobalAveragePool", ["s"], ["g"]),
        helper.make_node("Squeeze", ["g"], ["q"], axes=[2, 3]),
        helper.make_node("Unsqueeze", ["q"], ["u"], axes=[2]),
        helper.make_node("Softmax", ["u"], ["y"]),  # from axis 1 on, as one
    ]
    save("opset7", nodes, initializers, (2, 2, 5, 5), 3, 7, inputs=listed)


def opset12():
    """Split by an attribute, clip with one bound, weights in Constant nodes."""
    nodes = [
        helper.make_node("Constant", [], ["w"], value=tensor(floats(6, 8), "")),
        helper.make_node("MatMul", ["x", "w"], ["m"], name="matmul"),
        helper.make_node("Split", ["m"], ["left", "right"], name="split", axis=1, split=[3, 5]),
        helper.make_node("Constant", [], ["low"], value=tensor(np.float32(-0.5), "")),
        helper.make_node("Clip", ["left", "low"], ["clipped"], name="clip"),
        helper.make_node("ReduceMean", ["right"], ["mean"], name="reduce", axes=[1]),
        helper.make_node("Mul", ["clipped", "mean"], ["product"], name="mul"),
        helper.make_node("LogSoftmax", ["product"], ["y"], name="softmax", axis=1),
    ]
    save("opset12", nodes, [], (3, 6), 2, 12)


def types():
    """Every element type, as typed lists and as raw bytes, cast to f32 and added up."""
    nodes, initializers, total = [], [], "x"
    kinds = [("float", T.FLOAT), ("double", T.DOUBLE), ("half", T.FLOAT16), ("brain", T.BFLOAT16), ("int8", T.INT8),
             ("uint8", T.UINT8), ("int16", T.INT16), ("uint16", T.UINT16), ("int32", T.INT32), ("int64", T.INT64),
             ("bool", T.BOOL)]
    for name, kind in kinds:
        values = [1, 0, 1] if kind == T.BOOL else [3, 0, 120]
        if kind in (T.FLOAT, T.DOUBLE, T.FLOAT16, T.BFLOAT16, T.INT8, T.INT16, T.INT32, T.INT64):
            values[1] = -2
        listed = helper.make_tensor(f"{name}_list", kind, [3], values)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        raw = helper.make_tensor(f"{name}_raw", kind, [3], np.array(values, dtype).tobytes(), raw=True)
        for t in (listed, raw):
            initializers.append(t)
            nodes.append(helper.make_node("Cast", [t.name], [f"{t.name}_f"], name=f"cast_{t.name}", to=T.FLOAT))
            nodes.append(helper.make_node("Add", [total, f"{t.name}_f"], [f"{t.name}_sum"], name=f"add_{t.name}"))
            total = f"{t.name}_sum"
    nodes.append(helper.make_node("Identity", [total], ["y"], name="end"))
    save("types", nodes, initializers, (2, 3), 2, 17)


def qdq():
    """Integer weights: signed per channel, unsigned with zero points per tensor; quantized activations stay nodes."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"], name="x_quantize"),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"], name="x_dequantize"),
        helper.make_node("DequantizeLinear", ["wq", "w_scale", "w_zero"], ["w"], name="w_dequantize", axis=0),
        helper.make_node("Conv", ["xd", "w", "bias"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["g"], name="pool"),
        helper.make_node("Flatten", ["g"], ["f"], name="flatten"),
        helper.make_node("DequantizeLinear", ["vq", "v_scale", "v_zero"], ["v"], name="v_dequantize"),
        helper.make_node("MatMul", ["f", "v"], ["y"], name="matmul"),
    ]
    initializers = [
        tensor(np.float32(0.05), "x_scale"), tensor(np.uint8(128), "x_zero"),
        tensor(rng.integers(-127, 128, (4, 2, 3, 3)).astype(np.int8), "wq"),
        tensor(np.abs(floats(4)) * 0.01 + 0.001, "w_scale"), tensor(np.zeros(4, np.int8), "w_zero"),
        tensor(floats(4), "bias"),
        tensor(rng.integers(0, 256, (4, 3)).astype(np.uint8), "vq"), tensor(np.float32(0.02), "v_scale"),
        tensor(np.uint8(117), "v_zero"),
    ]
    save("qdq", nodes, initializers, (2, 2, 6, 6), 2, 17)


def int4():
    """Four-bit weights, an odd number of them."""
    wq = helper.make_tensor("wq", T.INT4, [5, 3], rng.integers(-8, 8, 15).tolist())
    nodes = [
        helper.make_node("DequantizeLinear", ["wq", "w_scale"], ["w"], name="w_dequantize", axis=1),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul"),
    ]
    save("int4", nodes, [wq, tensor(np.abs(floats(3)) + 0.1, "w_scale")], (2, 5), 2, 21)


def sparse():
    """A sparse initializer with flat positions."""
    values = tensor(floats(4), "w")
    indices = tensor(np.array([1, 4, 9, 14], np.int64), "")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")]
    save("sparse", nodes, [], (2, 5), 2, 17, sparse_initializer=[helper.make_sparse_tensor(values, indices, [5, 3])])


def external():
    """Two tensors in one file beside the model, at offsets."""
    w, b = floats(6, 4), floats(4)
    (HERE / "external.data").write_bytes(b"\0" * 16 + w.tobytes() + b"\0" * 8 + b.tobytes())
    tensors = [tensor(w, "w"), tensor(b, "b")]
    for t, offset in zip(tensors, (16, 16 + w.nbytes + 8)):
        set_external_data(t, "external.data", offset=offset, length=len(t.raw_data))
        t.ClearField("raw_data")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"], name="matmul"),
             helper.make_node("Add", ["m", "b"], ["y"], name="add")]
    save("external", nodes, tensors, (2, 6), 2, 17, check=False)


if __name__ == "__main__":
    for make in (opset7, opset12, types, qdq, int4, sparse, external):
        make()
