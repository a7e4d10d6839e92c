"""The base CLIP: a causal text transformer pooled at the end token, and a convolutional image tower.

Each batch draws several houses of each concept, and a text and an image are a pair whenever nothing the text says is
wrong about the image; beside them every image, and drawings of other names, choose among captions that describe a look
and nothing else. All of it matters: with one house a concept, or with look-less captions only, the image tower forgets
style, and no text encoder can find it again; from the concepts alone it learns their drawings by heart (a probe reads
the style of 78 % of unseen ones).
"""

import random
from collections import defaultdict

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from .captions import MAX_LENGTH, caption, look_only
from .emoji import load
from .houses import BY_NAME, PRETRAINING
from .paths import WORK, checkpoint
from .pictures import Pictures, jitter
from .tokenizer import EOS, encode, train_tokenizer
from .tower import Tower
from .training import Averaged, Config, Options, Trainer, device, trained

EMBED = 256
CONFIGS = {
    "small": (
        Config(minutes=40, batch=96, lr=1e-3, log_every=20),
        {"width": 256, "layers": 4, "tower": (64, 128, 256)},
    ),
    "base": (Config(minutes=20, batch=1024, lr=1e-3), {"width": 384, "layers": 6, "tower": (128, 256, 512)}),
}
HOUSES_A_CONCEPT = 4


def tokenizer() -> Tokenizer:
    """The bundle's tokenizer, learned once from the captions of the pretraining drawings and kept beside the
    checkpoints."""
    path = WORK / "tokenizer.json"
    if path.exists():
        return Tokenizer.from_file(str(path))
    rng = random.Random(1)
    rows = [r for r in load()[1] if r["pretraining"]]
    texts = [caption(r, rng).text for r in rows for _ in range(4)]
    words = train_tokenizer(texts, vocab_size=1536, max_length=MAX_LENGTH)
    words.save(str(path))
    return words


