"""The boards of the dojo: twelve people talk while their servers, databases and zones fail, as in the demonstration."""

import io

import pytest
from rich.console import Console

from demo.dojo.__main__ import run
from demo.dojo.boards import BOARDS, SERVERS
from demo.report import Report

# Deployment, servers; seven of the conversation; the count at the end.
STEPS_OF_EACH = 10


# Five minutes on free cores, and several times that on busy ones.
@pytest.mark.timeout(1800)
def test_people_notice_what_the_boards_allow_and_nothing_is_lost() -> None:
    boards = [BOARDS[key] for key in SERVERS]
    printed = io.StringIO()
    report = Report(Console(file=printed, width=200))
    run(report, boards, for_servers=True)
    print(printed.getvalue())  # noqa: T201 - pytest shows it beside what failed
    failed = [f"{step.title}: expected {step.expected}, saw {step.seen}" for step in report.results if not step.passed]
    assert failed == []
    # All of them are synthesised at once.
    steps = [STEPS_OF_EACH + len(board.drills) for board in boards]
    assert len(report.results) == 1 + sum(steps)
