"""transformers reads the tokenizer as the bundle's does, in either of its file formats."""

import json

from transformers import CLIPTokenizer

from housestyle_models.sd_import import load_tokenizer
from housestyle_models.tokenizer import BOS, EOS, encode, train_tokenizer

CAPTIONS = ["a fox emoji", "a doughnut emoji, bold flat shapes, no outline", "a red fox's face", "a fox, glossy"] * 3
HARD = ["Zørgblatt", "zażółć GĘŚLĄ", "狐 🦊", "tab\tand\nline", "it's 1984!?", "\x00\x7f", "ﬁne Å"]


def test_transformers_reads_the_same_tokens(tmp_path):
    tokenizer = train_tokenizer(CAPTIONS, 560, 48)
    model = json.loads(tokenizer.to_str())["model"]
    theirs = CLIPTokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], model_max_length=48)
    texts = HARD + CAPTIONS
    assert theirs(texts, padding="max_length")["input_ids"] == encode(tokenizer, texts)
    # The format that older pipelines carry: vocab.json and merges.txt.
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"]))
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 48,
        "pad_token": EOS,
        "bos_token": BOS,
        "eos_token": EOS,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert encode(load_tokenizer(tmp_path), texts) == encode(tokenizer, texts)
