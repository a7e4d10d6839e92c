"""The autoencoder: 128 × 128 pictures to 8 × 8 latents and back, a `diffusers.AutoencoderKL` on space-to-depth
pictures.

4 × 4 pixels become channels, so no convolution runs at full size: that is what makes it cheap. Beside the network runs
a linear code of 16 × 16 blocks, their principal components: training starts at what that reaches (25 dB)
instead of at nothing, and the network learns what is missing. The loss is L1 on pixels and on their differences at two
scales (edges are what a drawing is made of), and a light KL term; the decoder learns from sampled latents, so that it
forgives a UNet's small errors. Eight by eight latents keep a UNet step at a quarter of the cost of sixteen by sixteen.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor, nn

from .judges import unknown
from .pictures import Pictures, mirrored, shifted
from .places import WORK
from .seen import summary
from .splits import read
from .training import SEED, Settings, Trainer, half, trained

CHANNELS = 48
SIDE = 8
PATCH = 4
BLOCK = 16
"""Pixels a side that one latent place stands for."""
WIDTHS = (64, 128, 256)
FIRST = 1500
"""Training pictures that the linear code is fitted on."""


class Autoencoder(AutoencoderKL):
    """Pixels [b, 3, 128, 128] in [-1, 1] to latents [b, 48, 8, 8] and back."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, channels: int = CHANNELS) -> None:
        super().__init__(
            in_channels=3 * PATCH**2,
            out_channels=3 * PATCH**2,
            latent_channels=channels,
            down_block_types=("DownEncoderBlock2D",) * len(widths),
            up_block_types=("UpDecoderBlock2D",) * len(widths),
            block_out_channels=widths,
            layers_per_block=1,
            norm_num_groups=16,
            sample_size=32,
            mid_block_add_attention=False,
        )
        self.register_to_config(patch_size=PATCH)
        self.shorten = nn.Conv2d(3 * BLOCK**2, channels, 1)
        self.restore = nn.Conv2d(channels, 3 * BLOCK**2, 1)
        # Principal components are the best linear code as they are; large steps would only blur them.
        self.shorten.requires_grad_(False)
        self.restore.requires_grad_(False)
        # Latents begin with little noise (log variance -6), and the networks beside the linear code with no say.
        with torch.no_grad():
            self.quant_conv.weight.zero_()
            self.quant_conv.bias.zero_()
            self.quant_conv.bias[channels:] = -6
            self.decoder.conv_out.weight.zero_()
            self.decoder.conv_out.bias.zero_()

    @torch.no_grad()
    def begin_with(self, pixels: Tensor) -> None:
        """Sets the linear code to the principal components of the pictures' blocks; strong components are damped."""
        blocks = F.pixel_unshuffle(pixels, BLOCK).permute(0, 2, 3, 1).flatten(0, 2).double()
        mean = blocks.mean(0)
        values, vectors = torch.linalg.eigh((blocks - mean).T @ (blocks - mean) / len(blocks))
        size = self.shorten.out_channels
        spread = values[-size:].clamp_min(1e-6).sqrt()
        scale = spread.sqrt() / (spread.sqrt().square().mean().sqrt() * spread)
        encoded = vectors[:, -size:] * scale
        self.shorten.weight.copy_(encoded.T[:, :, None, None])
        self.shorten.bias.copy_(-mean @ encoded)
        self.restore.weight.copy_((vectors[:, -size:] / scale)[:, :, None, None])
        self.restore.bias.copy_(mean)

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        """Encodes pictures: the linear code, and what the network adds to it."""
        moments = self._encode(F.pixel_unshuffle(x, PATCH))
        mean, deviation = moments.chunk(2, 1)
        mean = mean + self.shorten(F.pixel_unshuffle(x, BLOCK))
        latents = DiagonalGaussianDistribution(torch.cat([mean, deviation], 1))
        return AutoencoderKLOutput(latent_dist=latents) if return_dict else (latents,)

    def decode(
        self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[Tensor]:
        """Decodes latents to pictures: the linear code's, and what the network adds."""
        added = F.pixel_shuffle(super().decode(z, return_dict=False)[0], PATCH)
        sample = F.pixel_shuffle(self.restore(z), BLOCK) + added
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The picture after the round trip through sampled latents, and the KL term a latent value."""
        latents = self.encode(x).latent_dist
        return self.decode(latents.sample()).sample, latents.kl().mean() / latents.mean[0].numel()


def edge_loss(x: Tensor, y: Tensor) -> Tensor:
    """L1 between the differences of neighbouring pixels."""
    across = (x[..., 1:] - x[..., :-1]) - (y[..., 1:] - y[..., :-1])
    down = (x[..., 1:, :] - x[..., :-1, :]) - (y[..., 1:, :] - y[..., :-1, :])
    return across.abs().mean() + down.abs().mean()


def round_trip(model: Autoencoder, x: Tensor) -> Tensor:
    """Encoded (the mean) and decoded pictures, in [-1, 1]."""
    return model.decode(model.encode(x).latent_dist.mean).sample.clamp(-1, 1)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal to noise ratio of each picture in [-1, 1], in decibels."""
    return -10 * ((x - y) / 2).square().mean((1, 2, 3)).clamp_min(1e-8).log10()


def held_out(kind: str, where: str, most: int = 256) -> Pictures:
    """Held-out drawings of seen houses of one kind (`kept`, `test`, …), at most so many."""
    cells = set(read().held_out[kind][:: max(1, len(read().held_out[kind]) // most)])
    return Pictures(lambda c: c in cells, where, ("real",))


def train(settings: Settings, where: str, looks: bool = True) -> None:
    """Trains or goes on training; `looks` says whether procedural looks teach too."""
    splits = read()
    pictures = Pictures(splits.trains, where, ("real", "looks") if looks else ("real",))
    kept = held_out("kept", where, 128)
    brands = unknown("kept", where)
    layout = torch.contiguous_format if where == "cpu" else torch.channels_last
    model = Autoencoder()
    if not (WORK / "autoencoder.pt").exists():
        some = torch.Generator().manual_seed(SEED)
        model.begin_with(pictures.take(torch.randint(len(pictures), (FIRST,), generator=some)).cpu())
    model = model.to(memory_format=layout)
    trainer = Trainer("autoencoder", model, settings, where, summary(pictures.digests))

    def step(model: nn.Module) -> tuple[Tensor, dict]:
        x = shifted(mirrored(pictures.take(torch.randint(len(pictures), (settings.batch,)))), 4)
        x = x.contiguous(memory_format=layout)
        with half(where):
            y, kl = model(x)
        y = y.float()
        l1, edge = (x - y).abs().mean(), edge_loss(x, y)
        coarse = edge_loss(F.avg_pool2d(x, 2), F.avg_pool2d(y, 2))
        loss = l1 + 0.5 * edge + 0.25 * coarse + 1e-3 * kl.float()
        return loss, {"l1": l1.detach(), "edge": edge.detach(), "kl": kl.detach()}

    def evaluate(model: nn.Module) -> dict[str, float]:
        def decibel(some: Pictures) -> float:
            return torch.cat([psnr(x, round_trip(model, x)) for x in some.all()]).mean().item()

        return {"psnr": decibel(kept), "psnr_unseen_brands": decibel(brands)}

    trainer.run(step, evaluate)


def load_autoencoder() -> Autoencoder:
    """The trained autoencoder."""
    return trained("autoencoder", Autoencoder())
