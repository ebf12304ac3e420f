"""Whoever follows an alarm to its page can copy every command of it, and each does what the page says."""

import re
from collections.abc import Iterator

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from tests.operator.shell import Shell
from tests.stacks import runbooks
from tests.stacks.chat.clients import REGIONS, Chat

CHAT, IOT, SERVERLESS = "docs/runbooks", "docs/runbooks/iot", "docs/runbooks/serverless"
MOBILE = "docs/runbooks/mobile"
FOLDERS = (CHAT, IOT, SERVERLESS, MOBILE)
NOT_RUN: dict[str, str] = {}
"""Commands that cannot run on the embedded cloud, and why."""


def descriptions(cloud: LocalCloud, region: str) -> Iterator[tuple[str, str]]:
    """Yield name and description of every alarm of a Region."""
    for page in cloud.client("cloudwatch", region).get_paginator("describe_alarms").paginate():
        for alarm in [*page["MetricAlarms"], *page.get("CompositeAlarms", [])]:
            yield alarm["AlarmName"], alarm.get("AlarmDescription", "")


def test_every_alarm_leads_to_its_page(
    local_cloud: LocalCloud, chat: Chat, iot: Deployment, serverless: Deployment, mobile: Deployment
) -> None:
    assert chat
    others = {region for one in (iot, serverless, mobile) for region in one.regions.values()}
    found = {
        (region, name): text
        for region in {*REGIONS, "us-east-1", *others}
        for name, text in descriptions(local_cloud, region)
    }
    assert len(found) > 100
    pages = {page for folder in FOLDERS for page in runbooks.pages(folder)}
    lost = [name for name, text in found.items() if text.rpartition("Runbook: ")[2] not in pages]
    assert lost == []


def run(shell: Shell, page: str) -> None:
    shell.run_page(page, NOT_RUN)


@pytest.mark.parametrize("page", sorted({*runbooks.pages(CHAT), f"{CHAT}/index.md"}))
def test_the_commands_of_a_page_of_the_chat_run_as_printed(page: str, chat_shell: Shell) -> None:
    run(chat_shell, page)


@pytest.mark.parametrize("page", sorted({*runbooks.pages(IOT), f"{IOT}/index.md"}))
def test_the_commands_of_a_page_of_the_iot_system_run_as_printed(page: str, iot_shell: Shell) -> None:
    run(iot_shell, page)


@pytest.mark.parametrize("page", sorted({*runbooks.pages(SERVERLESS), f"{SERVERLESS}/index.md"}))
def test_the_commands_of_a_page_of_the_price_lists_run_as_printed(page: str, serverless_shell: Shell) -> None:
    run(serverless_shell, page)


@pytest.mark.parametrize("page", sorted({*runbooks.pages(MOBILE), f"{MOBILE}/index.md"}))
def test_the_commands_of_a_page_of_the_mobile_backend_run_as_printed(page: str, mobile_shell: Shell) -> None:
    run(mobile_shell, page)


def test_what_cannot_be_run_is_on_a_page(chat_shell: Shell) -> None:
    assert chat_shell
    pages = {page for folder in FOLDERS for page in runbooks.pages(folder)}
    assert NOT_RUN.keys() <= {command for page in pages for command in runbooks.commands_of(page)}


def test_no_page_purges_a_queue_that_has_good_messages() -> None:
    pages = {page for folder in FOLDERS for page in runbooks.pages(folder)}
    purging = {page for page in pages if re.search(r"purge", (runbooks.ROOT / page).read_text())}
    # There everything is what could not be read; and live events that are minutes old are of no use to anybody.
    assert purging == {f"{IOT}/rejected-records.md", f"{CHAT}/late.md"}
