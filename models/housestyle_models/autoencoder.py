"""The autoencoder: 64 × 64 pictures to 8 × 8 latents of 16 channels and back.

A `diffusers.AutoencoderKL` on space-to-depth pictures (4 × 4 pixels become channels): convolutions on 16 × 16 maps cost
a CPU a tenth of those on 64 × 64. Loss: L1 on pixels and on their differences (edges are what a drawing is made of),
and a light KL term; the sampled latents make the decoder forgive the UNet's small errors.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput

from .paths import checkpoint
from .pictures import Pictures, jitter
from .training import Averaged, Config, Options, Trainer, device, trained

LATENT_CHANNELS = 16
PATCH = 4
CONFIGS = {
    "small": (Config(minutes=42, batch=16, lr=1.5e-3, ema=0.995), (64, 128), 1),
    "base": (Config(minutes=15, batch=128, lr=1e-3, ema=0.999), (128, 256), 2),
}


class PatchAutoencoder(AutoencoderKL):
    """`AutoencoderKL` between pixel-unshuffle and pixel-shuffle. Pixels [b, 3, 64, 64] in [-1, 1], latents [b, 16, 8,
    8]."""

    def __init__(self, widths: tuple[int, int], layers: int) -> None:
        super().__init__(
            in_channels=3 * PATCH**2,
            out_channels=3 * PATCH**2,
            latent_channels=LATENT_CHANNELS,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=widths,
            layers_per_block=layers,
            norm_num_groups=16,
            sample_size=16,
            mid_block_add_attention=False,
        )
        self.register_to_config(patch_size=PATCH)

    def encode(
        self, x: torch.Tensor, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        return super().encode(F.pixel_unshuffle(x, PATCH), return_dict)

    def decode(
        self, z: torch.Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[torch.Tensor]:
        sample = F.pixel_shuffle(super().decode(z, return_dict=False)[0], PATCH)
        return DecoderOutput(sample=sample) if return_dict else (sample,)


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the differences of neighbouring pixels, across and down."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def train(options: Options) -> None:
    """Trains the autoencoder until its budget is spent."""
    options.apply()
    config, widths, layers = CONFIGS[options.config]
    config.minutes = options.minutes or config.minutes
    where = device()
    pictures = Pictures(lambda r: r["pretraining"], where)
    held_out = Pictures(lambda r: not r["pretraining"] and r["split"] == "fewshot" and r["house"] != "fxemoji", where)
    model = PatchAutoencoder(widths, layers).to(where, memory_format=torch.channels_last)
    trainer = Trainer(checkpoint("autoencoder"), model, config, where)

    def step(_: int) -> tuple[torch.Tensor, dict[str, float]]:
        x = pictures.pixels[torch.randint(len(pictures), (config.batch,))]
        x = jitter(x, degrees=0, zoom=0.05, shift=0.04, flip=True).to(memory_format=torch.channels_last)
        latents = model.encode(x).latent_dist
        y = model.decode(latents.sample()).sample
        l1 = (x - y).abs().mean()
        edge = sum((a - b).abs().mean() for a, b in zip(edges(x), edges(y), strict=True))
        kl = latents.kl().mean() / latents.mean[0].numel()
        return l1 + 0.5 * edge + 2e-3 * kl, {"l1": l1.item(), "edge": edge.item(), "kl": kl.item()}

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        with Averaged(trainer) as m:
            mean = m.encode(held_out.pixels).latent_dist.mean
            y = m.decode(mean).sample.clamp(-1, 1)
            mse = ((held_out.pixels - y) / 2).square().mean(dim=(1, 2, 3))
        return {"held_out_psnr": round((-10 * mse.log10()).mean().item(), 2), "latent_std": round(mean.std().item(), 3)}

    trainer.run(step, evaluate)


def load_autoencoder(config: str = "small") -> PatchAutoencoder:
    """The trained autoencoder with averaged weights."""
    _, widths, layers = CONFIGS[config]
    return trained(checkpoint("autoencoder"), PatchAutoencoder(widths, layers))
