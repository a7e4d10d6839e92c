"""Captions say what a drawing shows and how it looks, and never whose it is."""

import random

import pytest

from housestyle_models.captions import MAX_LENGTH, caption, described, look, look_only, plain, words
from housestyle_models.houses import BY_NAME, HOUSES, PRETRAINING
from housestyle_models.tokenizer import EOS, encode, train_tokenizer

NAMES = ["fox", "face-with-medical-mask", "doughnut"]


def spoken(name: str) -> set[str]:
    """The ways in which a house's name could stand in a text."""
    return {name, words(name)}


@pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.name)
def test_no_caption_names_a_house(house):
    rng = random.Random(1)
    texts = [described(name, house, rng).text for name in NAMES for _ in range(50)]
    texts += [look_only(house, rng).text for _ in range(50)] + [house.description]
    named = {text for text in texts for other in HOUSES for name in spoken(other.name) if name in text}
    assert len(texts) > 150 and not named


def test_a_caption_tells_what_it_says():
    rng = random.Random(2)
    house = BY_NAME["noto"]
    for text, name, of in [
        (plain("fox", rng), "fox", None),
        (described("fox", house, rng), "fox", "noto"),
        (look_only(house, rng), None, "noto"),
    ]:
        assert (text.name, text.house) == (name, of)
        assert name is None or name in text.text
    said = {caption({"house": "noto", "name": "fox"}, rng).house for _ in range(100)}
    assert said == {None, "noto"}, "about half of the captions describe the look"


def test_looks_are_whole_or_some_attributes_in_any_order():
    rng = random.Random(3)
    house = BY_NAME["twemoji"]
    looks = {look(house, rng) for _ in range(200)}
    assert house.description in looks
    assert len(looks) > 10
    assert all(set(text.split(", ")) <= set(house.look) for text in looks)


def test_every_caption_fits_the_text_encoder():
    rng = random.Random(4)
    rows = [{"house": house.name, "name": name} for house in PRETRAINING for name in NAMES]
    texts = [caption(row, rng).text for row in rows for _ in range(20)]
    tokenizer = train_tokenizer(texts, 900, MAX_LENGTH)
    rows = encode(tokenizer, texts)
    end = tokenizer.token_to_id(EOS)
    assert {len(row) for row in rows} == {MAX_LENGTH} and all(row[-1] == end for row in rows)
