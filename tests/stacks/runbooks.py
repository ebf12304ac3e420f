"""What every system owes to whoever is woken up: a page for every alarm, one state, everything on a dashboard."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.runbooks import page_of

ROOT = Path(__file__).parents[2]
Template = dict[str, Any]
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
# What a composite alarm's rule may hold: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
LONGEST_RULE, LONGEST_ARN, MOST_CHILDREN = 10_240, 140, 100


def pages(folder: str) -> set[str]:
    """Return the pages of a system, without their index."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("*.md")}
    return found - {f"{folder}/index.md"}


def resources(template: Template, resource_type: str) -> dict[str, dict[str, Any]]:
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def only(template: Template, resource_type: str) -> dict[str, Any]:
    (found,) = resources(template, resource_type).values()
    return found


def check_that_alarms_and_pages_name_each_other(
    templates: Mapping[str, Template], folder: str, *, linked: Iterable[str] = ()
) -> None:
    """Compare the pages that descriptions of alarms end with and those of a folder, both ways.

    Args:
        templates: By stack.
        folder: The pages.
        linked: Pages that no alarm names and that the page of an alarm leads to.
    """
    texts = {
        f"{stack}/{logical_id}": properties["AlarmDescription"]
        for stack, template in templates.items()
        for kind in ALARMS
        for logical_id, properties in resources(template, kind).items()
    }
    named = {
        alarm: found[1] if (found := re.search(r" Runbook: (\S+\.md)$", text)) else text
        for alarm, text in texts.items()
    }
    assert {alarm: page for alarm, page in named.items() if page not in pages(folder)} == {}, "write these pages"
    assert sorted(pages(folder) - set(named.values())) == sorted(linked), "no alarm has these pages"


def check_that_pages_have_a_row_for_each_place(stacks: Iterable[Stack], folder: str) -> None:
    missing = []
    for stack in stacks:
        for alarm in stack.node.find_all():
            if not isinstance(alarm, cloudwatch.Alarm):
                continue
            place = alarm.node.path.removeprefix(f"{Stack.of(alarm).node.path}/").rpartition("/")[0]
            page = page_of(alarm.node.id, folder)
            if f"| `{place}` |" not in (ROOT / page).read_text():
                missing.append(f"{page}: add a row that begins with | `{place}` |")
    assert sorted(set(missing)) == []


def check_that_a_page_is_whole(page: str) -> None:
    text = (ROOT / page).read_text()
    assert text.startswith("# ")
    assert "**Alarm** `" in text
    assert "\n## What it means\n" in text
    assert "\n## How to see\n" in text
    assert "\n## What to do\n" in text or "\n## How to replay\n" in text
    assert "replay" in text.lower(), "say how, or that nothing is to be replayed"


def commands_of(page: str) -> list[str]:
    """Return the commands of a page as a reader copies them: its blocks, and what stands in the text."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    without_blocks = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    inline = re.findall(r"`((?:cdp|aws|curl)\s[^`]+)`", without_blocks)
    return [*(" ".join(command.split()) for command in inline), *(block.strip() for block in blocks)]


# The commands that look for a function and for a queue by a name, whose kind they do not write.
_NAMES_A_FUNCTION = r"cdp logs ([\w/]+)\b(?! --group)"
_NAMES_A_QUEUE = r"cdp dead-letters [a-z]+ ([A-Z][\w/]+)"
_NAMES_ANYTHING = r"cdp resource (\w+)(?: --type ([\w:]+))?"


def check_that_commands_name_one_resource_each(page: str, *stacks: Template) -> None:
    """Look for each name of the page's commands in the stacks that it may be about."""
    text = "\n".join(commands_of(page))
    fitting = {name: _functions_or_logs(name, stacks) for name in re.findall(_NAMES_A_FUNCTION, text)}
    fitting |= {name: _queues(name, stacks) for name in re.findall(_NAMES_A_QUEUE, text)}
    fitting |= {name: _named(name, _ids(stacks, kind)) for name, kind in re.findall(_NAMES_ANYTHING, text)}
    assert {name: found for name, found in fitting.items() if len(found) != 1} == {}


def _ids(stacks: Iterable[Template], kind: str) -> set[str]:
    """Return the logical ids of the resources whose type ends like this, without the CDK's hash."""
    return {
        re.sub(r"[0-9A-F]{8}$", "", logical_id)
        for template in stacks
        for logical_id, resource in template["Resources"].items()
        if resource["Type"].endswith(kind)
    }


def _named(name: str, ids: set[str]) -> set[str]:
    """Return which a name fits, as `DeployedStack.named` does."""
    part = name.replace("/", "")
    return {part} & ids or {one for one in ids if part in one}


def _functions_or_logs(name: str, stacks: Iterable[Template]) -> set[str]:
    return _named(name, _ids(stacks, "Lambda::Function")) or _named(name, _ids(stacks, "LogGroup"))


def _queues(name: str, stacks: Iterable[Template]) -> set[str]:
    ids = _ids(stacks, "SQS::Queue")
    return {f"{name.replace('/', '')}DeadLetterQueue"} & ids or _named(name, ids)


def check_that_pages_say_how_old_the_news_is(page: str, templates: Iterable[Template]) -> None:
    """Compare the minutes on a page with what the queue says: deliveries, visibility timeout, and a period."""
    said = dict(re.findall(r"^\| `([\w/]+)` \|.* \| (\d+) min \|$", (ROOT / page).read_text(), re.MULTILINE))
    assert said
    kind = page.rpartition("/")[2].removesuffix("dead-letter-queue.md").rstrip("-").title()
    for place, minutes in said.items():
        queue = place.replace("/", "") + f"{kind}Queue"
        (properties,) = {
            json.dumps(found): found
            for template in templates
            for logical_id, found in resources(template, "AWS::SQS::Queue").items()
            if re.sub(r"[0-9A-F]{8}$", "", logical_id) == queue
        }.values()
        seconds = properties.get("VisibilityTimeout", 30) * properties["RedrivePolicy"]["maxReceiveCount"]
        assert int(minutes) == -(-seconds // 60) + 1, f"{page}: {place} takes {-(-seconds // 60) + 1} min"


def check_that_one_alarm_goes_off_with_any_other(template: Template) -> None:
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


def check_that_everything_is_on_the_dashboard(template: Template) -> str:
    """Return the dashboard's body, for what else it must have."""
    body = json.dumps(only(template, "AWS::CloudWatch::Dashboard"))
    # Those that CloudFormation calls during a deployment have nothing to say at night.
    functions = {
        logical_id: properties
        for logical_id, properties in resources(template, "AWS::Lambda::Function").items()
        if "Description" in properties
    }
    shown = (*resources(template, "AWS::CloudWatch::Alarm"), *resources(template, "AWS::SQS::Queue"), *functions)
    assert [name for name in shown if f'"{name}"' not in body] == []
    for metric in ("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "IteratorAge", "Throttles"):
        assert metric in body
    return body