class ImageEncoder(nn.Module):
    """Pixels [b, 3, 64, 64] in [-1, 1] to `image_embeds` [b, 256] (not normalised).

    Each feature is scaled by itself before they are mixed, and some are dropped while training: under one common norm
    the palette's small numbers drown, and a probe on the embeddings reads style at 68 % where it reads 83 % on the
    features.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.tower = Tower(widths)
        self.norm = nn.BatchNorm1d(self.tower.features)
        self.dropout = nn.Dropout(0.4)
        self.projection = nn.Linear(self.tower.features, EMBED)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.projection(self.dropout(self.norm(self.tower(pixels))))


class Clip(nn.Module):
    """Text encoder (Stable Diffusion's class), image encoder and the temperature between them."""

    def __init__(self, vocab_size: int, eos: int, width: int, layers: int, tower: tuple[int, ...]) -> None:
        super().__init__()
        self.text = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=vocab_size,
                hidden_size=width,
                intermediate_size=4 * width,
                num_hidden_layers=layers,
                num_attention_heads=width // 64,
                max_position_embeddings=MAX_LENGTH,
                projection_dim=EMBED,
                bos_token_id=eos - 1,
                eos_token_id=eos,
                pad_token_id=eos,
            )
        )
        self.image = ImageEncoder(tower)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # CLIP's start: 1 / 0.07

    def logits(self, ids: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """Returns the scaled cosine of every picture with every text."""
        text = F.normalize(self.text(input_ids=ids).text_embeds, dim=-1)
        image = F.normalize(self.image(pixels), dim=-1)
        return self.log_scale.clamp(max=4.6).exp() * image @ text.T


def build(config: str) -> tuple[Clip, Tokenizer, Config]:
    """Returns an untrained CLIP of a configuration, its tokenizer and its settings."""
    settings, shape = CONFIGS[config]
    words = tokenizer()
    return Clip(words.get_vocab_size(), words.token_to_id(EOS), **shape), words, settings


def load_clip(config: str = "small") -> tuple[Clip, Tokenizer]:
    """The trained CLIP with averaged weights, and its tokenizer."""
    model, words, _ = build(config)
    return trained(checkpoint("clip"), model), words


def trim(ids: torch.Tensor, eos: int) -> torch.Tensor:
    """Cuts the padding no row needs: with causal attention and pooling at the first end token nothing changes."""
    longest = int((ids == eos).int().argmax(dim=1).max()) + 1
    return ids[:, :longest]


@torch.no_grad()
def evaluate(model: Clip, words: Tokenizer, pictures: Pictures, held_out: Pictures) -> dict[str, float]:
    """On held-out drawings: linear probe of style, zero-shot category over all concepts, zero-shot style by the
    description."""
    train = F.normalize(model.image(pictures.pixels), dim=-1)
    test = F.normalize(model.image(held_out.pixels), dim=-1)
    houses = [h.name for h in PRETRAINING]
    y = torch.tensor([houses.index(r["house"]) for r in pictures.rows])
    truth = torch.tensor([houses.index(r["house"]) for r in held_out.rows])
    probe = linear_probe(train, y, test, len(houses))
    names = sorted({r["name"] for r in pictures.rows})

    def embed(texts: list[str]) -> torch.Tensor:
        return F.normalize(model.text(input_ids=torch.tensor(encode(words, texts))).text_embeds, dim=-1)

    category = test @ embed([f"a {n.replace('-', ' ')} emoji" for n in names]).T
    wanted = torch.tensor([names.index(r["name"]) for r in held_out.rows])
    top5 = (category.topk(5).indices == wanted[:, None]).any(1)
    style = test @ embed([f"an emoji, {h.description}" for h in PRETRAINING]).T
    return {
        "style_probe": round((probe == truth).float().mean().item(), 3),
        "style_described": round((style.argmax(1) == truth).float().mean().item(), 3),
        "category_top1": round((category.argmax(1) == wanted).float().mean().item(), 3),
        "category_top5": round(top5.float().mean().item(), 3),
    }


def linear_probe(train: torch.Tensor, y: torch.Tensor, test: torch.Tensor, classes: int) -> torch.Tensor:
    """Multinomial logistic regression on frozen, normalised features (full-batch L-BFGS); the predicted classes of
    `test`."""
    mean, std = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / std, (test - mean) / std
    head = nn.Linear(train.shape[1], classes)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(head(train), y) + 1e-3 * head.weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    with torch.no_grad():
        return head(test).argmax(1)


def train(options: Options) -> None:
    """Trains the base CLIP until its budget is spent."""
    options.apply()
    model, words, config = build(options.config)
    config.minutes = options.minutes or config.minutes
    model.text.requires_grad_(not options.freeze_text)
    where, eos = device(), words.token_to_id(EOS)
    model = model.to(where, memory_format=torch.channels_last)
    trainer = Trainer(checkpoint("clip"), model, config, where)
    pictures = Pictures(lambda r: r["pretraining"], where)
    held_out = Pictures(lambda r: not r["pretraining"] and r["split"] == "fewshot" and r["house"] != "fxemoji", where)
    looks = Pictures(lambda r: r["pretraining"], where, beside="looks")
    by_name = defaultdict(list)
    for i, r in enumerate(pictures.rows):
        by_name[r["name"]].append(i)
    names = list(by_name)
    rng = random.Random(trainer.steps)

    def step(_: int) -> tuple[torch.Tensor, dict[str, float]]:
        concepts = rng.sample(names, min(len(names), config.batch // HOUSES_A_CONCEPT))
        chosen = [i for n in concepts for i in rng.sample(by_name[n], HOUSES_A_CONCEPT)]
        rows = [pictures.rows[i] for i in chosen]
        said = [caption(r, rng) for r in rows]
        others = looks.even(config.batch // 2)
        agree = torch.tensor(
            [[(c.name in (None, r["name"])) and (c.house in (None, r["house"])) for c in said] for r in rows]
        )
        described = [look_only(h, rng).text for h in PRETRAINING]
        ids = trim(torch.tensor(encode(words, [c.text for c in said] + described)), eos).to(where)
        x = torch.cat([pictures.pixels[chosen], looks.pixels[others]])
        x = jitter(x, degrees=12, zoom=0.12, shift=0.06, flip=True)
        logits, style = model.logits(ids, x.to(memory_format=torch.channels_last)).split(
            [len(said), len(described)], dim=1
        )
        logits = logits[: len(chosen)]
        target = agree.float().to(where)
        to_text = -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
        to_image = -(target / target.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
        contrast = (to_text + to_image) / 2
        seen = rows + [looks.rows[i] for i in others]
        house = torch.tensor([PRETRAINING.index(BY_NAME[r["house"]]) for r in seen], device=where)
        look = F.cross_entropy(style, house)
        return contrast + look, {"contrast": contrast.item(), "look": look.item()}

    def check() -> dict[str, float]:
        with Averaged(trainer) as m:
            return evaluate(m, words, pictures, held_out)

    trainer.run(step, check)
