"""Handlers of queues: a message that cannot be worked on costs only itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.batches import BATCHES, Batch
from tests.properties.inputs import TEXTS, UNREADABLE, examples, texts
from tests.properties.running import Run, running

ROOT = Path(__file__).parents[2]


def bodies(batch: Batch) -> st.SearchStrategy[str]:
    """Return bodies of messages; also of those whose document has another one inside."""
    document = batch.healthy("bad")
    if batch.inside is None:
        return texts(document)
    name = batch.inside
    inner = texts(json.loads(document[name])).map(lambda text: json.dumps({**document, name: text}))
    return texts(document) | inner


def check(run: Run, batch: Batch, body: str, **attributes: str) -> None:
    """Let a message come between two that are healthy: those are done, and it fails alone or is done too."""
    first, last = (json.dumps(batch.healthy(name)) for name in ("first", "last"))
    records = [batch.record("first", first), batch.record("bad", body, **attributes), batch.record("last", last)]
    answer = run.call({"Records": records})
    failed = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
    assert failed in ([], ["bad"])
    assert run.world.did("first")
    assert run.world.did("last")


def test_every_handler_of_a_queue_is_here() -> None:
    reads_queues = {
        str(index.parent.relative_to(ROOT))
        for index in (*ROOT.glob("cdp_constructs/*/handlers/*/index.py"), *ROOT.glob("stacks/*/handlers/*/index.py"))
        if "SQSRecord" in index.read_text()
    }
    assert reads_queues
    assert reads_queues == {name.partition(" ")[0] for name in BATCHES}


@pytest.mark.parametrize("name", BATCHES)
def test_a_message_costs_only_itself(name: str) -> None:
    batch = BATCHES[name]
    with running(batch.subject) as run:

        @examples(25)
        @given(body=bodies(batch))
        def holds(body: str) -> None:
            check(run, batch, body)

        for body in (*batch.known, *UNREADABLE):
            holds = example(body=body)(holds)
        holds()


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_in_which_nothing_can_be_read_is_reported(name: str, count: int) -> None:
    """A handler that raises instead is an error of the function, whose queue is read more slowly from then on."""
    batch = BATCHES[name]
    with running(batch.subject) as run:
        names = [f"bad-{number}" for number in range(count)]
        answer = run.call({"Records": [batch.record(each, "[" * 100_000) for each in names]})
        # What a device sent is counted and done; everything else goes to a dead-letter queue.
        expected = [] if name == "cdp_constructs/iot/handlers/outcomes" else names
        assert sorted(item["itemIdentifier"] for item in answer["batchItemFailures"]) == expected


@pytest.mark.parametrize("name", BATCHES)
def test_attributes_of_a_message_cost_only_it(name: str) -> None:
    batch = BATCHES[name]
    body = json.dumps(batch.healthy("bad"))
    with running(batch.subject) as run:
        for text in TEXTS:
            check(run, batch, body, traceparent=text, channel=text)
        bare: dict[str, Any] = batch.record("bad", body)
        for attributes in ({}, None):
            records = [
                batch.record("first", json.dumps(batch.healthy("first"))),
                bare | {"messageAttributes": attributes},
            ]
            answer = run.call({"Records": records})
            assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] in ([], ["bad"])


@pytest.mark.parametrize("due_ms", [4 * 10**12, 10**20, 10**400])
def test_a_timer_that_is_due_later_than_any_is_given_up(due_ms: int) -> None:
    """It would be sent again every 15 minutes, without end."""
    batch = BATCHES["cdp_constructs/messaging/handlers/delivery"]
    with running(batch.subject) as run:
        body = json.dumps({**batch.healthy("bad"), "due_ms": due_ms})
        healthy = batch.record("first", json.dumps(batch.healthy("first")))
        answer = run.call({"Records": [healthy, batch.record("bad", body)]})
        assert answer["batchItemFailures"] == [{"itemIdentifier": "bad"}]
        assert not run.world.did("bad")
