"""The store in a DynamoDB table, where the embedded cloud is too good: reads that are behind, races, and time."""

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pydantic import SecretStr

from stacks.dojo.app.model import Message, Posting
from stacks.dojo.app.ports import Notice, RefusedError, UnavailableError
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.table import Table
from stacks.dojo.app.table_store import TableStore

ID = UUID("9b2c4a44-6f0e-4a69-9f6a-4f6ad2f7f7c1")
SETTINGS = Settings(
    store="table", table="chat", fan_out="polling", session_key=SecretStr("k" * 40), database_patience=0.3
)
MESSAGE = {
    "room": "lobby",
    "number": 1,
    "id": str(ID),
    "author": "ann",
    "text": "hello",
    "at": "2026-01-02T00:00:00+00:00",
}
NOTICE = {"pk": "notices", "sk": "1", "attempts": 0, "person": "bob", "room": "lobby", "number": 1, "author": "ann"}


def error(code: str, status: int = 400, **response: Any) -> ClientError:
    of_code = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(cast("Any", {**of_code, **response}), "Any")


class Scripted:
    """A table that answers as a test says, and remembers what it was asked."""

    name = "chat"
    patience = 5.0

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    async def ask(self, operation: str, /, **request: Any) -> Any:
        return self._answer(operation, request)

    async def get(self, pk: str, sk: str) -> Any:
        return self._answer("get", (pk, sk))

    async def get_many(self, keys: Any) -> Any:
        return self._answer("get_many", keys)

    async def query(self, _limit: int, values: Any, _condition: str, **options: Any) -> Any:
        return self._answer("query", {**values, **options})

    async def write(self, **writes: Any) -> None:
        self._answer("write", writes)

    def _answer(self, kind: str, request: Any) -> Any:
        self.asked.append((kind, request))
        given = self.answers.get(kind)
        found = given(request) if callable(given) else given
        if isinstance(found, Exception):
            raise found
        return found

    def of(self, kind: str) -> list[Any]:
        return [request for each, request in self.asked if each == kind]


def store(table: Scripted, replica: Scripted | None = None) -> TableStore:
    return TableStore(cast("Table", table), replica=cast("Table", replica))


def numbered(*numbers: int) -> list[Any]:
    return [{**MESSAGE, "number": number} for number in numbers]


@pytest.mark.parametrize(("at_least", "seen", "reads"), [(0, [], 1), (1, [1], 2)])
def test_a_read_that_is_behind_its_reader_is_repeated(at_least: int, seen: list[int], reads: int) -> None:
    table = Scripted(query=lambda asked: [MESSAGE] if asked.get("ConsistentRead") else [])
    found = asyncio.run(store(table).history("lobby", at_least=at_least))
    assert [message.number for message in found] == seen
    assert len(table.of("query")) == reads


def test_a_page_of_older_messages_is_not_read_twice_for_what_is_later() -> None:
    table = Scripted(query=[MESSAGE])
    asyncio.run(store(table).history("lobby", before=2, at_least=900))
    assert len(table.of("query")) == 1


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ([3, 2, 1], {}),
        ([3, 2], {"limit": 2}),
        ([2, 1], {"before": 3}),
        ([], {}),
    ],
)
def test_a_whole_page_of_a_replica_is_read_nowhere_else(there: list[int], asked: dict[str, int]) -> None:
    near, home = Scripted(query=numbered(*there)), Scripted()
    found = asyncio.run(store(home, near).history("lobby", **asked))
    assert [message.number for message in found] == there[::-1]
    assert home.asked == []


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ([4, 2, 1], {}),  # of two messages the later one came first
        ([4, 3], {}),  # the oldest ones are not there yet
        ([2, 1], {"at_least": 4}),
        ([2, 1], {"before": 4}),
        ([], {"before": 4}),
    ],
)
def test_a_page_that_lacks_a_message_is_read_where_it_was_written(there: list[int], asked: dict[str, int]) -> None:
    near, home = Scripted(query=numbered(*there)), Scripted(query=numbered(4, 3, 2, 1))
    found = asyncio.run(store(home, near).history("lobby", **asked))
    assert [message.number for message in found] == [1, 2, 3, 4]
    [read] = home.of("query")
    assert read["ConsistentRead"]


def test_listeners_near_a_replica_wait_for_a_message_that_has_not_come() -> None:
    near = Scripted(query=numbered(3, 4, 6, 7))
    found = asyncio.run(store(Scripted(), near).since("lobby", 2))
    assert [message.number for message in found] == [3, 4]
    near.answers["query"] = numbered(6)
    assert asyncio.run(store(Scripted(), near).since("lobby", 4)) == []


def test_what_is_written_and_who_signs_in_is_asked_where_it_is_written() -> None:
    near, home = Scripted(get={"last": 9}), Scripted(get={"last": 3, "password": "x"}, transact_write_items={})
    kept = store(home, near)
    stored = asyncio.run(kept.add(Posting(id=ID, text="hello", room="lobby", author="ann")))
    assert stored.number == 4
    assert asyncio.run(kept.password("ann")) == "x"
    assert near.asked == []
    assert asyncio.run(kept.last("lobby")) == 9


def test_a_server_near_a_replica_is_healthy_while_that_answers() -> None:
    near, home = Scripted(get_many=[]), Scripted(get_many=UnavailableError("away"))
    assert asyncio.run(store(home, near).lasts([])) == {}


