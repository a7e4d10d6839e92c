"""The committed fixture: its files are as listed, and ONNX Runtime gives its reference values."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from housestyle_models.bundle import replace_evaluator
from housestyle_models.export import run
from housestyle_models.fixture import Evaluator


@pytest.fixture(scope="module")
def values(fixtures):
    return load_file(fixtures / "reference.safetensors")


@pytest.fixture(scope="module")
def about(fixtures):
    return json.loads((fixtures / "reference.json").read_text())


def close(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() < 1e-4


def test_files_are_as_listed(fixtures):
    listed = yaml.safe_load((fixtures / "tiny/bundle.yaml").read_text())["spec"]["files"]
    for name, entry in listed.items():
        data = (fixtures / "tiny" / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}, name


def test_prompts(fixtures, values, about):
    tokenizer = Tokenizer.from_file(str(fixtures / "tiny/tokenizer/tokenizer.json"))
    for index, text in enumerate(about["prompts"]):
        ids = np.array([tokenizer.encode(text).ids])
        assert np.array_equal(ids[0], values[f"tokens.{index}"])
        out = run(fixtures / "tiny/text_encoder/model.onnx", {"input_ids": ids})
        close(out["last_hidden_state"][0], values[f"text.{index}.last_hidden_state"])
        close(out["text_embeds"][0], values[f"text.{index}.text_embeds"])
    long = about["too_long"]
    assert len(tokenizer.encode(long["text"]).ids) == long["tokens"] > long["max_length"]


def test_unet_at_every_scale(fixtures, values, about):
    feeds = {
        "sample": values["unet.sample"],
        "timestep": values["unet.timestep"],
        "encoder_hidden_states": values["unet.h_c"],
        "encoder_hidden_states_style": values["unet.h_s"],
    }
    scales = {key: np.full((3, about["cross_attention_layers"]), float(key), np.float32) for key in ("0", "0.5", "1")}
    scales["mixed"] = values["unet.style_scale_mixed"]
    outs = {}
    for key, scale in scales.items():
        outs[key] = run(fixtures / "tiny/unet/model.onnx", {**feeds, "style_scale": scale})["out_sample"]
        close(outs[key], values[f"unet.out_scale_{key}"])
    plain = run(fixtures / "tiny_unet_plain.onnx", {key: feeds[key] for key in list(feeds)[:3]})["out_sample"]
    assert np.array_equal(outs["0"], plain)
    close(plain, values["unet.plain"])


def test_pictures_and_verdicts(fixtures, values):
    tiny = fixtures / "tiny"
    close(run(tiny / "vae_decoder/model.onnx", {"latent_sample": values["vae.latent"]})["sample"], values["vae.image"])
    pixels = values["evaluator.pixels"]
    close(run(tiny / "vae_encoder/model.onnx", {"sample": pixels})["latent_sample"], values["vae.encoded"])
    close(run(tiny / "image_encoder/model.onnx", {"pixel_values": pixels})["image_embeds"], values["image.embeds"])
    for name, value in run(tiny / "evaluator/model.onnx", {"pixel_values": pixels}).items():
        close(value, values[f"evaluator.{name}"])


def test_every_scheduler_case_is_whole(values, about):
    assert len(about["schedulers"]) >= 150
    for case in about["schedulers"]:
        assert np.isfinite(values[f"sched.{case['id']}.final"]).all()
        assert len(values[f"sched.{case['id']}.timesteps"]) == case["steps"]
        drawn = [key for key in values if key.startswith(f"sched.{case['id']}.noise.")]
        assert len(drawn) == (case["steps"] if case["sampler"] == "euler-a" else 0)


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
    with torch.no_grad():
        close(run(folder / "evaluator/model.onnx", {"pixel_values": pixels.numpy()})["style_logits"], judge(pixels)[0].numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
