"""Captions say nothing that is not so, no house's name, and nothing that the expert says."""

import random

from housestyle_models.world import expert
from housestyle_models.world.captions import WORDINGS, attributes, caption, description, look_only
from housestyle_models.world.drawings import Cell
from housestyle_models.world.houses import EMOJI, HOUSES, SEEN
from housestyle_models.world.looks import HELD_OUT_VALUES, UNSEEN_LOOKS, training_looks

NAMES = ("dog-face", "airplane", "face-with-medical-mask", "snow-capped-mountain")
CELLS = [Cell(h.name, n) for h in SEEN for n in NAMES] + [
    Cell(look.base, NAMES[0], look.name) for look in training_looks()
]


def texts() -> list[tuple[Cell, str]]:
    rng = random.Random(5)
    return [(cell, make(cell, rng).text) for cell in CELLS for make in (caption, caption, look_only)]


def test_no_caption_names_a_house_or_a_look():
    # A plain word that is a house's name as well (`plump`, `ultimate`) must not occur either.
    names = [h.name for h in HOUSES] + [look.name for look in (*training_looks(), *UNSEEN_LOOKS)]
    spelt = {n for name in names for n in (name, name.replace("-", " "))}
    for _, text in texts():
        padded = f" {text.lower()} ".replace(",", " ").replace(":", " ")
        assert not [n for n in spelt if f" {n} " in padded], text


def test_captions_use_several_wordings_and_claim_only_what_holds():
    rng, seen = random.Random(2), set()
    for cell in CELLS:
        for _ in range(4):
            said = look_only(cell, rng)
            assert said.attributes <= set(attributes(cell))
            assert all(any(w in said.text for w in WORDINGS[a]) for a in said.attributes)
            seen.add(said.text)
    assert all(len(says) >= 2 for says in WORDINGS.values())
    assert len(seen) > 2 * len(CELLS)


def test_the_experts_words_are_committed_and_independent_of_captions():
    committed = expert.read()
    assert committed == expert.all_words()
    assert set(committed) == {h.name for h in EMOJI} | {look.name for look in UNSEEN_LOOKS}
    phrases = {*expert.HOUSE_PHRASES.values(), *expert.LOOK_PHRASES.values()}
    assert not phrases & {w for says in WORDINGS.values() for w in says}
    sentences = {s.lower() for s in committed.values()}
    descriptions = {description(c).lower() for c in CELLS}
    assert not sentences & descriptions
    for _, text in texts():
        assert not [s for s in sentences if s in text.lower()]


def test_the_expert_speaks_words_that_captions_mostly_know():
    known = {w for says in WORDINGS.values() for says_ in says for w in says_.split()} | {"with", "and", "a", "the"}
    for house in EMOJI:
        spoken = expert.read()[house.name].replace(",", "").replace(";", "").split()
        assert sum(w in known for w in spoken) > 0.65 * len(spoken), house.name


def test_captions_have_no_words_for_held_out_values():
    assert not HELD_OUT_VALUES & set(WORDINGS)
