"""The base CLIP: a causal text transformer pooled at the end token, and a convolutional image tower.

Each batch draws several looks of each of its things, and a text and a picture are a pair whenever nothing the text says
is wrong about the picture; beside those texts stand some that describe only a look. With one picture a thing, or texts
without looks, an image tower forgets style, and no text encoder finds it again.
"""

import random
from collections import defaultdict

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from ..tokenizer import EOS, encode, train_tokenizer
from .autoencoder import held_out
from .captions import ATTRIBUTES, MAX_LENGTH, Caption, attributes, caption, description, look_only, words
from .drawings import Cell, load
from .houses import SEEN_EMOJI
from .layers import Tower
from .pictures import Pictures, mirrored, shifted, warped
from .places import WORK
from .seen import summary
from .splits import read
from .training import SEED, Settings, Trainer, half, trained

EMBED = 256
WIDTH = 256
VOCABULARY = 4096
LOOKS_A_THING = 4


def tokenizer() -> Tokenizer:
    """The bundle's tokenizer: learned once from captions of the training pictures, and kept with the checkpoints."""
    path = WORK / "tokenizer.json"
    if path.exists():
        return Tokenizer.from_file(str(path))
    rng, splits = random.Random(SEED), read()
    pictures = cells("real") + cells("looks")[::2]
    learned = train_tokenizer([caption(c, rng).text for c in pictures if splits.trains(c)], VOCABULARY, MAX_LENGTH)
    part = path.with_suffix(".part")
    learned.save(str(part))
    part.replace(path)
    return learned


def cells(kind: str) -> list[Cell]:
    """The cells of a store."""
    return load(kind).cells


class ImageEncoder(nn.Module):
    """Pixels [b, 3, 128, 128] in [-1, 1] to `image_embeds` [b, 256], not normalised; each feature is scaled by
    itself first."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = Tower((64, 128, 256))
        self.norm = nn.BatchNorm1d(self.tower.features)
        self.dropout = nn.Dropout(0.3)
        self.projection = nn.Linear(self.tower.features, EMBED)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.projection(self.dropout(self.norm(self.tower(pixels))))


class Clip(nn.Module):
    """Text encoder (Stable Diffusion's class), image encoder, and the temperature between them."""

    def __init__(self, vocabulary: int, eos: int) -> None:
        super().__init__()
        self.text = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=vocabulary,
                hidden_size=WIDTH,
                intermediate_size=4 * WIDTH,
                num_hidden_layers=4,
                num_attention_heads=4,
                max_position_embeddings=MAX_LENGTH,
                projection_dim=EMBED,
                bos_token_id=eos - 1,
                eos_token_id=eos,
                pad_token_id=eos,
            )
        )
        self.image = ImageEncoder()
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # CLIP's start: 1 / 0.07

    def forward(self, ids: Tensor, pixels: Tensor) -> Tensor:
        """The similarity of every picture (rows) with every text, sharpened."""
        text = F.normalize(self.text(input_ids=ids).text_embeds.float(), dim=-1)
        image = F.normalize(self.image(pixels).float(), dim=-1)
        return self.log_scale.clamp(max=4.6).exp() * image @ text.T


def build() -> tuple[Clip, Tokenizer]:
    """An untrained CLIP and its tokenizer."""
    learned = tokenizer()
    return Clip(learned.get_vocab_size(), learned.token_to_id(EOS)), learned


def load_clip() -> tuple[Clip, Tokenizer]:
    """The trained CLIP and its tokenizer."""
    model, learned = build()
    return trained("clip", model), learned


