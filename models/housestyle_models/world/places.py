"""The folders of the reference world: committed small files, and work data that can be made again."""

import os
from pathlib import Path

MODELS = Path(__file__).resolve().parents[2]
COMMITTED = MODELS / "world"
WORK = Path(os.environ.get("HOUSESTYLE_WORLD_WORK") or MODELS / ".work" / "world")

SPLITS = COMMITTED / "splits.json"
DIGESTS = COMMITTED / "digests.json"
EXPERT = COMMITTED / "expert.json"
LICENCES = COMMITTED / "licences.json"
PACK = WORK / "drawings.json.xz"
