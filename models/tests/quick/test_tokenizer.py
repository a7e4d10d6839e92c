"""The tokenizer is CLIP's, encodes anything, and never cuts."""

import re
import unicodedata

import pytest
from tokenizers import Tokenizer

from housestyle_models.tokenizer import BOS, EOS, encode, max_length, train_tokenizer

CAPTIONS = ["a fox emoji", "a doughnut emoji, bold flat shapes, no outline", "a red fox's face", "a fox, glossy"] * 3
HARD = ["Zørgblatt", "zażółć GĘŚLĄ", "狐 🦊", "tab\tand\nline", "it's 1984!?", "\x00\x7f", "ﬁne Å"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(CAPTIONS, 560, 48)


def test_known_words_are_single_tokens_and_rows_are_full(tokenizer):
    encoding = tokenizer.encode("A  Fox emoji")
    assert encoding.tokens[:5] == [BOS, "a</w>", "fox</w>", "emoji</w>", EOS]
    assert len(encoding.ids) == 48 and set(encoding.tokens[4:]) == {EOS}


@pytest.mark.parametrize("text", HARD)
def test_unknown_words_round_trip(tokenizer, text):
    encoding = tokenizer.encode(text)
    assert encoding.tokens.index(EOS) == sum(encoding.attention_mask) - 1, "an unknown token in the middle"
    decoded = tokenizer.decode(encoding.ids)
    assert re.sub(r"\s", "", decoded) == re.sub(r"\s", "", unicodedata.normalize("NFC", text).lower())


def test_a_long_prompt_is_refused_not_cut(tokenizer):
    assert tokenizer.truncation is None
    with pytest.raises(ValueError, match="longer than the 48"):
        encode(tokenizer, ["fox " * 60])


def test_training_is_repeatable_and_the_end_is_the_highest_id(tokenizer):
    assert train_tokenizer(CAPTIONS, 560, 48).to_str() == tokenizer.to_str()
    assert tokenizer.token_to_id(EOS) == tokenizer.get_vocab_size() - 1
    assert max_length(tokenizer) == 48
