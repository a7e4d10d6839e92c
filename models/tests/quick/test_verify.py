"""`verify` passes the bundles that ship and names whatever is changed in a copy of one."""

import json
import shutil

import onnx
import pytest
import yaml

from housestyle_models.cli import main
from housestyle_models.paths import PROJECT
from housestyle_models.verify import digest, digests, verify


@pytest.fixture
def tiny(fixtures, tmp_path):
    return shutil.copytree(fixtures / "tiny", tmp_path / "tiny")


def relist(folder):
    """Writes the digests of the files as they are now, so that only what is wrong inside them is left to find."""
    facts = yaml.safe_load((folder / "bundle.yaml").read_text("utf-8"))
    facts["spec"]["files"] = digests(folder)
    (folder / "bundle.yaml").write_text(yaml.safe_dump(facts, sort_keys=False), "utf-8")


def test_the_reference_bundle_is_what_it_says():
    assert verify(PROJECT / "emoji-houses") == []


def test_the_fixture_is_what_it_says(tiny, capsys):
    assert main(["verify", str(tiny)]) == 0
    assert f"ok, sha256:{digest(tiny)}" in capsys.readouterr().out


def test_changed_missing_and_added_files_are_all_named(tiny, capsys):
    (tiny / "scheduler/scheduler_config.json").write_text("{}")
    (tiny / "vae_encoder/model.onnx").unlink()
    (tiny / "notes.txt").write_text("mine")
    problems = verify(tiny)
    assert [problem.split(":")[0] for problem in problems[:3]] == [
        "vae_encoder/model.onnx",
        "notes.txt",
        "scheduler/scheduler_config.json",
    ]
    assert any("cannot be loaded" in problem for problem in problems)
    assert main(["verify", str(tiny)]) == 1
    assert "notes.txt: bundle.yaml does not list it" in capsys.readouterr().err


def test_a_model_of_another_shape_is_named(tiny):
    path = tiny / "vae_decoder/model.onnx"
    model = onnx.load(path)
    model.graph.output[0].name = "picture"
    model.graph.node[-1].output[0] = "picture"
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, path)
    relist(tiny)
    problems = verify(tiny)
    assert "vae_decoder/model.onnx: its outputs are ['picture'], not ['sample']" in problems
    assert "vae_decoder/model.onnx: the batch of latent_sample is fixed" in problems


def test_a_layout_that_does_not_add_up_is_named(tiny):
    path = tiny / "train_step/layout.json"
    layout = json.loads(path.read_text())
    layout["tensors"].pop()
    path.write_text(json.dumps(layout))
    relist(tiny)
    (problem,) = verify(tiny)
    assert problem.startswith("train_step/layout.json: its tensors have")


def test_a_tokenizer_that_cuts_is_named(tiny):
    path = tiny / "tokenizer/tokenizer.json"
    tokenizer = json.loads(path.read_text("utf-8"))
    tokenizer["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps(tokenizer), "utf-8")
    relist(tiny)
    (problem,) = verify(tiny)
    assert "cuts long prompts" in problem


def test_a_folder_without_facts_is_one_problem(tmp_path):
    (problem,) = verify(tmp_path)
    assert problem.startswith("bundle.yaml: cannot be read")
