"""The benchmark runs from end to end, and its page says what was measured and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import page

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


def test_figures_above_their_goal_are_marked() -> None:
    figures = {
        "data/x": {"cpu_ms": 3.0, "bare_ms": 2.0, "ratio": 1.5, "aws_calls": 1},
        "data/y": {"cpu_ms": 2.0, "bare_ms": 2.0, "ratio": 1.0, "aws_calls": 1},
    }
    lines = page._calls(figures)
    assert "| `data/x` | 1 | 3.00 ms | 2.00 ms | **1.50** |" in lines
    assert "| `data/y` | 1 | 2.00 ms | 2.00 ms | 1.00 |" in lines


def test_a_million_calls_cost_their_requests_and_the_memory_for_as_long_as_they_take() -> None:
    imports = {name: {"memory": 60, "setting": 512} for name in ("data/x", "data/y")}
    lines = page._memory(imports, {"data/x": {"cpu_ms": 512 / 1769, "aws_calls": 2}})
    # A millisecond at this share of a processor and two answers of 5 ms: 11 ms of half a gigabyte.
    dollars = 0.20 + 1_000_000 * 0.011 * 0.5 * 0.0000133334
    assert f"| `data/x` | 512 MB | 60 MB | 12% | 1 ms | ${dollars:.2f} |" in lines
    assert "| `data/y` | 512 MB | 60 MB | 12% |  |  |" in lines
