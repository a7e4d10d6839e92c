"""A Stable-Diffusion-1.x-shaped pipeline becomes a bundle whose every file does what the pipeline's parts do."""

import copy
import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest
import torch
import yaml
from diffusers import StableDiffusionPipeline
from tokenizers import Tokenizer

from housestyle_models import export, sd_import
from housestyle_models.bundle import unet_ports
from housestyle_models.dual_attention import PlainUNet


@pytest.fixture(scope="module")
def facts(imported):
    return yaml.safe_load((imported.path / "bundle.yaml").read_text())["spec"]


def test_every_export_was_checked_against_pytorch(imported):
    assert set(imported.models) == {"text_encoder", "unet", "vae_decoder", "vae_encoder"}
    assert all(model.deviation < export.TOLERANCE for model in imported.models.values())


def test_facts_come_from_the_configs(facts):
    assert facts["sizes"] == [16] and facts["tokenizer"]["max_length"] == 77 and facts["cross_attention_layers"] == 7
    assert facts["latent"] == {"channels": 4, "downscale": 2, "scaling_factor": 0.18215, "shift_factor": 0.0}
    assert "evaluator" not in facts and "categories" not in facts


def test_digests_and_sizes_name_every_file(imported, facts):
    files = {path.relative_to(imported.path).as_posix(): path for path in imported.path.rglob("*") if path.is_file()}
    assert set(facts["files"]) == set(files) - {"bundle.yaml", "README.md"}
    for name, entry in facts["files"].items():
        data = files[name].read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert imported.digest == hashlib.sha256((imported.path / "bundle.yaml").read_bytes()).hexdigest()


def test_models_are_standard_small_and_tell_nothing_of_this_machine(imported):
    for name in imported.models:
        path = imported.path / name / "model.onnx"
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert {item.domain for item in model.opset_import} == {""} and 18 <= model.opset_import[0].version <= 20
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        assert b".py" not in path.read_bytes()
        assert {value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input} == {"batch"}
        large = [tensor for tensor in model.graph.initializer if np.prod(tensor.dims) >= export.HALF_FROM]
        kinds = [tensor.data_type for tensor in large if tensor.data_type != onnx.TensorProto.INT64]
        assert kinds and kinds.count(onnx.TensorProto.FLOAT16) > 0.8 * len(kinds)


def test_onnx_unet_at_scale_zero_is_the_unmodified_unet_bit_for_bit(imported, small_unet, tmp_path):
    ports = unet_ports(export.normal(4, 8, 8), 77, 16)
    plain = export.export(
        PlainUNet(copy.deepcopy(small_unet)), ports[:3], ["out_sample"], tmp_path / "plain/model.onnx"
    )
    generator = torch.Generator().manual_seed(5)
    feeds = {port.name: port.sample(3, generator).numpy() for port in ports}
    expected = export.run(plain.path, {port.name: feeds[port.name] for port in ports[:3]})["out_sample"]
    unet = imported.path / "unet/model.onnx"
    zero = export.run(unet, {**feeds, "style_scale": np.zeros((3, 7), np.float32)})["out_sample"]
    assert np.array_equal(zero, expected)
    half = export.run(unet, {**feeds, "style_scale": np.full((3, 7), 0.5, np.float32)})["out_sample"]
    assert np.abs(half - expected).max() > 1e-3
    one = export.run(unet, {**feeds, "style_scale": np.ones((3, 7), np.float32)})["out_sample"]
    swapped = {**feeds, "encoder_hidden_states": feeds["encoder_hidden_states_style"]}
    style_only = export.run(plain.path, {port.name: swapped[port.name] for port in ports[:3]})["out_sample"]
    assert np.array_equal(one, style_only)


@torch.no_grad()
def test_prompt_states_are_the_pipelines_own(imported, pipeline_dir):
    pipeline = StableDiffusionPipeline.from_pretrained(pipeline_dir, safety_checker=None, local_files_only=True)
    pipeline.text_encoder = export.round_to_half(pipeline.text_encoder)
    expected, _ = pipeline.encode_prompt("a fox in Zørgblatt style", "cpu", 1, False)
    tokenizer = Tokenizer.from_file(str(imported.path / "tokenizer/tokenizer.json"))
    ids = np.array([tokenizer.encode("a fox in Zørgblatt style").ids])
    states = export.run(imported.path / "text_encoder/model.onnx", {"input_ids": ids})["last_hidden_state"]
    assert np.abs(states - expected.numpy()).max() < 1e-5


def test_pickled_weights_and_other_shapes_are_refused(pipeline_dir, tmp_path):
    copied = tmp_path / "pipeline"
    shutil.copytree(pipeline_dir, copied)
    weights = next((copied / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"unet has no \.safetensors"):
        sd_import.load(copied)
    index = json.loads((copied / "model_index.json").read_text())
    (copied / "model_index.json").write_text(json.dumps({**index, "unet": ["diffusers", "FluxTransformer2DModel"]}))
    with pytest.raises(ValueError, match="FluxTransformer2DModel"):
        sd_import.load(copied)
    (copied / "model_index.json").unlink()
    with pytest.raises(ValueError, match=r"model_index\.json is missing"):
        sd_import.load(copied)
