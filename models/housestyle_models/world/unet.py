"""The text-conditioned UNet over the autoencoder's latents: `diffusers.UNet2DConditionModel`, v-prediction, linear
betas.

In: the trained autoencoder and CLIP, both frozen. Latents of every training picture (as it stands, and moved a little)
are computed once and kept. Captions are drawn anew all the time; their states are computed for a pool of captions that
serves some hundred steps. A tenth of the captions is empty, for guidance. Two arms, the same in all but the pictures:
`unet` learns houses and procedural looks, `unet_plain` the houses alone.
"""

import hashlib
import random

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from ..tokenizer import encode
from . import expert
from .autoencoder import CHANNELS, SIDE, load_autoencoder
from .captions import caption, description, words
from .clip import WIDTH, load_clip
from .judges import known, unknown
from .pictures import Pictures, shifted
from .places import WORK
from .seen import summary
from .splits import read
from .training import SEED, Settings, Trainer, checkpoint, fingerprint, half, trained, write_whole

WIDTHS = (96, 192)
COPIES = 2
EMPTY = 0.1
POOL, REUSED = 4096, 4
"""Captions whose states are held at a time (fewer where batches are small), and how often each is drawn before new
ones come."""
REAL_SHARE = 0.5
PROMPT = "a {thing} emoji, {look}"


def build() -> UNet2DConditionModel:
    """An untrained UNet."""
    return UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
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
def latents_of(pictures: Pictures) -> tuple[Tensor, float]:
    """Scaled latents [copies, n, 48, 8, 8] of training pictures in half precision, and the scaling factor; kept in
    `WORK`."""
    made_by = fingerprint("autoencoder")
    of = hashlib.sha256(b"".join(pictures.digests)).hexdigest()
    path = WORK / f"latents-{made_by[:8]}-{of[:8]}.pt"
    if path.exists():
        kept = torch.load(path, weights_only=True)
        return kept["latents"], kept["scale"]
    torch.manual_seed(SEED)
    model = load_autoencoder().to(pictures.where)
    copies = []
    for copy in range(COPIES):
        parts = []
        for x in pictures.all(128):
            with half(pictures.where):
                parts.append(model.encode(shifted(x, 3) if copy else x).latent_dist.mean.float().half())
        copies.append(torch.cat(parts))
    latents = torch.stack(copies)
    # By the houses' own drawings alone, so that both arms have one scale and their losses compare.
    own = torch.tensor([not c.look for c in pictures.cells], device=latents.device)
    scale = 1 / latents[0, own].float().std().item()
    latents = (latents.float() * scale).half()
    write_whole(path, {"latents": latents.cpu(), "scale": scale})
    return latents, scale


class Prompts:
    """Text states by the frozen text encoder, [n, 48, 256] in half precision on the device."""

    def __init__(self, where: str) -> None:
        clip, self.learned = load_clip()
        self.text, self.where = clip.text.to(where).eval().requires_grad_(False), where

    @torch.no_grad()
    def states(self, texts: list[str]) -> Tensor:
        """The states of each text."""
        ids = torch.tensor(encode(self.learned, texts))
        parts = []
        for chunk in ids.split(128):
            with half(self.where):
                parts.append(self.text(input_ids=chunk.to(self.where)).last_hidden_state.half())
        return torch.cat(parts)


