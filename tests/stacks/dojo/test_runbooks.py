"""Each alarm of a board that somebody receives names a page that is there, and each database has alarms."""

import pytest

from cdp_constructs.testing import Synthesis
from stacks.dojo.config import BOARDS
from stacks.dojo.parts import RUNBOOKS
from tests.stacks.dojo.architectures import boards
from tests.stacks.dojo.resources import resources
from tests.stacks.runbooks import ROOT

STACKS = (
    *BOARDS.values(),
    *("UminChatEdge", "BrowserOnlyWeb", "SketchBookAmerica", "SketchBookHealth"),
    *("DoubleHawksAmerica", "DoubleHawksEurope", "DoubleHawksHealth"),
)
OF_DATABASES = {"connections", "cpu", "free-memory"}
TABLES = {
    **{board: board for board in ("CommonBoard", "DoubleHawks", "Ichinensei")},
    "SketchBook": "SketchBookAmerica",
}
"""Boards that keep messages in DynamoDB, with the stack that has the table."""


def pages(synthesis: Synthesis, stack: str) -> set[str]:
    """The pages of the alarms that notify the board's topic; others add and remove tasks."""
    made = synthesis(boards).templates[stack]["Resources"]
    kind = "AWS::SNS::Topic"
    [topic] = [name for name, one in made.items() if one["Type"] == kind and name.startswith("AlarmsFanoutTopic")]
    alarms = [one["Properties"] for one in resources(synthesis, stack, "AWS::CloudWatch::Alarm")]
    told = [alarm for alarm in alarms if {"Ref": topic} in alarm["AlarmActions"]]
    assert told
    return {alarm["AlarmDescription"].rpartition(" Runbook: ")[2] for alarm in told}


@pytest.mark.parametrize("stack", STACKS)
def test_each_alarm_names_its_page(synthesis: Synthesis, stack: str) -> None:
    named = pages(synthesis, stack)
    assert {page for page in named if not page.startswith(f"{RUNBOOKS}/") or not (ROOT / page).is_file()} == set()


@pytest.mark.parametrize("stack", [stack for stack in BOARDS.values() if stack != "BrowserOnly"])
def test_each_database_has_alarms(synthesis: Synthesis, stack: str) -> None:
    expected = OF_DATABASES | ({"free-storage"} if stack == "After6" else {"replica-lag"})
    if stack in TABLES:
        stack, expected = TABLES[stack], {"throttled"}
    assert {f"{RUNBOOKS}/{name}.md" for name in expected} <= pages(synthesis, stack)
