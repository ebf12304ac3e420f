"""Runs tests in another order: `pytest -p tests.shuffled`. `SHUFFLE_SEED` repeats the order that the header names."""

import os
import random

import pytest

_SEED = os.environ.setdefault("SHUFFLE_SEED", str(random.randrange(10_000)))  # noqa: S311  # workers inherit it


def pytest_report_header() -> str:
    """Name the order."""
    return f"SHUFFLE_SEED={_SEED}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Shuffle files and the tests of each; those of a file stay together, for they share deployments."""
    chance = random.Random(_SEED)  # noqa: S311  # an order is no secret
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    names = list(files)
    chance.shuffle(names)
    for name in names:
        chance.shuffle(files[name])
    items[:] = [item for name in names for item in files[name]]
