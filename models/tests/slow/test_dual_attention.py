"""The style stream changes nothing at scale 0 and is the unmodified UNet on the style prompt at scale 1."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel

from housestyle_models.dual_attention import DualUNet, PlainUNet, cross_attention_layers, install


@pytest.fixture(scope="module")
def both(small_unet):
    return PlainUNet(copy.deepcopy(small_unet)), DualUNet(copy.deepcopy(small_unet))


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return torch.randn(3, 4, 8, 8), torch.tensor([1.0, 500.0, 999.0]), torch.randn(3, 9, 16), torch.randn(3, 7, 16)


@torch.no_grad()
def test_scale_zero_is_the_unmodified_unet_bit_for_bit(both, inputs):
    plain, dual = both
    sample, timestep, category, style = inputs
    assert torch.equal(
        dual(sample, timestep, category, style, torch.zeros(3, dual.layers)), plain(sample, timestep, category)
    )


@torch.no_grad()
def test_scale_one_reads_the_style_prompt_alone(both, inputs):
    plain, dual = both
    sample, timestep, category, style = inputs
    assert torch.equal(
        dual(sample, timestep, category, style, torch.ones(3, dual.layers)), plain(sample, timestep, style)
    )


@torch.no_grad()
def test_scale_is_per_sample_and_per_layer(both, inputs):
    plain, dual = both
    sample, timestep, category, style = inputs
    scale = torch.zeros(3, dual.layers)
    scale[1] = 0.5
    scale[2, -1] = 1.0
    out = dual(sample, timestep, category, style, scale)
    expected = plain(sample, timestep, category)
    assert torch.allclose(out[0], expected[0], atol=1e-6)
    assert (out[1] - expected[1]).abs().max() > 1e-3
    assert (out[2] - expected[2]).abs().max() > 1e-5


@torch.no_grad()
def test_equal_prompts_make_the_scale_irrelevant(both, inputs):
    plain, dual = both
    sample, timestep, category, _ = inputs
    out = dual(sample, timestep, category, category, torch.full((3, dual.layers), 0.3))
    assert torch.allclose(out, plain(sample, timestep, category), atol=1e-5)


@torch.no_grad()
def test_the_unet_stays_usable_without_a_style(both, inputs):
    plain, dual = both
    sample, timestep, category, _ = inputs
    assert torch.equal(PlainUNet(dual.unet)(sample, timestep, category), plain(sample, timestep, category))


def test_layers_are_counted_as_they_run(small_unet):
    names = cross_attention_layers(small_unet)
    assert [name.split("_")[0] for name in names] == ["down"] * 2 + ["mid"] + ["up"] * 4


def test_other_shapes_are_refused():
    other = UNet2DConditionModel(
        block_out_channels=(8,),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=8,
        attention_head_dim=2,
        class_embed_type="timestep",
    )
    with pytest.raises(ValueError, match="class_embed_type"):
        install(other)
