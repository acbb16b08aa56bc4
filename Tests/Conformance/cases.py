"""Lists the operator cases that the package onnx ships, and the types that ONNX's own inference gives their values.

    python cases.py OUT.json
"""
import json
import pathlib
import sys

import onnx
import onnx.backend.test
from onnx import shape_inference


def sizes(tensor):
    if not tensor.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]


def types(model):
    """By value: element type and sizes, null where ONNX does not know them. What the case itself says of its outputs is
    taken away first, so that it is inferred."""
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # a case of an operator that ONNX cannot infer
        return {}
    values = list(inferred.value_info) + list(inferred.output)
    return {
        v.name: {"element": v.type.tensor_type.elem_type, "sizes": sizes(v.type.tensor_type)}
        for v in values if v.type.HasField("tensor_type")
    }


def case(folder):
    path = folder / "model.onnx"
    model = onnx.load(str(path))
    operators = {(n.domain + "." if n.domain not in ("", "ai.onnx") else "") + n.op_type for n in model.graph.node}
    sets = [
        {kind: sorted((str(p) for p in data.glob(f"{kind}_*.pb")), key=lambda p: int(p.rsplit("_", 1)[1][:-3]))
         for kind in ("input", "output")}
        for data in sorted(folder.glob("test_data_set_*"))
    ]
    return {"name": folder.name, "path": str(path), "operators": sorted(operators), "sets": sets, "types": types(model)}


data = pathlib.Path(onnx.backend.test.__file__).parent / "data" / "node"
pathlib.Path(sys.argv[1]).write_text(json.dumps([case(f) for f in sorted(data.iterdir()) if (f / "model.onnx").exists()]))
