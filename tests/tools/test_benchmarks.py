"""The benchmark runs from end to end, and its page says what was measured and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import memory, page
from benchmarks.handlers import deployed
from tests.properties.test_every_handler import HANDLERS, HTTP, INVOKED

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_last_run_found() -> None:
    found = page.text(json.loads(page.RESULTS.read_text())) if page.RESULTS.exists() else page.NOT_RUN
    assert page.PAGE.read_text() == found


# Whole processes and an embedded cloud: on a busy machine longer than the usual limit.
@pytest.mark.packaging
@pytest.mark.timeout(900)
def test_one_round_of_the_least_of_everything(tmp_path: Path) -> None:
    results, written = tmp_path / "results.json", tmp_path / "page.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--results", str(results), "--page", str(written)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found = json.loads(results.read_text())
    by_hand, ours = (found["synthesis"]["warm"]["fan_out"][way] for way in ("by_hand", "ours"))
    assert found["synthesis"]["resources"] == {"fan_out": 24}
    assert by_hand["user"] > 0
    assert ours["ours_wall"] == 1
    assert found["side_by_side"]["fan_out"]["ours"]["findings"]["AwsSolutions"] == 0
    assert found["imports"]["data/storage_index"]["xray"] is False
    assert found["calls"]["data/storage_index"]["aws_calls"] == 2
    assert found["messages"]["Bare"]["wall"] > 0
    text = written.read_text()
    assert found["versions"]["aws-cdk-lib"] in text
    assert found["date"] in text
    assert f"{by_hand['wall']:.2f} s" in text


RESULTS: dict[str, Any] = json.loads(page.RESULTS.read_text())
# As the page names them, by how they are called.
KINDS = {f"{Path(folder).parents[1].name}/{Path(folder).name}": kind for folder, (kind, _) in HANDLERS.items()}


@pytest.mark.parametrize("part", ["imports", "calls"])
def test_each_function_is_measured(part: str) -> None:
    assert KINDS.keys() - RESULTS[part].keys() == set(), f"measure them: {MEASURE}"
    assert RESULTS[part].keys() - KINDS.keys() == set(), "they are gone: take them out of benchmarks/results.json"


MEASURE = "python -m benchmarks --parts imports calls --handlers …"


@pytest.mark.parametrize("name", KINDS)
def test_the_memory_of_a_function_follows_its_rule(name: str) -> None:
    started, called = RESULTS["imports"][name], RESULTS["calls"][name]
    setting = deployed()[name.rpartition("/")[2]].memory
    assert started["setting"] == setting, f"it was measured with another setting: {MEASURE}"
    smallest = memory.smallest(started, called, waited=KINDS[name] in {HTTP, INVOKED})
    if name in memory.REASONS:
        assert setting > smallest, "the rule says why: take it out of benchmarks/memory.py"
    else:
        assert setting == smallest, "or say in benchmarks/memory.py why it has more"


def test_every_reason_is_of_a_function() -> None:
    assert memory.REASONS.keys() <= KINDS.keys()


@pytest.mark.parametrize(
    ("started", "called", "waited", "setting"),
    [
        ({"cpu_ms": 400, "memory": 70}, {"cpu_ms": 5}, True, 256),
        ({"cpu_ms": 400, "memory": 110}, {"cpu_ms": 5}, True, 512),
        ({"cpu_ms": 700, "memory": 70}, {"cpu_ms": 5}, True, 512),
        ({"cpu_ms": 700, "memory": 70}, {"cpu_ms": 5}, False, 256),
        ({"cpu_ms": 400, "memory": 70}, {"cpu_ms": 250}, False, 1024),
    ],
)
def test_the_smallest_setting(
    started: dict[str, float], called: dict[str, float], *, waited: bool, setting: int
) -> None:
    assert memory.smallest(started, called, waited=waited) == setting


def test_figures_above_their_goal_are_marked() -> None:
    figures = {
        "data/x": {"cpu_ms": 3.0, "bare_ms": 2.0, "ratio": 1.5, "aws_calls": 1},
        "data/y": {"cpu_ms": 2.0, "bare_ms": 2.0, "ratio": 1.0, "aws_calls": 1},
    }
    lines = page._calls(figures)
    assert "| `data/x` | 1 | 3.00 ms | 2.00 ms | **1.50** |" in lines
    assert "| `data/y` | 1 | 2.00 ms | 2.00 ms | 1.00 |" in lines


def test_a_million_calls_cost_their_requests_and_the_memory_for_as_long_as_they_take() -> None:
    imports = {name: {"cpu_ms": 512 / 1.769, "memory": 60, "setting": 512} for name in ("data/x", "data/y")}
    lines = page._memory(imports, {"data/x": {"cpu_ms": 512 / 1769, "aws_calls": 2}})
    # A millisecond at this share of a processor and two answers of 5 ms: 11 ms of half a gigabyte.
    dollars = 0.20 + 1_000_000 * 0.011 * 0.5 * 0.0000133334
    assert f"| `data/x` | 512 MB | 60 MB | 12% | 1.0 s | 1 ms | ${dollars:.2f} |  |" in lines
    assert "| `data/y` | 512 MB | 60 MB | 12% | 1.0 s |  |  |  |" in lines
