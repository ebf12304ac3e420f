"""What the deployed services do: orders end, what fails is compensated, and nothing is lost or done twice."""

import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from demo.report import Report
from demo.services.__main__ import Scenes, play
from demo.services.market import Market, Order
from tests.stacks.services.architectures import choreography


@pytest.fixture(scope="module")
def market(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Market:
    made = Market(local_cloud, deployed(choreography))
    made.hasten()
    made.restock("book", 1_000, uuid4().hex)
    return made


def order(sku: str = "book", **more: Any) -> Order:
    return {"order": uuid4().hex[:16], "sku": sku, "quantity": 1, "total": 1_000, "customer": "anna", **more}


def placed(market: Market, *orders: Order) -> list[str]:
    assert market.place(orders) == len(orders)
    return [one["order"] for one in orders]


def balanced(market: Market) -> None:
    """Nothing is lost, doubled, unequal or off."""
    eventually(lambda: not market.books().unread(), within=30, what="the work on every event")
    books = market.books()
    assert [books.twice(), books.unequal(), books.off()] == [[], [], []]
    eventually(lambda: not books.missing(market.copies()), within=30, what="a copy of every event")


@pytest.mark.parametrize(
    ("asked", "end", "payment"),
    [
        ({}, "confirmed", "captured"),
        ({"total": 100_001}, "cancelled", "refused"),
        ({"sku": "none"}, "cancelled", "refunded"),
        ({"quantity": 1_000, "sku": "book"}, "cancelled", "refunded"),
    ],
    ids=["paid and shipped", "cannot be paid", "not in stock", "not enough in stock"],
)
def test_an_order_ends(market: Market, asked: dict[str, Any], end: str, payment: str) -> None:
    if asked.get("quantity"):
        placed_before = placed(market, order())
        market.settle(placed_before, within=30)
    (number,) = placed(market, order(**asked))
    market.settle([number], within=30)
    assert (market.status(number), market.payment(number)) == (end, payment)
    balanced(market)


def test_an_order_that_is_placed_twice_is_one(market: Market) -> None:
    one = order()
    assert [market.place([one]), market.place([one])] == [1, 0]
    market.settle([one["order"]], within=30)
    balanced(market)


def test_goods_that_arrive_twice_by_the_same_note_are_counted_once(market: Market) -> None:
    note = uuid4().hex
    for _ in range(2):
        market.restock(f"once-{note[:8]}", 5, note)
    assert market.books().stock[f"once-{note[:8]}"] == 5


@pytest.mark.parametrize("wrong", [{}, {"orders": []}, {"orders": [{"order": "a#b"}]}, {"orders": "none"}])
def test_a_wrong_request_is_answered(market: Market, wrong: Any) -> None:
    assert "error" in market._invoke("orders", wrong)
    assert "error" in market._invoke("shipping", wrong)


def test_nothing_is_lost_while_sqs_does_not_answer(market: Market) -> None:
    with market.cloud.inject_fault("sqs", market.region):
        numbers = placed(market, *(order() for _ in range(5)))
        eventually(lambda: len(market.cloud.deliveries.waiting(market.region)) >= 5, within=30, what="retries")
        market.cloud.deliveries.advance(days=22)
        assert {market.status(number) for number in numbers} == {"pending"}
    market.cloud.deliveries.advance(seconds=20)
    market.settle(numbers, within=60)
    assert market.books().status(numbers) == {"confirmed": 5}
    balanced(market)


def test_what_a_queue_refuses_is_kept_and_one_command_replays_it(market: Market) -> None:
    queue = market.resource("billing", "OfOrdersQueue")
    policy = market.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]
    market.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    numbers = placed(market, order(), order())
    dead = "OfOrdersSubscriptionDeadLetterQueue"
    eventually(lambda: market.waiting("billing", dead) == 2, within=30, what="two dead letters")
    market.sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    assert "2 delivered again to OfOrdersQueue" in market.operate(
        "dead-letters", "replay", dead, "--stack", market.stack("billing")
    )
    market.settle(numbers, within=60)
    balanced(market)


def test_the_other_region_has_what_this_one_cannot_take(market: Market) -> None:
    with market.cloud.inject_fault("sqs", market.region):
        (number,) = placed(market, order())

        def copied() -> bool:
            copies = set(market.copies())
            return any(event.order == number and event.identity in copies for event in market.books().events)

        eventually(copied, within=30, what="the copy")
        assert market.status(number) == "pending"
    market.cloud.deliveries.advance(seconds=20)
    market.settle([number], within=60)


def test_what_is_delivered_twice_and_worked_on_by_killed_functions_counts_once(market: Market) -> None:
    first = placed(market, order())  # so that each service has published something
    market.settle(first, within=30)
    numbers = placed(market, *(order() for _ in range(25)))
    for service in ("orders", "billing", "shipping"):
        market.kill(service)
    numbers += placed(market, *(order() for _ in range(25)))
    for service in ("orders", "billing", "shipping"):
        assert market.publish_again(service, 50)
    market.settle(numbers, within=240)
    balanced(market)


def test_the_demonstration_sees_what_it_expects(market: Market) -> None:
    report = Report(Console(file=io.StringIO()))
    play(Scenes(market), report, events=100)
    assert [(one.title, one.seen) for one in report.results if not one.passed] == []
    assert len(report.results) == 13


def test_a_poison_message_costs_only_itself(market: Market) -> None:
    queue = market.resource("billing", "OfOrdersQueue")
    market.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    market.sqs.send_message(QueueUrl=queue, MessageBody='{"specversion": "1.0", "type": "orders.order-placed.v1"}')
    (number,) = placed(market, order())
    market.settle([number], within=30)
    eventually(lambda: market.waiting("billing", "OfOrdersDeadLetterQueue") == 1, within=60, what="the dead letter")
    balanced(market)


def test_a_copy_that_its_region_refused_is_replayed_into_it(market: Market) -> None:
    there = market.cloud.client("sqs", market.copy_region)
    queue = market.resource("copies", "OrdersCopiesQueue")
    policy = there.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]
    there.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    (number,) = placed(market, order())
    market.settle([number], within=60)
    dead = "OrdersOrdersCopiesSubscriptionDeadLetterQueue"
    eventually(lambda: market.waiting("events", dead) == 2, within=30, what="placed and confirmed in it")
    there.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    # The queue is of another stack and Region; the subscription says which.
    assert "2 delivered again to the queue of" in market.operate(
        "dead-letters", "replay", dead, "--stack", market.stack("events")
    )
    balanced(market)
