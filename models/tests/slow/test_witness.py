"""A second witness: onnxruntime-training (its last release, 1.19.2) learns the fixture as the exported step does.

It derives gradients and AdamW by itself from a forward graph; it lives in an environment of its own (`make
models-witness`), as its package takes the place of `onnxruntime`. Skipped where that release does not install: it has
wheels up to CPython 3.11.
"""

import json
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from housestyle_models import export, fixture
from housestyle_models.paths import PROJECT
from housestyle_models.train_step import BETAS, CLIP_NORM, EPSILON, make_step

WITNESS = PROJECT / ".venv-witness/bin/python"
BATCH = ("image_features", "input_ids", "targets", "allowed")
SCALARS = ("cross_entropy_weight", "triplet_weight", "denoising_weight", "margin")
STEPS = 20


class Forward(nn.Module):
    """The step's cross-entropy as a function of the batch, its vector a parameter. (The triplet's hardest negative is a
    maximum, for which that release has no gradient.)"""

    def __init__(self, step, params, scalars):
        super().__init__()
        self.step, self.scalars, self.text = [step], scalars, step.text
        self.params = nn.Parameter(params)

    def forward(self, *batch):
        _, (cross_entropy, *_) = self.step[0].losses(self.params, self.scalars, dict(zip(BATCH, batch, strict=True)))
        return cross_entropy


def exported_curve(fixtures, recorded) -> list[float]:
    """The losses of the graph that the Rust trainer feeds, on plain ONNX Runtime, the cross-entropy alone."""
    size = json.loads((fixtures / "tiny/train_step/layout.json").read_text())["parameters"]
    feeds = {k: v for k, v in recorded.items() if k not in ("curve", "adapted_states")}
    feeds |= {"first_moment": np.zeros(size, np.float32), "second_moment": np.zeros(size, np.float32)}
    feeds["triplet_weight"] = np.array(0.0, np.float32)
    losses = []
    for number in range(1, STEPS + 1):
        feeds["step"] = np.array(float(number), np.float32)
        out = export.run(fixtures / "tiny/train_step/model.onnx", feeds)
        losses.append(float(out["loss"]))
        feeds |= {key: out[f"{key}_out"] for key in ("params", "first_moment", "second_moment")}
    return losses


@pytest.mark.skipif(
    not WITNESS.exists(),
    reason="onnxruntime-training 1.19.2 is not installed (make models-witness; CPython up to 3.11)",
)
def test_the_training_build_of_onnx_runtime_learns_the_same(fixtures, tmp_path):
    values = load_file(fixtures / "reference.safetensors")
    recorded = {k.removeprefix("train_step."): v for k, v in values.items() if k.startswith("train_step.")}
    # The exported graph holds its weights in half precision.
    step = make_step(export.round_to_half(fixture.components().text_encoder), fixture.TRAINING)
    scalars = {name: torch.tensor(float(recorded[name])) for name in SCALARS}
    batch = [torch.from_numpy(recorded[name]) for name in BATCH]
    batch[1] = batch[1].long()
    model = Forward(step, torch.from_numpy(recorded["params"]), scalars).eval()
    names = {"input_names": list(BATCH), "output_names": ["loss"]}
    graph = torch.onnx.export(
        model, tuple(batch), dynamo=True, opset_version=18, **names, optimize=False, verbose=False
    ).model
    export.tidy(graph)
    graph.ir_version = 9  # what the onnx package of its time writes
    (tmp_path / "forward.onnx").write_bytes(ir.to_proto(graph).SerializeToString())
    np.savez(tmp_path / "feeds.npz", **{name: value.numpy() for name, value in zip(BATCH, batch, strict=True)})
    settings = {
        "betas": BETAS,
        "epsilon": EPSILON,
        "clip_norm": CLIP_NORM,
        "learning_rate": float(recorded["learning_rate"]),
        "weight_decay": float(recorded["weight_decay"]),
        "steps": STEPS,
    }
    files = [tmp_path / "forward.onnx", tmp_path / "feeds.npz"]
    command = [
        WITNESS,
        Path(__file__).with_name("witness.py"),
        *files,
        json.dumps(settings),
        sysconfig.get_path("purelib"),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    losses = json.loads(said.stdout.splitlines()[-1])
    np.testing.assert_allclose(losses, exported_curve(fixtures, recorded), rtol=1e-4, atol=1e-4)
    assert losses[-1] < 0.97 * losses[0], "nothing was learned"
