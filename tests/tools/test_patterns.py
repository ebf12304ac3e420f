"""What is generated from the patterns is up to date, and each pattern is complete."""

import pytest

from tools.patterns import ROOT, generated, patterns

PATTERNS = patterns()


@pytest.mark.parametrize("path", sorted(generated()))
def test_what_is_generated_is_up_to_date(path: str) -> None:
    file = ROOT / path
    assert file.exists() and file.read_text() == generated()[path], f"{path} is stale: run `make patterns`"  # noqa: PT018


def test_the_patterns_are_found() -> None:
    names = {pattern.name for pattern in PATTERNS}
    assert len(names) >= 23
    assert {"SnsSqsFanout", "DirectObjectUpload", "MultiRegionLatencyRouting", "PrivateCacheDistribution"} <= names
