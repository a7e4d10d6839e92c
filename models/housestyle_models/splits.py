"""The splits: which names are concepts, and which houses' drawings of them no training sees.

In: the houses' drawings by name, and a seed. Out: the committed `splits.json`. Invariants: the same packages and seed
give the same splits; splits are by name, so no concept is on two sides.
"""

import random
import re
from collections import Counter
from typing import Any

from .houses import HOUSES, PRETRAINING
from .paths import PROJECT

SPLITS = PROJECT / "splits.json"
SEED = 20250216  # the day Control-CLIP appeared

# Names left out: skin tones and composites, signs that are text or near-copies of another sign, and the many faces and
# hearts that differ by an eyebrow (a third of all names, and no brand orders them).
SKIP = re.compile(
    r"skin-tone|flag|keycap|clock|button|regional|moon|thirty|man-|woman-|-man$|-woman$|person|family|couple|kiss-|arrow|square|circle"
    r"|^no-|with-bar|silhouette|zodiac|musical-(notes|score)|^(aquarius|aries|cancer|capricorn|gemini|leo|libra|ophiuchus|pisces|taurus|virgo)$"
    r"|^(red-apple|oncoming|globe-showing-europe|fax-machine|ledger|green-book|open-file|notebook|bookmark|label|dvd|trackball|pager)"
    r"|^(growing|revolving|sparkling|beating)-heart|heart-with-ribbon|^(customs|restroom|metro|tram|monorail|railway-car|train|tractor)$"
    r"|^(anguished|confounded|confused|persevering|tired|unamused|worried|downcast|disappointed|expressionless|pensive|fearful|sad-but)"
    r"|^(kissing|grinning-(face-with|squinting)|beaming|slightly|smirking|squinting|lying|face-(blowing|with-(head|rolling|therm|steam)|savoring))"
    r"|^(double-exclamation|right-anger|thought|speaking|sparkle$|hole|custard|oden|dango|collision|dashing|dizzy|no-one|recycling)"
    r"|^(seat|wedding|love-hotel|bank|station|school|hospital|stadium|cityscape|sunrise|fog|foggy|construction$|children-crossing|man|woman|girl|boy)$"
    r"|^(pig-nose|paw-prints|busts|teacup|womans-sandal|poodle|ox|ram|minibus|vertical-traffic|bullet-train|closed-umbrella|umbrella-with)"
)


def draw_splits(sets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Chooses the concepts (drawn by every pretraining house, so that the grid is full) and splits them by name.

    `pretrain` names are seen whole. Of each `fewshot` and `test` name, three pretraining houses' drawings are held out
    of every pretraining step, dealt evenly over the houses: the word is known, that house's drawing of it is not.
    """
    rng = random.Random(SEED)
    drawn = Counter(n for h in PRETRAINING for n, v in sets[h.name]["icons"].items() if not v.get("hidden"))
    names = sorted(n for n, k in drawn.items() if k == len(PRETRAINING) and not SKIP.search(n))
    brand = set(sets["fxemoji"]["icons"])
    # The brand can only be judged on names it draws: deal those to the few-shot and test splits first.
    shared = [n for n in names if n in brand]
    rng.shuffle(shared)
    dealt = shared[:96]
    split = dict.fromkeys(names, "pretrain") | dict.fromkeys(dealt[:48], "fewshot") | dict.fromkeys(dealt[48:], "test")
    held_out: dict[str, list[str]] = {}
    load: Counter[Any] = Counter()
    for n in sorted(dealt, key=lambda n: (split[n], n)):
        have = [h.name for h in PRETRAINING if n in sets[h.name]["icons"]]
        rng.shuffle(have)
        have.sort(key=lambda h: load[split[n], h])
        held_out[n] = sorted(have[:3])
        load.update((split[n], h) for h in held_out[n])
    # The evaluator is judged on drawings of its own: one or two houses a name, dealt evenly over all ten.
    load.clear()
    judge: dict[str, list[str]] = {}
    for i, n in enumerate(names):
        have = [h.name for h in HOUSES if n in sets[h.name]["icons"]]
        rng.shuffle(have)
        have.sort(key=lambda h: load[h])
        judge[n] = sorted(have[: 1 + i % 2])
        load.update(judge[n])
    return {"seed": SEED, "split": split, "held_out": held_out, "evaluator_held_out": judge}
