"""Replacing a bundle's evaluator changes that file and the facts about it, and nothing else."""

import hashlib
import shutil

import numpy as np
import torch
import yaml

from housestyle_models.bundle import replace_evaluator
from housestyle_models.fixture import Evaluator
from housestyle_models.runtime import run


def test_another_evaluator_leaves_the_rest_as_it_was(fixtures, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(fixtures / "tiny", folder)
    before = yaml.safe_load((folder / "bundle.yaml").read_text())["spec"]
    size = before["evaluator"]["size"]
    judge = Evaluator(torch.rand(8, 3, size, size) * 2 - 1).eval()
    written = replace_evaluator(folder, judge, {"style": 0.5}, 7.5, "MIT", half=False)
    after = yaml.safe_load((folder / "bundle.yaml").read_text())["spec"]
    assert after["evaluator"]["held_out"] == {"style": 0.5} and after["measured"]["minutes_trained"]["evaluator"] == 7.5
    changed = {name for name, entry in after["files"].items() if entry != before["files"][name]}
    assert changed == {"evaluator/model.onnx"} and after["files"].keys() == before["files"].keys()
    assert written.digest == hashlib.sha256((folder / "bundle.yaml").read_bytes()).hexdigest()
    pixels = torch.rand(2, 3, size, size) * 2 - 1
    given = run(folder / "evaluator/model.onnx", {"pixel_values": pixels.numpy()})["style_logits"]
    with torch.no_grad():
        np.testing.assert_allclose(given, judge(pixels)[0].numpy(), atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