def noised(x: Tensor, t: Tensor, noise: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """Noisy latents at steps `t`, and what the UNet should answer (v)."""
    a = alphas[t][:, None, None, None]
    return a.sqrt() * x + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * x


class HeldOut:
    """The denoising loss on kept drawings nothing was trained on: of seen houses by description, of unseen brands by
    the expert's words."""

    def __init__(self, prompts: Prompts, scale: float, where: str) -> None:
        said = expert.read()
        model = load_autoencoder().to(where)
        self.groups = {}
        for group, pictures, look in (
            ("seen_houses", known("kept", where), description),
            ("unseen_brands", unknown("kept", where), lambda c: said[c.house]),
        ):
            with torch.no_grad():
                latents = torch.cat([model.encode(x).latent_dist.mean for x in pictures.all()]) * scale
            told = prompts.states([PROMPT.format(thing=words(c.name), look=look(c)) for c in pictures.cells])
            untold = prompts.states([f"a {words(c.name)} emoji" for c in pictures.cells])
            self.groups[group] = latents, told, untold
        self.alphas, self.where = scheduler().alphas_cumprod.to(where), where

    def loss(self, model: nn.Module) -> dict[str, float]:
        """Mean squared error of v over ten noise levels, with the look told and (for its worth) untold."""
        found = {}
        for group, (latents, told, untold) in self.groups.items():
            generator = torch.Generator(self.where).manual_seed(SEED)
            sums = {"told": 0.0, "untold": 0.0}
            levels = range(50, 1000, 100)
            for level in levels:
                noise = torch.randn(latents.shape, generator=generator, device=self.where)
                t = torch.full((len(latents),), level, device=self.where)
                noisy, v = noised(latents, t, noise, self.alphas)
                for name, states in (("told", told), ("untold", untold)):
                    with half(self.where):
                        answer = model(noisy, t, encoder_hidden_states=states.float()).sample
                    sums[name] += F.mse_loss(answer.float(), v).item() / len(levels)
            found |= {f"{group}_{name}": value for name, value in sums.items()}
        return found


def train(name: str, settings: Settings, where: str) -> None:
    """Trains or goes on training the arm `unet` (houses and looks) or `unet_plain` (houses alone)."""
    splits = read()
    pictures = Pictures(splits.trains, where, ("real", "looks") if name == "unet" else ("real",))
    latents, scale = latents_of(pictures)
    latents, cells = latents.to(where), pictures.cells
    seen = summary(pictures.digests)
    del pictures
    prompts = Prompts(where)
    held_out = HeldOut(prompts, scale, where)
    trainer = Trainer(name, build(), settings, where, seen)
    reads = {"autoencoder": fingerprint("autoencoder"), "text": fingerprint("clip", "text.")}
    if trainer.extra.get("reads", reads) != reads:
        raise ValueError(
            f"{name} was trained on another autoencoder or text encoder: give it those back, or begin it anew"
        )
    # A training that goes on keeps the factor it began with.
    scale = trainer.extra.get("scaling_factor", scale)
    trainer.extra |= {"scaling_factor": scale, "reads": reads}
    real = [i for i, c in enumerate(cells) if not c.look]
    looks = [i for i, c in enumerate(cells) if c.look] or real
    alphas = scheduler().alphas_cumprod.to(where)
    nothing = prompts.states([""])
    pool: dict[str, Tensor | int] = {"number": -1}
    size = min(POOL, 64 * settings.batch)
    per_pool = size * REUSED // settings.batch

    def refill(number: int) -> None:
        rng = random.Random(SEED + number)
        rows = [rng.choice(real if rng.random() < REAL_SHARE else looks) for _ in range(size)]
        pool["states"] = prompts.states([caption(cells[i], rng).text for i in rows])
        pool["rows"], pool["number"] = torch.tensor(rows, device=where), number

    def step(forward: nn.Module) -> tuple[Tensor, dict]:
        if pool["number"] != trainer.steps // per_pool:
            refill(trainer.steps // per_pool)
        b = settings.batch
        chosen = torch.randint(size, (b,), device=where)
        x = latents[torch.randint(COPIES, (b,), device=where), pool["rows"][chosen]].float()
        states = torch.where(torch.rand(b, 1, 1, device=where) < EMPTY, nothing, pool["states"][chosen]).float()
        t = torch.randint(1000, (b,), device=where)
        noisy, v = noised(x, t, torch.randn_like(x), alphas)
        with half(where):
            answer = forward(noisy, t, encoder_hidden_states=states).sample
        loss = F.mse_loss(answer.float(), v)
        return loss, {"loss": loss.detach()}

    trainer.run(step, held_out.loss, every=200)


def load_unet(name: str = "unet") -> tuple[UNet2DConditionModel, float]:
    """A trained UNet and the latents' scaling factor."""
    return trained(name, build()), checkpoint(name)["extra"]["scaling_factor"]
