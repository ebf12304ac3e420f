"""The boards of the dojo: twelve people talk while their servers, databases and zones fail, as in the demonstration."""

import io

import pytest
from rich.console import Console

from demo.dojo.__main__ import run
from demo.dojo.boards import BOARDS
from demo.report import Report

# Synthesis, deployment, servers; seven of the conversation; the count at the end.
STEPS_OF_ALL = 11


# A board has up to 21 steps: two minutes on free cores, and several times that on busy ones.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BOARDS)
def test_people_notice_what_the_board_allows_and_nothing_is_lost(name: str) -> None:
    board = BOARDS[name]
    printed = io.StringIO()
    report = Report(Console(file=printed, width=200))
    run(report, [board])
    print(printed.getvalue())  # noqa: T201 - pytest shows it beside what failed
    failed = [f"{step.title}: expected {step.expected}, saw {step.seen}" for step in report.results if not step.passed]
    assert failed == []
    assert len(report.results) == STEPS_OF_ALL + len(board.drills)
