"""The committed splits keep what the code promises of them."""

import json
from collections import Counter

import pytest

from housestyle_models.houses import HOUSES, PRETRAINING
from housestyle_models.splits import SEED, SKIP, SPLITS


@pytest.fixture(scope="module")
def splits():
    return json.loads(SPLITS.read_text())


def test_names_belong_to_one_split_each(splits):
    counts = Counter(splits["split"].values())
    assert counts == {"pretrain": 168, "fewshot": 48, "test": 48}
    assert splits["seed"] == SEED
    assert not [name for name in splits["split"] if SKIP.search(name)]


def test_three_houses_of_each_few_shot_and_test_name_are_held_out_of_pretraining(splits):
    asked = {name for name, split in splits["split"].items() if split != "pretrain"}
    assert splits["held_out"].keys() == asked
    known = {house.name for house in PRETRAINING}
    for name, houses in splits["held_out"].items():
        assert len(set(houses)) == 3 and set(houses) <= known, name


def test_what_is_held_out_is_dealt_evenly_over_the_houses(splits):
    for split in ("fewshot", "test"):
        dealt = Counter(
            house for name, houses in splits["held_out"].items() for house in houses if splits["split"][name] == split
        )
        assert dealt.keys() == {house.name for house in PRETRAINING}
        assert dealt == Counter(dict.fromkeys(dealt, 16))


def test_the_evaluator_is_judged_on_one_or_two_houses_of_every_name(splits):
    held_out = splits["evaluator_held_out"]
    assert held_out.keys() == splits["split"].keys()
    assert {len(houses) for houses in held_out.values()} == {1, 2}
    dealt = Counter(house for houses in held_out.values() for house in houses)
    assert dealt.total() == 396 and dealt.keys() == {house.name for house in HOUSES}
    assert max(dealt.values()) - min(dealt.values()) <= 3
