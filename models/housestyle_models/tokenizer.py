"""CLIP's byte-pair tokenizer, trained on a list of captions.

In: captions. Out: a `tokenizers.Tokenizer` whose file the Rust engine reads as it stands.

Invariants:
- it follows CLIP: lower case, CLIP's word pattern, byte level, `</w>` ends a word, `<|startoftext|>` … `<|endoftext|>`;
- the vocabulary is laid out as CLIP's: 256 bytes, the same 256 ending a word, the merges in the order they were
  learned, the two special tokens last. So any text whatsoever encodes (an unknown brand name falls apart into bytes,
  never into `unk`), and `<|endoftext|>` has the highest id;
- padding to `max_length` (with `<|endoftext|>`, as Stable Diffusion pads) is in the file, truncation is not: a prompt
  that is too long comes out longer than `max_length`, so that the caller can refuse it instead of losing its end in
  silence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

BOS = "<|startoftext|>"
EOS = "<|endoftext|>"
END_OF_WORD = "</w>"
WORD_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""CLIP's word pattern (openai/CLIP, simple_tokenizer.py)."""


def bytes_to_unicode() -> list[str]:
    """The 256 printable stand-ins of the bytes, in the order GPT-2's and CLIP's vocabularies list them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(len(others))]


def clip_tokenizer(vocab: dict[str, int], merges: list[tuple[str, str]], max_length: int) -> Tokenizer:
    """A CLIP tokenizer from its vocabulary (with both special tokens) and its merges; pads to `max_length`."""
    tokenizer = Tokenizer(
        BPE(
            vocab=vocab,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix=END_OF_WORD,
            fuse_unk=False,
            unk_token=EOS,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    # "Ġ" stands for the space byte: each word's end becomes a space before the bytes are joined.
    tokenizer.decoder = decoders.Sequence([decoders.Replace(END_OF_WORD, "Ġ"), decoders.ByteLevel()])
    tokenizer.add_special_tokens([BOS, EOS])
    bos, eos = vocab[BOS], vocab[EOS]
    # Only its two special tokens matter here; transformers' CLIP uses the same one, so both write the same file.
    tokenizer.post_processor = processors.RobertaProcessing(
        (EOS, eos), (BOS, bos), trim_offsets=False, add_prefix_space=False
    )
    tokenizer.enable_padding(length=max_length, pad_id=eos, pad_token=EOS)
    return tokenizer


def train_tokenizer(captions: Iterable[str], vocab_size: int, max_length: int) -> Tokenizer:
    """Learns the merges from `captions`; the vocabulary has at most `vocab_size` entries (514 of them are fixed)."""
    letters = bytes_to_unicode()
    fixed = letters + [letter + END_OF_WORD for letter in letters]
    room = vocab_size - len(fixed) - 2
    if room < 0:
        raise ValueError(f"vocab_size {vocab_size} is too small: bytes and special tokens alone take {len(fixed) + 2}")
    vocab = {token: index for index, token in enumerate(fixed)}
    splitter = clip_tokenizer({**vocab, BOS: len(fixed), EOS: len(fixed) + 1}, [], max_length)
    words: Counter[str] = Counter()
    for caption in captions:
        pieces = splitter.pre_tokenizer.pre_tokenize_str(splitter.normalizer.normalize_str(caption))
        words.update(piece for piece, _ in pieces)
    merges = learn_merges(words, room)
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    for token in (BOS, EOS):
        vocab[token] = len(vocab)
    return clip_tokenizer(vocab, merges, max_length)


def learn_merges(words: Counter[str], room: int) -> list[tuple[str, str]]:
    """Byte-pair encoding: up to `room` times, joins the pair of neighbours seen most often (at least twice).

    Equal counts go to the pair that sorts first, so the same captions always give the same tokenizer (the trainer of
    `tokenizers` breaks ties by the order of a hash map).
    """
    counts = sorted(words.items())
    spellings = [[*word[:-1], word[-1] + END_OF_WORD] for word, _ in counts]
    seen: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[int]] = defaultdict(set)
    made: set[str] = set()
    merges: list[tuple[str, str]] = []

    def tally(index: int, sign: int) -> None:
        for pair in pairwise(spellings[index]):
            seen[pair] += sign * counts[index][1]
            where[pair].add(index)

    for index in range(len(spellings)):
        tally(index, 1)
    while len(made) < room:
        best = min(seen, key=lambda pair: (-seen[pair], pair), default=None)
        if best is None or seen[best] < 2:
            break
        merges.append(best)
        made.add("".join(best))
        for index in sorted(where.pop(best)):
            tally(index, -1)
            spellings[index] = _join(spellings[index], best)
            tally(index, 1)
        del seen[best]
    return merges


def _join(spelling: list[str], pair: tuple[str, str]) -> list[str]:
    """`spelling` with every occurrence of `pair` made one token, from the left."""
    joined: list[str] = []
    for token in spelling:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def max_length(tokenizer: Tokenizer) -> int:
    """The length that the tokenizer pads to, which is the longest prompt the text encoder reads."""
    if not tokenizer.padding or not tokenizer.padding["length"]:
        raise ValueError("the tokenizer pads to no fixed length")
    return tokenizer.padding["length"]


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids, every row as long as the encoder reads; a text that does not fit is a ValueError that names the
    limit."""
    limit = max_length(tokenizer)
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    for text, row in zip(texts, rows, strict=True):
        if len(row) > limit:
            raise ValueError(f"a prompt of {len(row)} tokens is longer than the {limit} the encoder reads: {text!r}")
    return rows
