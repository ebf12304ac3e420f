"""The chat is offered more than it delivers: what it accepts is live in time, the rest is refused, nothing is lost."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from uuid import uuid4

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from stacks.chat.config import ChatConfiguration
from tests.stacks.chat.clients import HOME, Chat, LiveClient, Room, User, live

STACK = f"Chat-{HOME}"
MAX_LAG = ChatConfiguration.model_fields["max_delivery_lag"].default
DELAY = 1.5
"""Seconds that the live publisher takes for a message."""
OFFERED = 1.0
"""Messages a second: half as many again as are delivered, so that also a slow machine takes them."""
SECONDS = 24


@dataclass
class Offered:
    """What was answered."""

    accepted: dict[str, float] = field(default_factory=dict)
    """By id when it was sent."""
    refused: list[str] = field(default_factory=list)
    """Client ids."""
    retry_after: set[str | None] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Answered with anything else."""

    def post(self, author: User, room: Room, client_message_id: str) -> None:
        at = time.monotonic()
        answer = author.post(HOME, room.id, client_message_id, client_message_id)
        if answer.status_code == 201:
            self.accepted[answer.json()["id"]] = at
        elif answer.status_code == 429:
            self.refused.append(client_message_id)
            self.retry_after.add(answer.headers.get("Retry-After"))
        else:
            self.failed.append(answer.text)


@pytest.fixture
def slow_delivery(chat: Chat, local_cloud: LocalCloud) -> Iterator[None]:
    """Let the live publisher work on one message at a time, and take its time for it."""
    client = local_cloud.client("lambda", HOME)
    function = chat.resource(STACK, "AWS::Lambda::Function", "LiveChannelsPublisher")
    [mapping] = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=1)
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    with local_cloud.inject_delay("appsync", HOME, DELAY):
        yield
    client.delete_function_concurrency(FunctionName=function)
    client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=mapping["BatchSize"])


@contextmanager
def offered(room: Room, to: Offered) -> Iterator["Future[None]"]:
    """Offer messages beside the block, whether or not the ones before were accepted."""

    def offer() -> None:
        began = time.monotonic()
        for number, author in zip(range(round(OFFERED * SECONDS)), cycle((room.anna, room.ben)), strict=False):
            time.sleep(max(0.0, began + number / OFFERED - time.monotonic()))
            to.post(author, room, f"offered-{number}")

    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(offer)


def listen(client: LiveClient, to: Offered, offering: "Future[None]") -> dict[str, list[float]]:
    """Return by id when each message came live, until all of them did."""
    seen: dict[str, list[float]] = {}
    deadline = time.monotonic() + SECONDS + 5 * MAX_LAG
    while (not offering.done() or to.accepted.keys() - seen.keys()) and time.monotonic() < deadline:
        # While everything is refused nothing comes, and the offer may end meanwhile.
        with suppress(TimeoutError):
            event = client.wait_for(kind="message", within=0.5)
            seen.setdefault(event["message"]["id"], []).append(time.monotonic())
    offering.result()
    return seen


def alarm_of(cloud: LocalCloud) -> str:
    [state] = [
        alarm["StateValue"]
        for page in cloud.client("cloudwatch", HOME).get_paginator("describe_alarms").paginate()
        for alarm in page["MetricAlarms"]
        if "ChatRefusedPostsAlarm" in alarm["AlarmName"]
    ]
    return str(state)


@pytest.mark.usefixtures("slow_delivery")
def test_what_is_accepted_is_live_in_time_and_the_rest_is_refused(room: Room, local_cloud: LocalCloud) -> None:
    answers = Offered()
    with live(room.ben, HOME, room.id) as ben:
        ben.open()
        with offered(room, answers) as offering:
            seen = listen(ben, answers, offering)
    assert answers.failed == []
    assert answers.refused, f"{len(answers.accepted)} of {OFFERED * SECONDS} accepted, none refused"
    assert len(answers.accepted) + len(answers.refused) == round(OFFERED * SECONDS)
    assert all(after is not None and int(after) >= 1 for after in answers.retry_after)
    assert sorted(seen) == sorted(answers.accepted), "accepted, and not live"
    lags = sorted(seen[identity][0] - at for identity, at in answers.accepted.items())
    assert lags[-1] <= MAX_LAG, lags
    assert {len(times) for times in seen.values()} == {1}
    # Refused means that nothing was stored; accepted, that it is there once.
    history = room.anna.history(HOME, room.id)
    assert sorted(message["id"] for message in history) == sorted(answers.accepted)
    assert not {message["text"] for message in history} & set(answers.refused)
    # Nobody offers too much any more, so everything is accepted again: also what was refused, under the same id.
    again = answers.refused[0]
    eventually(lambda: room.anna.post(HOME, room.id, again, str(uuid4())).status_code == 201, within=MAX_LAG)
    local_cloud.metrics.advance(seconds=61)
    assert alarm_of(local_cloud) == "ALARM"
    local_cloud.metrics.advance(minutes=3)
    assert alarm_of(local_cloud) == "OK"
