"""Rewriting a graph keeps its values and stores what fp16 holds exactly as fp16."""

import numpy as np
import onnx_ir as ir
import pytest

from housestyle_models.graph import HALF_FROM, halve, tidy
from housestyle_models.runtime import run

SHAPE = (32, 16)


def product(weight: np.ndarray, domain: str = "") -> ir.Model:
    """A model that multiplies `x` [batch, 32] by a weight [32, 16], with traces of where it was made."""
    batch = ir.SymbolicDim("batch")
    x = ir.val("x", ir.DataType.FLOAT, ir.Shape([batch, SHAPE[0]]))
    held = ir.val("weight", const_value=ir.tensor(weight, name="weight"))
    node = ir.node("MatMul", [x, held], domain=domain, doc_string="made in /somewhere/model.py")
    out = node.outputs[0]
    out.name, out.type = "y", ir.TensorType(ir.DataType.FLOAT)
    out.shape = ir.Shape([batch, SHAPE[1]])
    graph = ir.Graph([x], [out], nodes=[node], initializers=[held], opset_imports={"": 18, domain: 1 if domain else 18})
    return ir.Model(graph, ir_version=10, producer_name="somebody")


def values(model: ir.Model, folder) -> np.ndarray:
    path = folder / "model.onnx"
    ir.save(model, path)
    return run(path, {"x": np.linspace(-1, 1, 3 * SHAPE[0], dtype=np.float32).reshape(3, -1)})["y"]


def test_weights_that_fp16_holds_are_halved_without_a_change_of_values(tmp_path):
    weight = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float16).astype(np.float32)
    assert weight.size >= HALF_FROM
    model = product(weight)
    before = values(model, tmp_path)
    halve(model)
    assert [tensor.const_value.dtype for tensor in model.graph.initializers.values()] == [ir.DataType.FLOAT16]
    assert np.array_equal(values(model, tmp_path), before)


def test_a_weight_that_fp16_would_change_stays(tmp_path):
    model = product(np.full(SHAPE, 0.1, np.float32))
    halve(model)
    assert [tensor.const_value.dtype for tensor in model.graph.initializers.values()] == [ir.DataType.FLOAT]
    assert np.isfinite(values(model, tmp_path)).all()


def test_nothing_tells_where_a_model_was_made(tmp_path):
    model = product(np.ones(SHAPE, np.float32))
    tidy(model)
    assert model.producer_name == "housestyle"
    assert b"somewhere" not in ir.to_proto(model).SerializeToString()
    assert values(model, tmp_path).shape == (3, SHAPE[1])


def test_operators_outside_the_standard_are_refused():
    with pytest.raises(ValueError, match="outside the standard ONNX domain"):
        tidy(product(np.ones(SHAPE, np.float32), domain="com.example"))
