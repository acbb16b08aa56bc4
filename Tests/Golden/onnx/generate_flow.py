"""Makes the ONNX files of this folder that test what the reader takes apart: control flow, local functions, operators on
integers, and operators that later opsets replaced.

    python Tests/Golden/onnx/generate_flow.py

NAME.onnx, NAME.input.npy and NAME.output.npy (what ONNX Runtime gives). Weights and inputs: numpy default_rng(1).
Made with onnx 1.23.2, onnxruntime 1.31.1, numpy 2.4.6.
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper

HERE = Path(__file__).parent
rng = np.random.default_rng(1)
node = helper.make_node


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def tensor(array, name):
    return numpy_helper.from_array(np.asarray(array), name)


def value(name, kind=T.FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, initializers, shape, opset, free=True, functions=(), imports=(), ir=8):
    declared = ["batch", *shape[1:]] if free else list(shape)
    graph = helper.make_graph(nodes, name, [value("x", T.FLOAT, declared)], [value("y")], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), *imports], ir_version=ir, functions=list(functions))
    path = HERE / f"{name}.onnx"
    onnx.save(model, path)
    x = floats(*shape)
    np.save(HERE / f"{name}.input.npy", x)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    np.save(HERE / f"{name}.output.npy", session.run(None, {"x": x})[0])


def branch():
    """An If that the channels decide, in a branch of which another one stands."""
    inner = helper.make_graph([node("Mul", ["s", "factor"], ["scaled"], name="scale")], "inner", [], [value("scaled")],
                              [tensor(np.float32(3), "factor")])
    other = helper.make_graph([node("Neg", ["x"], ["turned"], name="turn")], "other", [], [value("turned")])
    outer = helper.make_graph(
        [node("Squeeze", ["x", "axis"], ["s"], name="squeeze"), node("If", ["yes"], ["result"], name="again", then_branch=inner, else_branch=other)],
        "outer", [], [value("result")], [tensor(np.array([2], np.int64), "axis"), tensor(np.array(True), "yes")])
    nodes = [
        node("Shape", ["x"], ["shape"], name="shape"), node("Gather", ["shape", "two"], ["size"], name="pick", axis=0),
        node("Equal", ["size", "one"], ["is_one"], name="compare"),
        node("If", ["is_one"], ["y"], name="choose", then_branch=outer, else_branch=other),
    ]
    save("branch_shape", nodes, [tensor(np.int64(2), "two"), tensor(np.int64(1), "one")], (2, 3, 1), 17)


def loop():
    """Three rounds of a linear layer, the states of all rounds as a second thing carried out."""
    body = helper.make_graph(
        [node("MatMul", ["state", "w"], ["m"], name="product"), node("Tanh", ["m"], ["next"], name="tanh"),
         node("Cast", ["i"], ["number"], name="cast", to=T.FLOAT), node("Add", ["next", "number"], ["seen"], name="mark"),
         node("Identity", ["go"], ["goes_on"], name="on")],
        "body", [value("i", T.INT64, []), value("go", T.BOOL, []), value("state")],
        [value("goes_on", T.BOOL, []), value("next"), value("seen")])
    nodes = [
        node("Loop", ["rounds", "start", "x"], ["last", "all"], name="loop", body=body),
        node("ReduceSum", ["all", "axis"], ["sum"], name="sum", keepdims=0), node("Add", ["sum", "last"], ["y"], name="end"),
    ]
    save("loop", nodes, [tensor(np.int64(3), "rounds"), tensor(np.array(True), "start"), tensor(floats(4, 4) * 0.5, "w"),
                         tensor(np.array([0], np.int64), "axis")], (2, 4), 17)


def scan():
    """A running sum along the second axis, backwards for the second thing made."""
    body = helper.make_graph(
        [node("Add", ["sum", "part"], ["more"], name="add"), node("Mul", ["more", "part"], ["made"], name="mul")],
        "body", [value("sum"), value("part")], [value("more"), value("made")])
    nodes = [
        node("Scan", ["zero", "x"], ["total", "rows"], name="scan", body=body, num_scan_inputs=1, scan_input_axes=[1],
             scan_output_axes=[1], scan_output_directions=[1]),
        node("Concat", ["rows", "wide"], ["y"], name="join", axis=1), node("Unsqueeze", ["total", "axis"], ["wide"], name="widen"),
    ]
    nodes = [nodes[0], nodes[2], nodes[1]]
    save("scan", nodes, [tensor(np.zeros((2, 3), np.float32), "zero"), tensor(np.array([1], np.int64), "axis")], (2, 4, 3), 17, free=False)


def functions():
    """Local functions, one calling the other, with an attribute handed on and one left at its default."""
    scaled = helper.make_function(
        "mine", "Scaled", ["a", "w"], ["b"],
        [node("MatMul", ["a", "w"], ["p"]), node("LeakyRelu", ["p"], ["b"])], [helper.make_opsetid("", 17)], ["slope"])
    reference = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    scaled.node[1].attribute.append(reference)
    twice = helper.make_function(
        "mine", "Twice", ["a", "w", "v"], ["c"],
        [node("Scaled", ["a", "w"], ["b"], domain="mine", slope=0.25), node("Scaled", ["b", "v"], ["c"], domain="mine")],
        [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)])
    nodes = [node("Twice", ["x", "w", "v"], ["y"], name="twice", domain="mine")]
    save("functions", nodes, [tensor(floats(4, 5), "w"), tensor(floats(5, 3), "v")], (2, 4), 17, functions=[scaled, twice],
         imports=[helper.make_opsetid("mine", 1)])


def qlinear():
    """Operators on integers: a convolution per channel with a bias, a sum, a matrix product."""
    grid = [tensor(np.float32(0.04), "xs"), tensor(np.uint8(120), "xz"), tensor(np.float32(0.08), "cs"), tensor(np.uint8(110), "cz"),
            tensor(np.float32(0.1), "ys"), tensor(np.uint8(128), "yz")]
    nodes = [
        node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="quantize"),
        node("QLinearConv", ["xq", "xs", "xz", "wq", "ws", "wz", "cs", "cz", "b"], ["cq"], name="conv", pads=[1, 1, 1, 1]),
        node("QLinearAdd", ["cq", "cs", "cz", "xq", "xs", "xz", "cs", "cz"], ["aq"], name="add", domain="com.microsoft"),
        node("DequantizeLinear", ["aq", "cs", "cz"], ["a"], name="dequantize"),
        node("ReduceMean", ["a"], ["m"], name="pool", axes=[2, 3], keepdims=0),
        node("QuantizeLinear", ["m", "cs", "cz"], ["mq"], name="quantize2"),
        node("QLinearMatMul", ["mq", "cs", "cz", "vq", "vs", "vz", "ys", "yz"], ["yq"], name="matmul"),
        node("DequantizeLinear", ["yq", "ys", "yz"], ["y"], name="dequantize2"),
    ]
    initializers = grid + [
        tensor(rng.integers(-127, 128, (4, 4, 3, 3)).astype(np.int8), "wq"), tensor(np.abs(floats(4)) * 0.01 + 0.002, "ws"),
        tensor(np.zeros(4, np.int8), "wz"), tensor(rng.integers(-400, 400, 4).astype(np.int32), "b"),
        tensor(rng.integers(0, 256, (4, 3)).astype(np.uint8), "vq"), tensor(np.float32(0.02), "vs"), tensor(np.uint8(117), "vz"),
    ]
    save("qlinear", nodes, initializers, (2, 4, 6, 6), 17, imports=[helper.make_opsetid("com.microsoft", 1)])


def upsample():
    """Upsample, and Resize as opset 10 had it."""
    nodes = [node("Upsample", ["x", "scales"], ["y"], name="up", mode="nearest")]
    save("upsample9", nodes, [tensor(np.array([1, 1, 2, 3], np.float32), "scales")], (1, 2, 3, 4), 9, ir=4)
    nodes = [node("Resize", ["x", "scales"], ["y"], name="resize", mode="linear")]
    save("resize10", nodes, [tensor(np.array([1, 1, 2, 1.5], np.float32), "scales")], (1, 2, 3, 4), 10, ir=5)


if __name__ == "__main__":
    for make in (branch, loop, scan, functions, qlinear, upsample):
        make()
