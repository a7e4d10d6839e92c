"""The committed fixture: its files are as listed, and ONNX Runtime gives its reference values."""

import hashlib
import json

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from housestyle_models.runtime import run, session


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


@pytest.mark.parametrize("name", ["train_step", "train_step_denoising"])
def test_the_training_step_learns_as_recorded(fixtures, values, about, name):
    size = json.loads((fixtures / f"tiny/{name}/layout.json").read_text())["parameters"]
    feeds = {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}
    curve = feeds.pop("curve")
    feeds.pop("adapted_states", None)
    feeds |= {"first_moment": np.zeros(size, np.float32), "second_moment": np.zeros(size, np.float32)}
    assert len(curve) == about["training"]["steps"]
    step = session(fixtures / f"tiny/{name}/model.onnx")
    names = [output.name for output in step.get_outputs()]
    for number, expected in enumerate(curve, start=1):
        feeds["step"] = np.array(float(number), np.float32)
        out = dict(zip(names, step.run(names, feeds), strict=True))
        np.testing.assert_allclose([out[key] for key in about["training"]["outputs"]], expected, rtol=1e-4, atol=1e-4)
        feeds |= {key: out[f"{key}_out"] for key in ("params", "first_moment", "second_moment")}
