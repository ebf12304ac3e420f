"""Events: what is written is CloudEvents 1.0; an old consumer reads a new event, and a new one an old event."""

import json
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from stacks.services.handlers.contracts import events
from stacks.services.handlers.contracts.envelope import Envelope, UnknownEventError
from stacks.services.handlers.contracts.events import OrderPlaced, ShipmentPrepared

PLACED = OrderPlaced(order="o-1", sku="book-1", quantity=2, total=1_000, customer="anna", note="ring twice")
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class OldOrderPlaced(events.Data):
    """What billing knew of orders.order-placed.v1 in version 1.0, before customers could write a note."""

    TYPE: ClassVar[str] = "orders.order-placed.v1"

    sku: str
    quantity: int
    total: int
    customer: str


def test_an_event_has_what_cloudevents_requires() -> None:
    document = json.loads(Envelope.of(PLACED, subject="o-1", traceparent=TRACEPARENT).to_json())
    assert {"specversion", "id", "source", "type"} <= document.keys()
    assert document["specversion"] == "1.0"
    assert (document["source"], document["type"]) == ("/orders", "orders.order-placed.v1")
    assert document["dataschema"] == "urn:events:orders.order-placed:1.1"
    assert document["traceparent"] == TRACEPARENT
    assert document["time"].endswith("Z")
    # Names of attributes: lower-case letters and digits only.
    assert all(name.isalnum() and name.islower() for name in document)
    assert document["data"] == PLACED.model_dump()


def test_what_was_written_is_read() -> None:
    written = Envelope.of(PLACED, subject="o-1")
    read = Envelope.read(written.to_json())
    assert read == written
    assert isinstance(read.data, OrderPlaced)


def test_an_old_consumer_reads_a_new_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events._MODELS, OldOrderPlaced.TYPE, OldOrderPlaced)
    new = json.loads(Envelope.of(PLACED, subject="o-1").to_json())
    # What a later version adds, to the data and to the envelope.
    new |= {"dataschema": "urn:events:orders.order-placed:1.7", "partitionkey": "o-1"}
    new["data"] |= {"gift": True, "address": {"city": "Sendai"}}
    assert Envelope.read(json.dumps(new)).data == OldOrderPlaced(
        order="o-1", sku="book-1", quantity=2, total=1_000, customer="anna"
    )


def test_this_consumer_reads_a_later_event() -> None:
    later = json.loads(Envelope.of(PLACED, subject="o-1").to_json())
    later |= {"dataschema": "urn:events:orders.order-placed:1.9", "partitionkey": "o-1"}
    later["data"] |= {"gift": True}
    assert Envelope.read(json.dumps(later)).data == PLACED


def test_this_consumer_reads_an_old_event() -> None:
    old = json.loads(Envelope.of(PLACED, subject="o-1").to_json())
    old["dataschema"] = "urn:events:orders.order-placed:1.0"
    del old["data"]["note"]
    assert Envelope.read(json.dumps(old)).data == PLACED.model_copy(update={"note": ""})


def test_a_version_that_cannot_be_read_is_another_type() -> None:
    second = json.loads(Envelope.of(PLACED, subject="o-1").to_json()) | {"type": "orders.order-placed.v2"}
    with pytest.raises(UnknownEventError, match="v2"):
        Envelope.read(json.dumps(second))


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"source": None},
        {"data": {}},
        {"data": "text"},
        {"data": {**PLACED.model_dump(), "quantity": 0}},
        {"data": {**PLACED.model_dump(), "order": "o#1"}},
        {"time": "yesterday"},
    ],
)
def test_what_is_no_event_is_an_error(change: dict[str, Any]) -> None:
    document = json.loads(Envelope.of(PLACED, subject="o-1").to_json())
    with pytest.raises(ValidationError):
        Envelope.read(json.dumps({**document, **change}))


def test_every_event_has_a_type_of_its_service_and_a_major_version() -> None:
    for kind, model in events._MODELS.items():
        assert kind == model.TYPE
        assert model.service() in {"orders", "billing", "shipping"}
        assert kind.rpartition(".v")[2] == model.VERSION.partition(".")[0]


def test_the_schemas_are_those_that_were_agreed(snapshot: Any) -> None:
    # A field that is removed, renamed or newly required breaks who reads the events: give the type another number.
    schemas = {f"{kind} {model.VERSION}": model.model_json_schema() for kind, model in sorted(events._MODELS.items())}
    assert json.dumps(schemas, indent=1, sort_keys=True) == snapshot


def test_two_events_about_the_same_are_two() -> None:
    one, other = (Envelope.of(ShipmentPrepared(order="o-1"), subject="o-1") for _ in range(2))
    assert one.identity != other.identity
