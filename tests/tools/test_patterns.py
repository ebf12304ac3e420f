"""What is generated from the patterns is up to date, and each pattern is complete."""

import pytest

from tools.patterns import ROOT, Pattern, generated, lacking, patterns

PATTERNS = patterns()


@pytest.mark.parametrize("path", sorted(generated()))
def test_what_is_generated_is_up_to_date(path: str) -> None:
    file = ROOT / path
    assert file.exists(), f"{path} is missing: run `make patterns`"
    assert file.read_text() == generated()[path], f"{path} is stale: run `make patterns`"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_a_pattern_is_complete(pattern: Pattern) -> None:
    assert lacking(pattern) == []


def test_the_patterns_are_found() -> None:
    names = {pattern.name for pattern in PATTERNS}
    assert len(names) >= 23
    assert {"SnsSqsFanout", "DirectObjectUpload", "MultiRegionLatencyRouting", "PrivateCacheDistribution"} <= names
