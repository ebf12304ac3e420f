"""The outbox and the services that hear each other's events, with the events of Lambda's documentation."""

import json

import pytest

from stacks.services.handlers.contracts.envelope import Envelope
from stacks.services.handlers.contracts.events import Data, OrderPlaced, PaymentCaptured, ShipmentPrepared
from tests.aws.documented import documented, in_queue, run

PLACED = OrderPlaced(order="o-1", sku="book-1", quantity=2, total=1_000, customer="anna", note="")
CAPTURED = PaymentCaptured(order="o-1", sku="book-1", quantity=2, total=1_000)
PREPARED = ShipmentPrepared(order="o-1", sku="book-1", quantity=2, total=1_000)


def test_what_was_written_into_the_outbox_is_published() -> None:
    event = documented("dynamodb")
    event["Records"] = event["Records"][:1]
    (record,) = event["Records"]
    record["dynamodb"]["NewImage"] = {
        "pk": {"S": "OUTBOX#o-1"},
        "sk": {"S": "EVENT#1"},
        "message": {"S": "placed"},
        "attributes": {"M": {"type": {"S": "orders.order-placed.v1"}}},
    }
    answer, aws = run(
        event,
        "cdp_constructs.messaging.handlers.outbox",
        {"PublishBatch": {"Successful": [], "Failed": []}},
        TOPIC_ARN="topic",
        RECORD_DEAD_LETTER_QUEUE_URL="rejected",
    )
    assert answer == {"batchItemFailures": []}
    ((entry,),) = [request["PublishBatchRequestEntries"] for request in aws.requests("PublishBatch")]
    assert entry["Message"] == "placed"
    assert entry["MessageAttributes"]["type"]["StringValue"] == "orders.order-placed.v1"


@pytest.mark.parametrize(
    ("package", "heard", "tells"),
    [
        ("stacks.services.handlers.billing", PLACED, "billing.payment-captured.v1"),
        ("stacks.services.handlers.shipping", CAPTURED, "shipping.shipment-prepared.v1"),
        ("stacks.services.handlers.orders", PREPARED, "orders.order-confirmed.v1"),
    ],
    ids=["billing", "shipping", "orders"],
)
def test_a_service_reacts_to_an_event_once_and_tells_what_it_did(
    package: str, heard: Data, tells: str, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = Envelope.of(heard, subject=heard.order).to_json()
    event = in_queue(envelope, "no event")
    answer, aws = run(event, package, OUTBOX_TABLE="table", TABLE_NAME="table")
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
    (written,) = aws.requests("TransactWriteItems")
    items = [write["Put"]["Item"] for write in written["TransactItems"] if "Put" in write]
    assert any("INBOX#" in json.dumps(item, default=str) for item in items)
    told = [item["attributes"]["type"] for item in items if "attributes" in item]
    assert told == [tells]
    # What nobody could read is not in a log.
    assert "no event" not in capsys.readouterr().out
