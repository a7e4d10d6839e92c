"""What every test shares. Imports no PyTorch: the tests in `quick/` run without it."""

from pathlib import Path

import pytest

from housestyle_models.paths import FIXTURES

QUICK = Path(__file__).parent / "quick"


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The committed fixture of the Rust tests."""
    return FIXTURES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test outside `quick/` as slow."""
    for item in items:
        if QUICK not in item.path.parents:
            item.add_marker(pytest.mark.slow)
