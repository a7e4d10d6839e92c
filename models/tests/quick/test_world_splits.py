"""What the committed splits promise, checked on the committed files alone."""

import base64
import json
from collections import defaultdict

import pytest

from housestyle_models.world.captions import WORDINGS, attributes
from housestyle_models.world.drawings import Cell
from housestyle_models.world.houses import BY_NAME, HOUSES, PERMISSIVE, SEEN_EMOJI, UNSEEN
from housestyle_models.world.looks import (
    FORBIDDEN,
    HELD_OUT_VALUES,
    UNSEEN_LOOKS,
    is_unseen,
    pairs,
    training_looks,
)  # fmt: skip
from housestyle_models.world.places import DIGESTS, LICENCES
from housestyle_models.world.splits import HELD_OUT_SEEN, KINDS, SHOWN_BY, read

SPLITS = read()
COMMITTED = json.loads(DIGESTS.read_text("utf-8"))
CELLS = [Cell(h.name, n) for h in HOUSES for n in COMMITTED["cells"].get(h.name, [])]
EMOJI = {h.name for h in HOUSES if h.emoji}
UNSEEN_NAMES = {h.name for h in UNSEEN}


@pytest.fixture(scope="module")
def drawn_by() -> dict[str, set[str]]:
    found = defaultdict(set)
    for cell in CELLS:
        if cell.house in EMOJI:
            found[cell.name].add(cell.house)
    return found


def held_names() -> dict[str, list[str]]:
    return {n: hs for names in SPLITS.plain["held_out"].values() for n, hs in names.items()}


def test_every_family_has_a_permissive_licence_and_its_line():
    licences = json.loads(LICENCES.read_text("utf-8"))
    assert set(licences) == {h.name for h in HOUSES}
    assert all(licences[h.name]["licence"] == h.licence and h.licence in PERMISSIVE for h in HOUSES)


def test_three_families_and_five_looks_are_never_trained_on():
    assert {"fxemoji", "noto-v1", "streamline-emojis"} <= UNSEEN_NAMES == set(SPLITS.plain["unseen"])
    assert not any(SPLITS.trains(c) for c in CELLS if c.house in UNSEEN_NAMES)
    assert len(UNSEEN_LOOKS) == 5
    known = {(look.base, look.values) for look in training_looks()}
    for look in UNSEEN_LOOKS:
        assert (look.base, look.values) not in known
        assert HELD_OUT_VALUES & set(look.values)
        assert any(pair in FORBIDDEN for pair in pairs(look))
        assert not BY_NAME[look.base].unseen


def test_each_kind_has_its_names_and_no_name_is_in_two():
    counts = {kind: len(names) for kind, names in SPLITS.plain["held_out"].items()}
    assert counts == KINDS
    assert len(held_names()) == sum(KINDS.values())


def test_of_a_held_out_name_five_houses_are_held_out_and_three_others_show_it(drawn_by):
    for name, houses in held_names().items():
        away = {h for h in drawn_by[name] if not SPLITS.trains(Cell(h, name))}
        assert len(houses) == HELD_OUT_SEEN and set(houses) <= away, name
        assert len(away) >= 5, name
        assert len(drawn_by[name] - away) >= SHOWN_BY, name


def test_held_out_cells_are_new():
    looked_at = {Cell(h, n) for n, hs in SPLITS.plain["looked_at"].items() for h in hs}
    assert len(looked_at) > 390
    held = {c for cells in SPLITS.held_out.values() for c in cells}
    brands = {Cell(h, n) for n in held_names() for h in UNSEEN_NAMES}
    assert not looked_at & (held | brands)


def test_near_copies_are_held_out_with_what_they_copy():
    assert SPLITS.plain["near_copy"] == 0.1
    assert SPLITS.near_copies and not any(SPLITS.trains(c) for c in SPLITS.near_copies)
    own = {c for cells in SPLITS.held_out.values() for c in cells}
    assert not own & SPLITS.near_copies
    assert not any(BY_NAME[c.house].unseen for c in SPLITS.near_copies)


def test_procedural_versions_of_a_held_out_cell_are_held_out_with_it():
    for cell in SPLITS.banned:
        assert not SPLITS.trains(Cell(cell.house, cell.name, "look-000"))


def test_the_judges_learn_from_disjoint_halves():
    training = [c for c in CELLS if SPLITS.trains(c)]
    halves = {w: [c for c in training if SPLITS.judge(c) == w] for w in "ab"}
    assert abs(len(halves["a"]) - len(halves["b"])) < 0.02 * len(training)
    for house in SEEN_EMOJI:
        shares = [sum(c.house == house.name for c in half) for half in halves.values()]
        assert min(shares) > 0.45 * sum(shares), house.name
    for cell in training[::50]:
        assert SPLITS.judge(Cell(cell.house, cell.name, "look-001")) == SPLITS.judge(cell)


def test_every_drawing_has_a_digest():
    data = base64.b64decode(COMMITTED["sha256_first_8"])
    assert len(data) == 8 * len(CELLS) > 8 * 15_000


def test_looks_are_the_same_each_time_and_keep_away_from_what_is_held_out():
    looks = training_looks()
    assert looks == training_looks() and len(looks) == len(set(looks)) == SPLITS.plain["looks"] >= 300
    for look in looks:
        assert not is_unseen(look)
        assert not HELD_OUT_VALUES & set(look.values)
        assert not any(pair in FORBIDDEN for pair in pairs(look))
        assert set(attributes(Cell(look.base, "x", look.name))) <= set(WORDINGS)
