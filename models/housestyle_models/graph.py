"""Rewrites an exported ONNX graph: standard operators only, no traces of the machine, large weights as fp16.

In: a model in memory (`onnx_ir.Model`). Out: the same model, changed in place. Invariants: the graph computes the same
values; what is left depends on the module alone, so the same weights give the same bytes. Needs no PyTorch.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxscript.optimizer

HALF_FROM = 256  # initialisers with fewer elements stay fp32: a Cast would cost more than it saves


def tidy(model: ir.Model) -> None:
    """Folds constants, refuses non-standard operators, drops stack traces, source paths and intermediate shapes.

    Weights stay as they are (the runtime fuses batch norms at load), so that rounded ones can be stored as fp16.
    """
    ir.passes.Sequential(common.InlinePass())(model)
    onnxscript.optimizer.fold_constants(model, should_fold=lambda node: False if _turns_a_weight(node) else None)
    ir.passes.Sequential(
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.NameFixPass(),
    )(model)
    foreign = {node.domain for node in model.graph.all_nodes() if node.domain not in ("", "ai.onnx")}
    if foreign or model.functions:
        raise ValueError(
            f"the export uses operators outside the standard ONNX domain: {sorted(foreign) or 'functions'}"
        )
    kept = {*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()}
    model.producer_name, model.producer_version, model.doc_string = "housestyle", None, None
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.graph.doc_string = None
    model.graph.name = "main"
    for value in kept:
        value.metadata_props.clear()
        value.doc_string = None
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            if value not in kept:
                value.metadata_props.clear()
                value.shape, value.type = None, None


def _turns_a_weight(node: ir.Node) -> bool:
    """A transposed weight is left for the runtime to fold: so each weight stands once in the file, under its module's
    name."""
    return node.op_type == "Transpose" and node.inputs[0] is not None and node.inputs[0].is_initializer()


def halve(model: ir.Model) -> None:
    """Stores every large fp32 initialiser that fp16 holds without loss as fp16 and a Cast."""
    casts = []
    for name, value in list(model.graph.initializers.items()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < HALF_FROM:
            continue
        full = tensor.numpy()
        with np.errstate(over="ignore"):  # what overflows is not equal, and stays
            half = full.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), full):
            continue
        stored = ir.val(f"{name}_fp16", const_value=ir.tensor(half, name=f"{name}_fp16"))
        widened = ir.node("Cast", [stored], attributes={"to": ir.DataType.FLOAT.value}, name=f"widen_{name}")
        value.replace_all_uses_with(widened.outputs[0], replace_graph_outputs=True)
        del model.graph.initializers[name]
        widened.outputs[0].name = name
        model.graph.register_initializer(stored)
        casts.append(widened)
    if casts and len(model.graph) > 0:
        model.graph.insert_before(model.graph[0], casts)
