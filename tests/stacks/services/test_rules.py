"""What a service does about an event, once, and what it does where a condition does not hold."""

import json
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from stacks.services.handlers.billing.rules import CREDIT
from stacks.services.handlers.billing.rules import RULES as BILLING
from stacks.services.handlers.contracts.envelope import Envelope
from stacks.services.handlers.contracts.events import (
    Data,
    OrderPlaced,
    PaymentCaptured,
    PaymentRefunded,
    PaymentRefused,
    ShipmentPrepared,
    ShipmentRefused,
)
from stacks.services.handlers.contracts.working import Rule, Service
from stacks.services.handlers.orders.rules import RULES as ORDERS
from stacks.services.handlers.shipping.rules import RULES as SHIPPING
from transactional_outbox import ConditionFailedError

GOODS = {"order": "o-1", "sku": "book-1", "quantity": 2, "total": 1_000}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Outbox:
    """Notes what is written; refuses the first ones."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.written: list[tuple[Any, list[dict[str, Any]], str]] = []

    def write(self, changes: Any, *, events: Any = (), handled: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise ConditionFailedError([0])
        self.written.append((changes, [json.loads(event.message) for event in events], handled))
        return True


def work(rules: dict[type[Data], Rule], data: Data, refusals: int = 0) -> tuple[Any, list[str]]:
    """Let a service work on an event; return what it changed, and the types of what it told."""
    outbox = Outbox(refusals)
    event = Envelope.of(data, subject=data.order, traceparent=TRACEPARENT)
    record = SQSRecord({"body": event.to_json(), "messageAttributes": {}})
    Service(outbox, rules, Logger(service="test")).work(record)  # type: ignore[arg-type]
    ((changes, told, handled),) = outbox.written
    assert handled == event.identity
    assert all(one["traceparent"] == TRACEPARENT and one["subject"] == "o-1" for one in told)
    return changes, [one["type"] for one in told]


@pytest.mark.parametrize(
    ("rules", "data", "told"),
    [
        (BILLING, OrderPlaced(customer="anna", **GOODS), "billing.payment-captured.v1"),
        (BILLING, OrderPlaced(customer="anna", **{**GOODS, "total": CREDIT}), "billing.payment-captured.v1"),
        (BILLING, OrderPlaced(customer="anna", **{**GOODS, "total": CREDIT + 1}), "billing.payment-refused.v1"),
        (BILLING, ShipmentRefused(order="o-1", reason="none left"), "billing.payment-refunded.v1"),
        (SHIPPING, PaymentCaptured(**GOODS), "shipping.shipment-prepared.v1"),
        (ORDERS, ShipmentPrepared(order="o-1"), "orders.order-confirmed.v1"),
        (ORDERS, PaymentRefused(order="o-1", reason="too much"), "orders.order-cancelled.v1"),
        (ORDERS, PaymentRefunded(order="o-1", reason="none left"), "orders.order-cancelled.v1"),
    ],
)
def test_a_service_tells_what_it_did(rules: dict[type[Data], Rule], data: Data, told: str) -> None:
    changes, types = work(rules, data)
    assert types == [told]
    assert changes
    kinds = [asked for change in changes for asked in change.values()]
    assert all("ConditionExpression" in asked for asked in kinds), "a change without condition could happen twice"


def test_what_is_not_in_stock_is_refused_and_the_payment_is_given_back_by_who_took_it() -> None:
    changes, types = work(SHIPPING, PaymentCaptured(**GOODS), refusals=1)
    assert types == ["shipping.shipment-refused.v1"]
    (shipment,) = changes
    assert shipment["Put"]["Item"]["status"] == "refused"


@pytest.mark.parametrize(
    ("rules", "data"),
    [
        (BILLING, OrderPlaced(customer="anna", **GOODS)),
        (BILLING, ShipmentRefused(order="o-1", reason="none left")),
        (ORDERS, ShipmentPrepared(order="o-1")),
        (ORDERS, PaymentRefused(order="o-1", reason="too much")),
    ],
)
def test_what_was_overtaken_changes_and_tells_nothing(rules: dict[type[Data], Rule], data: Data) -> None:
    assert work(rules, data, refusals=1) == ([], [])


def test_what_a_service_does_not_hear_is_delivered_again_and_becomes_a_dead_letter() -> None:
    with pytest.raises(KeyError):
        work(ORDERS, PaymentCaptured(**GOODS))
