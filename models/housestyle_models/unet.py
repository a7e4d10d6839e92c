"""The text-conditioned UNet over the autoencoder's latents: `diffusers.UNet2DConditionModel`, v-prediction, linear
betas.

In: the trained autoencoder and CLIP. Latents (six shifted copies of each drawing) and text states (several captions of
each) are computed once and kept, since both encoders are frozen here. A tenth of the captions is empty, for guidance.
"""

import random
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel

from .autoencoder import LATENT_CHANNELS, load_autoencoder
from .captions import CATEGORY_PROMPT, STYLE_PROMPT, described, plain, words
from .clip import load_clip
from .houses import BY_NAME
from .paths import WORK, checkpoint
from .pictures import Pictures, jitter
from .tokenizer import encode
from .training import Config, Options, Trainer, device, trained

CONFIGS = {
    "small": (Config(minutes=65, batch=32, lr=1e-3, ema=0.999, weight_decay=0.01, log_every=200), (64, 128), 1),
    "base": (Config(minutes=60, batch=256, lr=4e-4, ema=0.9995, weight_decay=0.01, log_every=100), (192, 384), 2),
}
COPIES = 6
VARIANTS = 3
EMPTY = 0.1
DESCRIBED = 0.65


def build_unet(config: str, cross_attention_dim: int) -> UNet2DConditionModel:
    """Returns an untrained UNet of a configuration."""
    _, widths, layers = CONFIGS[config]
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=widths,
        layers_per_block=layers,
        cross_attention_dim=cross_attention_dim,
        attention_head_dim=4,  # heads, by diffusers' historical naming
        norm_num_groups=16,
    )


def scheduler() -> DDIMScheduler:
    """The training noise schedule; `trailing` spacing starts sampling from pure noise."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
    )


@torch.no_grad()
def prepare(config: str) -> dict[str, Any]:
    """Latents, text states and who goes with what; computed once, kept in `.work/unet-data.pt`."""
    path = WORK / "unet-data.pt"
    if path.exists():
        return torch.load(path, weights_only=True)
    where = device()
    pictures = Pictures(lambda r: r["pretraining"], where)
    autoencoder = load_autoencoder(config).to(where)
    copies = []
    for copy in range(COPIES):
        x = pictures.pixels if copy == 0 else jitter(pictures.pixels, degrees=0, zoom=0.04, shift=0.03)
        copies.append(torch.cat([autoencoder.encode(chunk).latent_dist.mean for chunk in x.split(128)]))
    latents = torch.stack(copies)
    scale = (1 / latents.std()).item()
    rng = random.Random(3)
    texts: dict[str, int] = {"": 0}

    def take(text: str) -> int:
        return texts.setdefault(text, len(texts))

    plain_of, described_of = [], []
    for row in pictures.rows:
        house, name = BY_NAME[row["house"]], row["name"]
        prompt = CATEGORY_PROMPT.format(category=words(name))
        plain_of.append([take(prompt)] * VARIANTS + [take(plain(name, rng).text) for _ in range(2)])
        full = take(STYLE_PROMPT.format(prompt=prompt, look=house.description))
        described_of.append([full] * 2 + [take(described(name, house, rng).text) for _ in range(VARIANTS)])
    clip, tokens = load_clip(config)
    clip = clip.to(where)
    ids = torch.tensor(encode(tokens, list(texts)))
    states = torch.cat(
        [clip.text(input_ids=chunk.to(where)).last_hidden_state.half().cpu() for chunk in ids.split(256)]
    )
    data = {
        "latents": (latents * scale).half().cpu(),
        "scale": scale,
        "plain": torch.tensor(plain_of),
        "described": torch.tensor(described_of),
        "states": states,
    }
    torch.save(data, path)
    print(f"{latents.shape[1]} drawings x {COPIES}, {len(texts)} captions, latent scale {scale:.4f}", flush=True)
    return data


def train(options: Options) -> None:
    """Trains the UNet until its budget is spent; needs the trained autoencoder and CLIP."""
    options.apply()
    data = prepare(options.config)
    settings = CONFIGS[options.config][0]
    settings.minutes = options.minutes or settings.minutes
    where = device()
    unet = build_unet(options.config, data["states"].shape[-1]).to(where, memory_format=torch.channels_last).train()
    print(f"{sum(p.numel() for p in unet.parameters()) / 1e6:.1f} M parameters", flush=True)
    trainer = Trainer(checkpoint("unet"), unet, settings, where)
    torch.manual_seed(7919 * trainer.steps)
    latents, states = data["latents"].to(where), data["states"].to(where)
    plain_of, described_of = data["plain"].to(where), data["described"].to(where)
    alphas = scheduler().alphas_cumprod.to(where)

    def step(_: int) -> tuple[torch.Tensor, dict[str, float]]:
        b = settings.batch
        n = torch.randint(latents.shape[1], (b,), device=where)
        x = latents[torch.randint(COPIES, (b,), device=where), n].float()
        variant = torch.randint(plain_of.shape[1], (b,), device=where)
        text = torch.where(torch.rand(b, device=where) < DESCRIBED, described_of[n, variant], plain_of[n, variant])
        text = torch.where(torch.rand(b, device=where) < EMPTY, 0, text)
        t = torch.randint(1000, (b,), device=where)
        a = alphas[t][:, None, None, None]
        noise = torch.randn_like(x)
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        target = a.sqrt() * noise - (1 - a).sqrt() * x
        out = unet(
            noisy.contiguous(memory_format=torch.channels_last), t, encoder_hidden_states=states[text].float()
        ).sample
        loss = F.mse_loss(out, target)
        return loss, {"loss": loss.item()}

    trainer.run(step)


def load_unet(config: str = "small") -> tuple[UNet2DConditionModel, float]:
    """The trained UNet with averaged weights, and the latents' scaling factor."""
    data = torch.load(WORK / "unet-data.pt", weights_only=True)
    return trained(checkpoint("unet"), build_unet(config, data["states"].shape[-1])), data["scale"]