def trimmed(ids: Tensor, eos: int) -> Tensor:
    """Without the padding that no row needs (attention is causal, so the rest does not change), in steps of eight
    tokens."""
    longest = int((ids == eos).int().argmax(1).max()) + 1
    return ids[:, : min(ids.shape[1], -(-longest // 8) * 8)]


def several(names: list[str], attributed: list[frozenset], texts: list[Caption], where: str) -> Tensor:
    """Which pictures (rows) each text is true of, bool."""
    place = {a: i for i, a in enumerate(ATTRIBUTES)}

    def table(sets: list[frozenset]) -> Tensor:
        rows = torch.zeros(len(sets), len(place))
        for i, chosen in enumerate(sets):
            rows[i, [place[a] for a in chosen]] = 1
        return rows

    asked = table([t.attributes for t in texts])
    holds = table(attributed) @ asked.T == asked.sum(1)
    ids = {n: i for i, n in enumerate(sorted(set(names)))}
    pictured = torch.tensor([ids[n] for n in names])
    said = torch.tensor([-1 if t.name is None else ids.get(t.name, -2) for t in texts])
    return (holds & ((said == -1) | (pictured[:, None] == said))).to(where)


def contrast(logits: Tensor, pairs: Tensor) -> Tensor:
    """Cross-entropy both ways, spread over all pairs of a row or column."""
    target = pairs.float()
    to_text = -(target / target.sum(1, keepdim=True).clamp_min(1) * logits.log_softmax(1)).sum(1).mean()
    to_image = -(target / target.sum(0, keepdim=True).clamp_min(1) * logits.log_softmax(0)).sum(0).mean()
    return (to_text + to_image) / 2


def train(settings: Settings, where: str) -> None:
    """Trains or goes on training."""
    splits = read()
    pictures = Pictures(splits.trains, where)
    kept = held_out("kept", where, 256)
    model, learned = build()
    eos = learned.token_to_id(EOS)
    trainer = Trainer("clip", model, settings, where, summary(pictures.digests))
    by_name = defaultdict(list)
    for i, cell in enumerate(pictures.cells):
        by_name[cell.name].append(i)
    names = sorted(n for n, rows in by_name.items() if len(rows) >= LOOKS_A_THING)
    attributed = [frozenset(attributes(c)) for c in pictures.cells]
    real = [i for i, c in enumerate(pictures.cells) if not c.look]

    def ask(texts: list[str]) -> Tensor:
        return torch.tensor(encode(learned, texts)).to(where)

    def step(forward: nn.Module) -> tuple[Tensor, dict]:
        rng = random.Random(SEED + trainer.steps)
        grouped = 2 * settings.batch // 3 // LOOKS_A_THING
        rows = [i for n in rng.sample(names, grouped) for i in rng.sample(by_name[n], LOOKS_A_THING)]
        rows += rng.sample(real, settings.batch - len(rows))
        shown = [pictures.cells[i] for i in rows]
        texts = [caption(c, rng, 0.5) for c in shown] + [look_only(c, rng) for c in shown[::2]]
        pairs = several([c.name for c in shown], [attributed[i] for i in rows], texts, where)
        x = pictures.take(rows)
        x = torch.where(
            torch.rand(len(x), 1, 1, 1, device=where) < 0.4, warped(mirrored(x), 10, 0.1, 0.05), shifted(x, 6)
        )
        with half(where):
            logits = forward(trimmed(ask([t.text for t in texts]), eos), x)
        loss = contrast(logits, pairs)
        return loss, {"loss": loss.detach(), "scale": model.log_scale.detach().exp()}

    def evaluate(m: nn.Module) -> dict[str, float]:
        return zero_shot(m, learned, kept)

    trainer.run(step, evaluate, every=20)


@torch.no_grad()
def zero_shot(model: Clip, learned: Tokenizer, pictures: Pictures) -> dict[str, float]:
    """On held-out drawings of seen houses: the thing among all names of emoji houses, the style by descriptions,
    both by text alone."""
    splits = read()
    emoji = {h.name for h in SEEN_EMOJI}
    names = sorted({c.name for c in cells("real") if c.house in emoji and splits.trains(c)})

    def embed(texts: list[str]) -> Tensor:
        ids = torch.tensor(encode(learned, texts)).to(pictures.where)
        return torch.cat([F.normalize(model.text(input_ids=part).text_embeds, dim=-1) for part in ids.split(256)])

    image = torch.cat([F.normalize(model.image(x), dim=-1) for x in pictures.all()])
    found = (image @ embed([f"a {words(n)} emoji" for n in names]).T).topk(5).indices
    truth = torch.tensor([names.index(c.name) for c in pictures.cells], device=image.device)
    style = (image @ embed([f"an emoji, {description(Cell(h.name, 'x'))}" for h in SEEN_EMOJI]).T).argmax(1).tolist()
    right = found == truth[:, None]
    return {
        "top1": right[:, 0].float().mean().item(),
        "top5": right.any(1).float().mean().item(),
        "style_described": sum(SEEN_EMOJI[i].name == c.house for i, c in zip(style, pictures.cells, strict=True))
        / len(style),
    }
