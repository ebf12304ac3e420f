"""The module ``transactional_outbox``: one transaction, each message once, and what could never be published."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from transactional_outbox import ConditionFailedError, Event, Outbox

NOW = 1_800_000_000
EVENT = Event(id="e-1", subject="o-1", message="{}", attributes={"type": "order.placed"})
ORDER = {"Put": {"Item": {"pk": "ORDER#o-1", "sk": "ORDER"}, "ConditionExpression": "attribute_not_exists(pk)"}}


class Table:
    """Takes transactions, or cancels them with reasons."""

    name = "orders"

    def __init__(self) -> None:
        self.transactions: list[list[dict[str, Any]]] = []
        self.reasons: list[str] = []
        self.meta = SimpleNamespace(client=SimpleNamespace(transact_write_items=self._write))

    def _write(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        self.transactions.append(TransactItems)
        if self.reasons:
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                "CancellationReasons": [{"Code": reason} for reason in self.reasons],
            }
            raise ClientError(answer, "TransactWriteItems")


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def outbox(table: Table) -> Outbox:
    return Outbox(table, clock=lambda: NOW)  # type: ignore[arg-type]


def test_change_event_and_mark_are_one_transaction(outbox: Outbox, table: Table) -> None:
    assert outbox.write([ORDER], events=[EVENT], handled="m-1")
    ((order, event, mark),) = table.transactions
    assert order["Put"] == {**ORDER["Put"], "TableName": "orders"}
    assert event["Put"]["Item"] == {
        "pk": "OUTBOX#o-1",
        "sk": "e-1",
        "message": "{}",
        "attributes": {"type": "order.placed"},
        "expires_at": NOW + 7 * 86_400,
    }
    assert mark["Put"]["Item"]["pk"] == "INBOX#m-1"
    assert mark["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"


def test_a_mark_outlives_every_repetition(outbox: Outbox, table: Table) -> None:
    outbox.write([], handled="m-1")
    # SNS tries for 23 days; the subscription's dead-letter queue, the queue with its own one, and what is sent back
    # from there, keep a message for 14 days each.
    assert table.transactions[0][0]["Put"]["Item"]["expires_at"] >= NOW + (23 + 3 * 14) * 86_400


def test_what_was_handled_before_is_not_written(outbox: Outbox, table: Table) -> None:
    table.reasons = ["None", "None", "ConditionalCheckFailed"]
    assert outbox.write([ORDER], events=[EVENT], handled="m-1") is False


def test_handled_before_counts_more_than_a_condition_that_no_longer_holds(outbox: Outbox, table: Table) -> None:
    table.reasons = ["ConditionalCheckFailed", "None", "ConditionalCheckFailed"]
    assert outbox.write([ORDER], events=[EVENT], handled="m-1") is False


def test_a_condition_that_does_not_hold_names_its_change(outbox: Outbox, table: Table) -> None:
    table.reasons = ["None", "ConditionalCheckFailed", "None"]
    with pytest.raises(ConditionFailedError) as failed:
        outbox.write([ORDER, ORDER], events=[EVENT])
    assert failed.value.positions == (1,)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_was_in_the_way_is_no_answer(outbox: Outbox, table: Table, reason: str) -> None:
    # With a conflict beside it, the condition was looked at while somebody else was writing: ask again.
    table.reasons = [reason, "None", "ConditionalCheckFailed"]
    with pytest.raises(ClientError):
        outbox.write([ORDER], events=[EVENT], handled="m-1")


@pytest.mark.parametrize("changes", [[], [ORDER] * 101])
def test_a_transaction_that_dynamodb_refuses_is_not_sent(outbox: Outbox, table: Table, changes: Any) -> None:
    with pytest.raises(ValueError, match="DynamoDB takes 1 to 100"):
        outbox.write(changes)
    assert table.transactions == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"subject": ""},
        {"message": ""},
        {"attributes": {"type": ""}},
        {"attributes": {"": "order"}},
        {"attributes": {"order type": "x"}},
        {"attributes": {"type.": "x"}},
        {"attributes": {"AWS.type": "x"}},
        {"attributes": {"x" * 257: "x"}},
        {"attributes": {str(number): "x" for number in range(11)}},
        {"message": "x" * (256 * 1024)},
    ],
)
def test_an_event_that_could_never_be_published_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="event"):
        Event(**{"id": "e-1", "subject": "o-1", "message": "{}", "attributes": {"type": "t"}, **wrong})


@pytest.mark.parametrize("name", ["type", "order.type", "order-type_2", "awsome", "x" * 256])
def test_an_attribute_has_any_name_that_sns_takes(name: str) -> None:
    assert Event(id="e-1", subject="o-1", message="{}", attributes={name: "x"}).attributes == {name: "x"}


def test_an_event_may_be_as_large_as_sns_takes() -> None:
    assert Event(id="e-1", subject="o-1", message="x" * (256 * 1024)).message
