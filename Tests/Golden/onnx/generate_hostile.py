"""Makes hostile/NAME.onnx: models that must be refused, each with one fault.

    python Tests/Golden/onnx/generate_hostile.py

Made with onnx 1.23.2, numpy 2.4.6.
"""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

HERE = Path(__file__).parent / "hostile"
W = np.arange(12, dtype=np.float32).reshape(3, 4)


def weight(**changes):
    t = numpy_helper.from_array(W, "w")
    for field, value in changes.items():
        if field in ("dims", "external_data", "float_data"):
            del getattr(t, field)[:]
            getattr(t, field).extend(value)
        elif value is None:
            t.ClearField(field)
        else:
            setattr(t, field, value)
    return t


def outside(location, **more):
    entries = [onnx.StringStringEntryProto(key=k, value=str(v)) for k, v in {"location": location, **more}.items()]
    return weight(raw_data=None, data_location=T.EXTERNAL, external_data=entries)


def model(nodes=None, initializers=None, opset=17, inputs=None, functions=(), imports=(), outputs=("y",)):
    nodes = nodes or [helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")]
    graph = helper.make_graph(
        nodes, "g", inputs or [helper.make_tensor_value_info("x", T.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info(o, T.FLOAT, ["N", 4]) for o in outputs],
        initializers if initializers is not None else [weight()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), *imports], functions=list(functions))


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=f"the_{op.lower()}", **attributes)


branch = helper.make_graph([], "b", [], [helper.make_tensor_value_info("x", T.FLOAT, ["N", 3])])
twice = node("MatMul", ["x", "w"], ["y"], a=1)
twice.attribute.append(helper.make_attribute("a", 2))
text = node("MatMul", ["x", "w"], ["y"], a="x")
text.attribute[0].s = b"\xff\xfe"
sequence = helper.make_tensor_sequence_value_info("x", T.FLOAT, ["N", 3])
no_opset = model()
del no_opset.opset_import[:]
no_graph = model()
no_graph.ClearField("graph")
ledger = model()
helper.set_model_props(ledger, {"pare.ledger": "[{\"method\": 3}]"})

CASES = {
    "raw_short": model(initializers=[weight(raw_data=W.tobytes()[:-1])]),
    "raw_long": model(initializers=[weight(raw_data=W.tobytes() + b"\0")]),
    "raw_missing": model(initializers=[weight(raw_data=None)]),
    "list_short": model(initializers=[weight(raw_data=None, float_data=[1.0, 2.0])]),
    "shape_negative": model(initializers=[weight(dims=[-3, -4])]),
    "shape_overflow": model(initializers=[weight(dims=[1 << 40, 1 << 40])]),
    "shape_huge": model(initializers=[weight(dims=[1 << 30, 4])]),
    "shape_rank": model(initializers=[weight(dims=[1] * 9 + [3, 4])]),
    "dtype_string": model(initializers=[helper.make_tensor("w", T.STRING, [1], [b"x"])]),
    "dtype_unknown": model(initializers=[weight(data_type=99)]),
    "byte_out_of_range": model(initializers=[helper.make_tensor("w", T.INT8, [1], [1]), ]),
    "bool_two": model(initializers=[weight(data_type=T.BOOL, dims=[1], raw_data=b"\2")]),
    "initializer_twice": model(initializers=[weight(), weight()]),
    "external_parent": model(initializers=[outside("../external.data", length=48)]),
    "external_absolute": model(initializers=[outside("/etc/passwd", length=48)]),
    "external_missing": model(initializers=[outside("nowhere.data", length=48)]),
    "external_beyond": model(initializers=[outside("some.data", offset=60, length=48)]),
    "external_overflow": model(initializers=[outside("some.data", offset=(1 << 63) - 1, length=48)]),
    "external_negative": model(initializers=[outside("some.data", offset=-1, length=48)]),
    "external_short": model(initializers=[outside("some.data", length=40)]),
    "external_own": model(initializers=[outside("", offset=0, length=48)]),
    "large_short": model(initializers=[weight(dims=[32, 64], raw_data=bytes(8191))]),
    "external_nothing": model(initializers=[weight(raw_data=None, data_location=T.EXTERNAL)]),
    "cycle": model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("MatMul", ["b", "w"], ["y"])]),
    "itself": model([node("Add", ["x", "y"], ["y"])], []),
    "undefined": model([node("MatMul", ["x", "wieght"], ["y"])]),
    "output_undefined": model(outputs=("z",)),
    "made_twice": model([node("MatMul", ["x", "w"], ["y"]), node("Relu", ["x"], ["y"])]),
    "made_and_given": model([node("MatMul", ["x", "w"], ["y"]), node("Relu", ["x"], ["w"])]),
    "no_name": model([helper.make_node("Relu", ["x"], [])]),
    "no_operator": model([helper.make_node("", ["x"], ["y"])]),
    "unknown_operator": model([node("Convv", ["x", "w"], ["y"])]),
    "unknown_domain": model([node("MatMul", ["x", "w"], ["y"], domain="some.where")],
                            imports=[helper.make_opsetid("some.where", 1)]),
    "branch": model([node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], [weight()]),
    "function": model([node("MyFunction", ["x"], ["y"], domain="mine")], imports=[helper.make_opsetid("mine", 1)],
                      functions=[helper.make_function("mine", "MyFunction", ["x"], ["y"],
                                                      [helper.make_node("MyFunction", ["x"], ["y"], domain="mine")],
                                                      [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)])]),
    "attribute_twice": model([twice]),
    "attribute_text": model([text]),
    "shapes_apart": model(initializers=[numpy_helper.from_array(W.T.copy(), "w")]),
    "opset_old": model(opset=6),
    "opset_new": model(opset=99),
    "opset_none": no_opset,
    "graph_none": no_graph,
    "input_sequence": model(inputs=[sequence]),
    "ledger": ledger,
}
wide = CASES["byte_out_of_range"].graph.initializer[0]
wide.int32_data[0] = 300
wide.ClearField("raw_data")

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, proto in CASES.items():
        (HERE / f"{name}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    (HERE / "some.data").write_bytes(bytes(64))
