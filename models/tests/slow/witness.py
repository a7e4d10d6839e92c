"""Trains a forward graph with onnxruntime-training's on-device API: what `test_witness.py` runs in an environment of
its own.

In: `forward.onnx` (its output is the loss, its initializer `params` learns), `feeds.npz`, settings as JSON, the folder
that has torch. Out: the loss of every step, as JSON on standard output. The gradient graph and the optimizer are
onnxruntime-training's own: nothing of ours but the forward pass takes part.
"""

import json
import sys
import tempfile
from pathlib import Path

forward, feeds, settings, torch_from = sys.argv[1:]
# The package imports torch for parts that are not used here; at the end of the path nothing else is taken from there.
sys.path.append(torch_from)

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnxruntime.training import artifacts, onnxblock  # noqa: E402
from onnxruntime.training.api import CheckpointState, Module, Optimizer  # noqa: E402

settings = json.loads(settings)
model = onnx.load(forward)
weights = {weight.name: weight for weight in model.graph.initializer}
for i, node in enumerate(model.graph.node):
    if node.op_type != "LayerNormalization":
        continue
    # Its gradient reads mean and deviation, which exporters leave out, and is built for each weight under that weight's
    # name.
    node.output.extend(f"{node.output[0]}.{extra}" for extra in ("mean", "deviation")[len(node.output) - 1 :])
    for at, name in list(enumerate(node.input))[1:]:
        own = onnx.TensorProto()
        own.CopyFrom(weights[name])
        own.name = node.input[at] = f"{name}.{i}"
        model.graph.initializer.append(own)
frozen = [w.name for w in model.graph.initializer if w.name != "params" and w.data_type == onnx.TensorProto.FLOAT]
adamw = onnxblock.optim.AdamW(
    betas=settings["betas"],
    eps=settings["epsilon"],
    weight_decay=settings["weight_decay"],
    clip_grad=onnxblock.optim.ClipGradNorm(settings["clip_norm"]),
)
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    artifacts.generate_artifacts(
        model, requires_grad=["params"], frozen_params=frozen, optimizer=adamw, artifact_directory=folder
    )
    state = CheckpointState.load_checkpoint(folder / "checkpoint")
    module = Module(folder / "training_model.onnx", state, folder / "eval_model.onnx")
    optimizer = Optimizer(folder / "optimizer_model.onnx", module)
    optimizer.set_learning_rate(settings["learning_rate"])
    given = np.load(feeds)
    values = [given[name] for name in module.input_names()]
    module.train()
    losses = []
    for _ in range(settings["steps"]):
        losses.append(float(np.asarray(module(*values)).reshape(-1)[0]))
        optimizer.step()
        module.lazy_reset_grad()
print(json.dumps(losses))
