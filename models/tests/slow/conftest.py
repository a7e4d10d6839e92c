"""Shared parts: a small random Stable-Diffusion-1.x-shaped pipeline on disk, and the bundle imported from it (made
once)."""

import copy
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from housestyle_models import sd_import
from housestyle_models.bundle import Metadata
from housestyle_models.tokenizer import BOS, EOS, bytes_to_unicode

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_unet() -> UNet2DConditionModel:
    """Stable Diffusion 1.x's shape (cross-attention levels, then a plain one) at tiny widths."""
    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 8, 16),
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=16,
        attention_head_dim=2,
    ).eval()


@pytest.fixture(scope="session")
def pipeline_dir(small_unet, tmp_path_factory) -> Path:
    """The pipeline as diffusers saves it."""
    torch.manual_seed(2)
    letters = bytes_to_unicode()
    tokens = [*letters, *(letter + "</w>" for letter in letters), "fo", "fox</w>", BOS, EOS]
    tokenizer = CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[("f", "o"), ("fo", "x</w>")],
        model_max_length=77,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokens),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    )
    folder = tmp_path_factory.mktemp("sd") / "pipeline"
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=copy.deepcopy(small_unet),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def imported(pipeline_dir, tmp_path_factory):
    """The bundle made from it."""
    style = {"name": "stock", "look": "illustration", "licence": "MIT", "holder": "nobody", "source": "random weights"}
    about = Metadata("random-sd", "Random weights.", [style], seconds_per_step=0.01)
    return sd_import.import_pipeline(pipeline_dir, tmp_path_factory.mktemp("bundles") / "random-sd", about)
