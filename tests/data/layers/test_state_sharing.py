"""What the module state_sharing decides without asking DynamoDB, and what it does with DynamoDB's errors."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from state_sharing import Entry, SharedState

NOW = 1_000_000.0


class Table:
    """Stands for DynamoDB: keeps requests, and answers every one with the same error or pages."""

    def __init__(self, error: str = "", pages: list[dict[str, Any]] | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._error = error
        self._pages = pages or []

    def _answer(self, **request: Any) -> dict[str, Any]:
        self.requests.append(dict(request))
        if self._error:
            raise ClientError({"Error": {"Code": self._error, "Message": ""}}, "Operation")
        return self._pages.pop(0)

    get_item = put_item = query = update_item = _answer


def presence(table: Table, *, lifetime: float = 150, kind: str = "PRESENCE") -> SharedState:
    return SharedState(table, group="ROOM", kind=kind, lifetime=lifetime, clock=lambda: NOW)  # type: ignore[arg-type]


def stored(member: str, **changes: Any) -> dict[str, Any]:
    item = {"group": "r1", "member": member, "data": "{}", "since_ms": 1, "at_ms": 2, "expires_at": 3, "change": "left"}
    return item | changes


def test_heartbeat_that_lapsed_on_its_way_costs_nothing() -> None:
    table = Table()
    assert presence(table).heartbeat("r1", "ann", at=NOW - 151) is None
    assert not table.requests


def test_heartbeat_of_the_future_counts_as_now() -> None:
    table = Table(pages=[{"Attributes": stored("ann", change="renewed")}])
    presence(table).heartbeat("r1", "ann", at=NOW + 3600)
    values = table.requests[0]["ExpressionAttributeValues"]
    assert (values[":at"], values[":expires"]) == (NOW * 1000, NOW + 150)


def test_expiry_is_counted_from_when_a_heartbeat_was_made() -> None:
    table = Table(pages=[{"Attributes": stored("ann", change="renewed")}])
    presence(table, lifetime=6).heartbeat("r1", "ann", at=NOW - 2.5)
    assert table.requests[0]["ExpressionAttributeValues"][":expires"] == NOW + 4


@pytest.mark.parametrize("call", ["heartbeat", "leave", "get"])
def test_throttling_is_raised_and_not_taken_for_a_late_heartbeat(call: str) -> None:
    state = presence(Table("ProvisionedThroughputExceededException"))
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        getattr(state, call)("r1", "ann")


def test_members_come_from_all_pages_of_one_partition() -> None:
    table = Table(
        pages=[
            {"Items": [stored("ann", data='{"typing":true}')], "LastEvaluatedKey": {"pk": "ROOM#r1", "sk": "x"}},
            {"Items": [stored("bob")]},
        ]
    )
    found = presence(table).members("r1")
    assert [(entry.member, entry.data) for entry in found] == [("ann", {"typing": True}), ("bob", {})]
    assert table.requests[1]["ExclusiveStartKey"] == {"pk": "ROOM#r1", "sk": "x"}
    assert {request["ExpressionAttributeValues"][":pk"] for request in table.requests} == {"ROOM#r1"}


def test_image_of_the_stream_becomes_an_entry_whatever_its_state() -> None:
    entry = SharedState.read({"pk": "ROOM#r1", "sk": "PRESENCE#ann", **stored("ann", at_ms=2500)})
    assert entry == Entry(group="r1", member="ann", data={}, since=0.001, at=2.5, expires_at=3, change="left")
    assert not entry.is_live(0)


@pytest.mark.parametrize("wrong", [{"kind": ""}, {"kind": "A#B"}, {"lifetime": 0}])
def test_wrong_name_or_lifetime_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must not be empty|give more than 0"):
        presence(Table(), **wrong)


@pytest.mark.parametrize(("group", "member"), [("", "ann"), ("r1#us-east-1", "ann"), ("r1", "")])
def test_name_that_could_reach_another_partition_is_refused(group: str, member: str) -> None:
    for call in ("heartbeat", "leave", "get"):
        with pytest.raises(ValueError, match="empty"):
            getattr(presence(Table()), call)(group, member)
