"""Whoever is woken up finds a page, a dashboard with everything on it, and one state per Region."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.testing import Synthesis
from stacks.chat.operations import RUNBOOKS, runbook_of
from tests.stacks.chat.architectures import two_regions
from tests.stacks.chat.test_stacks import AWAY, HOME, only, resources, routed

ROOT = Path(__file__).parents[3]
PAGES = {path.relative_to(ROOT).as_posix() for path in (ROOT / RUNBOOKS).glob("*.md")} - {f"{RUNBOOKS}/index.md"}
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
# What a composite alarm's rule may hold: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
LONGEST_RULE, LONGEST_ARN, MOST_CHILDREN = 10_240, 140, 100


def described(synthesis: Synthesis) -> dict[str, str]:
    """Return the descriptions of all alarms of the chat with everything switched on, by stack and logical id."""
    return {
        f"{stack}/{logical_id}": properties["AlarmDescription"]
        for stack, template in synthesis(routed).templates.items()
        for kind in ALARMS
        for logical_id, properties in resources(template, kind).items()
    }


def test_every_alarm_names_a_page_that_exists_and_every_page_has_an_alarm(synthesis: Synthesis) -> None:
    named = {
        alarm: found[1] if (found := re.search(r" Runbook: (\S+\.md)$", text)) else text
        for alarm, text in described(synthesis).items()
    }
    assert {alarm: page for alarm, page in named.items() if page not in PAGES} == {}, "write these pages"
    assert sorted(PAGES - set(named.values())) == [], "no alarm has these pages"


def test_pages_say_what_the_alarm_means_in_each_place(synthesis: Synthesis) -> None:
    missing = []
    for stack in synthesis(routed).result.values():
        for alarm in stack.node.find_all():
            if not isinstance(alarm, cloudwatch.Alarm):
                continue
            place = alarm.node.path.removeprefix(f"{Stack.of(alarm).node.path}/").rpartition("/")[0]
            page = runbook_of(alarm.node.id)
            if f"| `{place}` |" not in (ROOT / page).read_text():
                missing.append(f"{page}: add a row that begins with | `{place}` |")
    assert sorted(set(missing)) == []


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_it_means_how_to_see_and_what_to_do_or_replay(page: str) -> None:
    text = (ROOT / page).read_text()
    assert text.startswith("# ")
    assert "**Alarm** `" in text
    assert "\n## What it means\n" in text
    assert "\n## How to see\n" in text
    assert "\n## What to do\n" in text or "\n## How to replay\n" in text
    assert "replay" in text.lower(), "say how, or that nothing is to be replayed"


@pytest.mark.parametrize("page", sorted(PAGES | {f"{RUNBOOKS}/index.md"}))
def test_commands_name_one_function_or_queue_each(page: str, synthesis: Synthesis) -> None:
    template = synthesis(routed).templates["RoutedChat-us-west-2"]
    text = (ROOT / page).read_text()
    functions, queues = (resources(template, f"AWS::{kind}") for kind in ("Lambda::Function", "SQS::Queue"))
    named = [
        (part, functions)
        for part in re.findall(r"(?:`|\n)logs\s(\w+)|\$\(function (\w+)\)", text)
        for part in part
        if part
    ]
    named += [(part, queues) for part in re.findall(r"(?:show|replay) --stack \$STACK (\w+)", text)]
    fitting = {part: [name for name in found if part in name] for part, found in named}
    assert {part: names for part, names in fitting.items() if len(names) != 1} == {}


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_one_alarm_of_the_region_goes_off_with_any_other(synthesis: Synthesis, stack: str) -> None:
    template = synthesis(two_regions).templates[stack]
    composite = only(template, "AWS::CloudWatch::CompositeAlarm")
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    parts = composite["AlarmRule"]["Fn::Join"][1]
    children = {part["Fn::GetAtt"][0] for part in parts if isinstance(part, dict)}
    assert children == set(alarms)
    written = "".join(part for part in parts if isinstance(part, str))
    assert set(re.findall(r"[A-Z]+", written)) == {"ALARM", "OR"}
    actions = {json.dumps(alarm["AlarmActions"]) for alarm in alarms.values()}
    assert {json.dumps(composite["AlarmActions"]), json.dumps(composite["OKActions"])} == actions
    assert len(children) <= MOST_CHILDREN
    assert len(written) + len(children) * LONGEST_ARN <= LONGEST_RULE, "nest: a composite may hold composites"


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_every_queue_function_and_alarm_is_on_the_dashboard(synthesis: Synthesis, stack: str) -> None:
    template = synthesis(two_regions).templates[stack]
    body = json.dumps(only(template, "AWS::CloudWatch::Dashboard"))

    def shown(logical_id: str) -> bool:
        return f'"{logical_id}"' in body

    alarms = resources(template, "AWS::CloudWatch::Alarm")
    queues = resources(template, "AWS::SQS::Queue")
    # Those that CloudFormation calls during a deployment have nothing to say at night.
    functions = {
        logical_id: properties
        for logical_id, properties in resources(template, "AWS::Lambda::Function").items()
        if "Description" in properties
    }
    assert [name for name in (*alarms, *queues, *functions) if not shown(name)] == []
    assert "ActiveConnections" in body
    for metric in ("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "IteratorAge", "Throttles"):
        assert metric in body


def test_a_page_is_named_by_the_alarms_id() -> None:
    names: dict[str, Any] = {
        "DeadLetterQueueAlarm": "dead-letter-queue",
        "StreamAgeAlarm": "stream-age",
        "ap-northeast-1-Unhealthy": "unhealthy",
        "RegionAlarm": "region",
    }
    assert {name: runbook_of(name) for name in names} == {
        name: f"docs/runbooks/{page}.md" for name, page in names.items()
    }
