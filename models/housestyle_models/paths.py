"""The folders of a checkout: sources, data and checkpoints, bundles. Needs nothing installed."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""`models/`: this project, and the bundles beside it."""
REPOSITORY = PROJECT.parent
WORK = PROJECT / ".work"
"""Downloaded drawings and the checkpoints of training; nothing in it is committed."""
FIXTURES = REPOSITORY / "tests/fixtures"
"""The tiny bundle and the reference values of the Rust tests."""


def checkpoint(part: str) -> Path:
    """Returns where the training of a part keeps its state."""
    return WORK / f"{part}.pt"