def test_who_comes_second_takes_the_following_number_without_another_read() -> None:
    taken = error(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "ConditionalCheckFailed", "Item": {"last": {"N": "5"}}}, {"Code": "None"}],
    )
    answers = [taken, {}]
    table = Scripted(get={"last": 3}, transact_write_items=lambda _asked: answers.pop(0))
    stored = asyncio.run(store(table).add(Posting(id=ID, text="hello", room="lobby", author="ann")))
    assert stored.number == 6
    assert len(table.of("get")) == 1


def test_a_conflict_that_does_not_end_is_a_store_that_is_away() -> None:
    conflict = error(
        "TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}, {"Code": "None"}]
    )
    table = Scripted(get=None, transact_write_items=conflict)
    table.patience = 0.2
    with pytest.raises(UnavailableError):
        asyncio.run(store(table).add(Posting(id=ID, text="hello", room="lobby", author="ann")))
    assert len(table.of("transact_write_items")) > 1


def test_messages_of_a_room_wait_for_each_other_in_a_server_and_those_of_others_do_not() -> None:
    waiting = asyncio.Event()

    class Slow(Scripted):
        async def ask(self, operation: str, /, **request: Any) -> Any:
            [update, *_] = request["TransactItems"]
            if update["Update"]["Key"]["pk"] == "room#lobby":
                await waiting.wait()
            return await super().ask(operation, **request)

    async def run() -> list[int]:
        kept = store(Slow(get=None))

        def add(room: str, number: int) -> "asyncio.Task[Message]":
            return asyncio.create_task(kept.add(Posting(id=UUID(int=number), text="hello", room=room, author="ann")))

        first, second, elsewhere = add("lobby", 1), add("lobby", 2), add("kitchen", 3)
        found = [(await elsewhere).number]
        assert not first.done()
        waiting.set()
        return [*found, (await first).number, (await second).number]

    assert asyncio.run(run()) == [1, 1, 2]


def deliver(table: Scripted, *, fails: bool = False) -> list[Notice]:
    sent: list[Notice] = []

    async def send(notice: Notice) -> bool:
        sent.append(notice)
        if fails:
            raise OSError("no")
        return True

    assert asyncio.run(store(table).deliver(send))
    return sent


def away(**notice: Any) -> Any:
    """Answer queries: a notice is due, and its person was connected to a server once."""
    person = [{"sk": "person", "password": "x"}, {"sk": "connected#s", "server": "s"}]
    return lambda asked: [{**NOTICE, **notice}] if asked[":pk"] == "notices" else person


@pytest.mark.parametrize(
    ("server", "sent"), [([], 1), ([{"until": time.time() - 1}], 1), ([{"until": time.time() + 999}], 0)]
)
def test_who_was_connected_to_a_server_that_is_gone_is_away(server: list[Any], sent: int) -> None:
    table = Scripted(query=away(), get_many=server)
    assert len(deliver(table)) == sent
    assert len(table.of("write")[-1]["delete"]) == 1


@pytest.mark.parametrize(("attempts", "to", "level"), [(0, "notices", "WARNING"), (7, "notices-failed", "ERROR")])
def test_a_notice_that_is_not_sent_is_due_later_and_set_aside_at_last(
    attempts: int, to: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    table = Scripted(query=away(attempts=attempts), get_many=[])
    assert len(deliver(table, fails=True)) == 1
    _, put = table.of("transact_write_items")[-1]["TransactItems"]
    assert (put["Put"]["Item"]["pk"], put["Put"]["Item"]["attempts"]) == (to, attempts + 1)
    assert [record.levelname for record in caplog.records] == [level]


def test_a_notice_that_another_server_has_taken_is_not_sent() -> None:
    taken = error("TransactionCanceledException", CancellationReasons=[{"Code": "ConditionalCheckFailed"}])
    assert deliver(Scripted(query=away(), transact_write_items=taken)) == []


def test_presence_is_written_when_it_changes() -> None:
    table = Scripted()

    async def run() -> None:
        kept = store(table)
        for people in (["ann", "bob"], ["ann", "bob"], ["bob"]):
            await kept.present("s", people)

    asyncio.run(run())
    # The server says each time that it is there.
    assert [len(each["put"]) for each in table.of("write")] == [3, 1, 1]
    assert [each["delete"] for each in table.of("write")] == [[], [], [("person#ann", "connected#s")]]


def asked(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> Any:
    left = list(answers)

    def answer(**_request: Any) -> Any:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    client = SimpleNamespace(get_item=answer, close=lambda: None)
    monkeypatch.setattr(boto3, "resource", lambda *_, **__: SimpleNamespace(meta=SimpleNamespace(client=client)))
    table = Table(SETTINGS)
    try:
        return asyncio.run(table.get("a", "b"))
    finally:
        table.close()


@pytest.mark.parametrize(
    "passing",
    [
        error("InternalServerError", 500),
        error("ProvisionedThroughputExceededException"),
        error("ResourceNotFoundException"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
    ],
    ids=["error", "throttled", "no table yet", "no connection"],
)
def test_what_passes_is_waited_for_and_then_the_store_is_away(
    monkeypatch: pytest.MonkeyPatch, passing: Exception
) -> None:
    assert asked(monkeypatch, passing, {"Item": {"pk": "a"}}) == {"pk": "a"}
    with pytest.raises(UnavailableError):
        asked(monkeypatch, passing)


def test_what_the_table_will_never_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError):
        asked(monkeypatch, error("ValidationException"))
