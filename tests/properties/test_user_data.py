"""Documents of users: devices that work offline end up equal, and the handler answers whatever is sent."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdp_phone import DocumentApi, Replica, TryLaterError, merge_members, sync
from tests.properties.events import http
from tests.properties.inputs import KEYS, TEXTS, UNREADABLE, examples
from tests.properties.test_requests import check
from tests.properties.user_data import Server, api_of, json_of, serving

# cdp_constructs/data/handlers/user_data: its table and bucket are in memory here; tests/behaviour has it with AWS's.


class Battery(BaseException):
    """The device ends in the middle of what it does."""


class Device:
    """A phone of a person, with a network that fails as it is told.

    Attributes:
        faults: What becomes of the next requests: ``request`` or ``answer`` is lost, or the ``battery`` is empty after
            the server has done it; nothing for the rest.
    """

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.replica = Replica.open(":memory:")
        self.faults: list[str | None] = []
        self.api: DocumentApi = api_of(server.client(around=self._through))

    def sync(self, merge: Any = merge_members) -> bool:
        """Return whether it came to an end."""
        try:
            sync(self.replica, self.api, merge=merge)
        except (Battery, TryLaterError):
            return False
        return True

    def _through(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "request":
            raise httpx.ConnectError("no network")
        answer = send()
        if fault == "answer":
            raise httpx.ReadError("the network is gone")
        if fault == "battery":
            raise Battery
        return answer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@contextmanager
def people(server: Server, number: int = 2) -> Iterator[list[Device]]:
    server.reset()
    devices = [Device(server, f"device-{one}") for one in range(number)]
    yield devices
    for device in devices:
        device.replica.close()


def settle(devices: list[Device], merge: Any = merge_members) -> None:
    """Let each device have a network, until there is nothing left to send."""
    for device in devices:
        device.faults = []
    for _ in range(2):
        for device in devices:
            assert device.sync(merge)


def on_the_server(server: Server) -> dict[str, bytes]:
    found = {}
    for key, document in server.table.documents.get("anna", {}).items():
        if not document.deleted:
            data = document.data if document.object_id is None else server.bucket.objects["anna", document.object_id]
            found[key] = data
    return found


FAULTS = st.lists(st.sampled_from([None, None, "request", "answer", "battery"]), max_size=6)
DEVICE = st.integers(0, 1)
DOCUMENT = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), DEVICE, DOCUMENT),
        st.tuples(st.just("sync"), DEVICE, FAULTS),
        # The other device writes while a write of this one is under way.
        st.tuples(st.just("race"), DEVICE, DOCUMENT),
    ),
    max_size=14,
)


def sums(_key: str, base: bytes | None, mine: bytes | None, theirs: bytes | None) -> bytes:
    """Merge counters: what was added here since the base comes on top of what is there."""
    began, here, there = (json_of(one) or {"n": 0, "by": []} for one in (base, mine, theirs))
    return written(there["n"] + here["n"] - began["n"], {*there["by"], *here["by"]})


def written(number: int, by: Any) -> bytes:
    return json.dumps({"n": number, "by": sorted(by)}).encode()


@examples(120)
@example(steps=[("add", 0, "a"), ("sync", 0, [None, "answer"]), ("add", 0, "a"), ("add", 1, "a"), ("sync", 1, [])])
@example(steps=[("add", 0, "a"), ("add", 1, "a"), ("race", 0, "a"), ("race", 1, "a")])
@given(steps=STEPS)
def test_whatever_happens_on_the_way_nothing_is_lost_and_nothing_counts_twice(server: Server, steps: list[Any]) -> None:
    made: dict[str, list[str]] = {"a": [], "b": [], "c": []}

    def add(device: Device, key: str) -> None:
        mark = f"{device.name}-{len(made[key])}"
        made[key].append(mark)
        before = json_of(device.replica.get(key)) or {"n": 0, "by": []}
        # Of some the list is longer than what is kept in the table.
        device.replica.put(key, written(before["n"] + 1, [*before["by"], mark]))

    with people(server) as devices:
        for step, who, what in steps:
            device, other = devices[who], devices[1 - who]
            if step == "add":
                add(device, what)
            elif step == "sync":
                device.faults = list(what)
                device.sync(sums)
            else:
                add(device, what)
                add(other, what)
                waiting = [lambda other=other: other.sync(sums)]
                server.table.before_write = lambda waiting=waiting: waiting.pop()() if waiting else None
                device.faults = []
                device.sync(sums)
        settle(devices, sums)
        there = {key: json_of(data) for key, data in on_the_server(server).items()}
        assert there == {key: {"n": len(marks), "by": sorted(marks)} for key, marks in made.items() if marks}
        for device in devices:
            assert device.replica.documents() == on_the_server(server)


ANY = st.integers(0, 2)
EDITS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.integers(0, 2), DOCUMENT, st.dictionaries(DOCUMENT, st.integers(0, 3), max_size=3)
        ),
        st.tuples(st.just("delete"), st.integers(0, 2), DOCUMENT, st.none()),
        st.tuples(st.just("sync"), st.integers(0, 2), FAULTS, st.none()),
        st.tuples(st.just("old"), st.integers(0, 2), st.none(), st.none()),
    ),
    max_size=20,
)


GONE = [
    ("put", 0, "a", {}),
    ("sync", 0, [], None),
    ("sync", 1, [], None),
    ("delete", 0, "a", None),
    ("sync", 0, [], None),
    ("old", 1, None, None),
]


@examples(120)
@example(steps=GONE)
@example(steps=[*GONE, ("put", 1, "a", {"a": 1})])
@given(steps=EDITS)
def test_three_devices_end_up_equal_after_edits_deletions_and_old_tokens(server: Server, steps: list[Any]) -> None:
    with people(server, 3) as devices:
        for step, who, what, more in steps:
            device = devices[who]
            if step == "put":
                device.replica.put(what, json.dumps(more).encode())
            elif step == "delete":
                device.replica.delete(what)
            elif step == "sync":
                device.faults = list(what)
                device.sync()
            else:
                # Away for longer than deletions are remembered; time to live has deleted them.
                server.now += 91 * 86_400
                forget_deletions(server)
        settle(devices)
        for device in devices:
            assert device.replica.documents() == on_the_server(server)
            assert not [one for one in device.replica.all() if one.is_changed or one.sent]


def forget_deletions(server: Server) -> None:
    for documents in server.table.documents.values():
        for key in [key for key, one in documents.items() if one.deleted]:
            if "expires_at" in documents[key].item() and documents[key].item()["expires_at"] <= server.now:
                del documents[key]


@examples(60)
@given(steps=EDITS, limit=st.integers(1, 4))
def test_counter_and_objects_are_those_of_the_documents(server: Server, steps: list[Any], limit: int) -> None:
    with people(server, 3) as devices:
        for step, who, what, more in steps:
            if step == "put":
                devices[who].replica.put(what, json.dumps({"text": "x" * limit * 30, **more}).encode())
            elif step == "delete":
                devices[who].replica.delete(what)
            else:
                devices[who].faults = list(what or [])
                devices[who].sync()
        settle(devices)
        there, counter = on_the_server(server), server.table.counter("anna")
        assert (counter.documents, counter.size) == (len(there), sum(map(len, there.values())))
        # What no document has is noted, and so deleted by the next large write.
        held = {one.object_id for one in server.table.documents.get("anna", {}).values() if one.object_id}
        assert {name for _, name in server.bucket.objects} <= held | set(server.table.objects.get("anna", {}))


@examples(40)
@given(steps=EDITS, limit=st.integers(1, 3))
def test_pages_of_any_size_have_each_document_as_it_is_last(server: Server, steps: list[Any], limit: int) -> None:
    with people(server, 3) as devices:
        client = server.client()
        read: dict[str, Any] = {}
        token: str | None = None

        def read_on() -> None:
            nonlocal token
            more = True
            while more:
                page = client.get("", params={"limit": limit, **({"since": token} if token else {})}).json()
                read.update({one["key"]: one for one in page["changes"]})
                token, more = page["token"], page["more"]

        for number, (step, who, what, value) in enumerate(steps):
            if step in {"put", "delete"}:
                devices[who].replica.put(what, json.dumps(value).encode()) if step == "put" else devices[
                    who
                ].replica.delete(what)
                devices[who].sync()
            if number % 3 == 0:
                read_on()
        read_on()
        assert {key: one["version"] for key, one in read.items()} == {
            key: one.version for key, one in server.table.documents.get("anna", {}).items()
        }


HEADERS = ("if-match", "if-none-match", "idempotency-key", "content-type", "traceparent")


def test_what_strangers_send_is_answered(server: Server) -> None:
    server.reset()
    good = {"if-none-match": "*", "content-type": "application/json"}
    for body in UNREADABLE:
        check(server.call(put("a", good, body)))
    for text in TEXTS:
        for name in HEADERS:
            check(server.call(put("a", {**good, name: text}, "{}")))
        check(server.call(http(method="GET", path="/documents", query={"since": text[:64], "limit": text})))
    for key in (*KEYS, *TEXTS):
        for method in ("GET", "PUT", "DELETE"):
            event = http("{}", method=method, path="/documents/x", headers=good, parameters={"key": key})
            check(server.call(event))
    for user in ("", "é", "x" * 5000, "a b", None):
        answer = server.call(http(method="GET", path="/documents", user=user))
        assert answer["statusCode"] in {401, 403}


def put(key: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    return http(body, method="PUT", path="/documents/x", headers=headers, parameters={"key": key})


@pytest.mark.parametrize("body", ["=", "a", "é", "/w==", "\ud800", "x" * 5])
def test_a_body_that_is_no_base64_or_no_text_is_answered(server: Server, body: str) -> None:
    server.reset()
    for kind in ("application/json", "image/png"):
        event = put("a", {"if-none-match": "*", "content-type": kind}, body)
        check(server.call(event | {"isBase64Encoded": True}))
        check(server.call(event))
