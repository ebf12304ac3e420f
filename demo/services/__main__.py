"""``python -m demo.services``: orders go their way while queues, functions and a Region's SQS fail; then the books."""

import argparse
import time
from pathlib import Path
from uuid import uuid4

from cdp_constructs.local import LocalCloud
from demo.bring_up import bring_up, demonstrate, synthesise
from demo.report import Report, eventually, expect
from demo.running import end_with
from demo.services.market import Market, Order
from stacks.services.service_stack import SERVICES

_SKUS = 20
_PLENTY = 100_000
_REPEATED = 200


def order(sku: str, *, total: int = 1_000, quantity: int = 1) -> Order:
    """Return a new order."""
    number = uuid4().hex[:16]
    return {"order": number, "sku": sku, "quantity": quantity, "total": total, "customer": "anna"}


class Scenes:
    """The chapters of the demonstration."""

    def __init__(self, market: Market) -> None:
        """Play on a market."""
        self.market = market
        self._books = market.books()

    def _place(self, orders: list[Order]) -> list[str]:
        expect(self.market.place(orders) == len(orders), "an order was not placed")
        return [one["order"] for one in orders]

    def one_order(self, sku: str, total: int, expected: str) -> str:
        """Follow one order to its end."""
        (number,) = self._place([order(sku, total=total)])
        self.market.settle([number], within=30)
        seen = f"{self.market.status(number)}, payment {self.market.payment(number)}"
        expect(seen == expected, seen)
        return seen

    def sqs_is_down(self) -> str:
        """Let SQS refuse for 22 days of the retry schedule while orders are placed."""
        market = self.market
        with market.cloud.inject_fault("sqs", market.region, error="ServiceUnavailable"):
            numbers = self._place([order("book-1") for _ in range(20)])

            def held() -> int | None:
                waiting = len(market.cloud.deliveries.waiting(market.region))
                return waiting if waiting >= len(numbers) else None

            held_back = eventually(held, within=30, what="all deliveries at SNS")
            market.cloud.deliveries.advance(days=22)
            tries = min(one.tries for one in market.cloud.deliveries.waiting(market.region))
            expect(not [one for one in numbers if market.status(one) != "pending"], "an order went on without SQS")
            expect(tries > 90_000, f"{tries} tries in 22 days")
        market.cloud.deliveries.advance(seconds=20)
        market.settle(numbers, within=60)
        expect(market.books().status(numbers) == {"confirmed": 20}, f"{market.books().status(numbers)}")
        return f"{held_back} deliveries held, {tries:,} tries in 22 days, then 20 of 20 orders confirmed"

    def copies_meanwhile(self) -> str:
        """Let the Region's SQS refuse, and look at the other Region while it does."""
        market = self.market
        with market.cloud.inject_fault("sqs", market.region, error="ServiceUnavailable"):
            numbers = self._place([order("book-1") for _ in range(5)])

            def copied() -> int | None:
                books, copies = market.books(), set(market.copies())
                known = [one for one in books.events if one.order in numbers and one.identity in copies]
                return len(known) if len(known) == len(numbers) else None

            count = eventually(copied, within=30, what="the copies")
        market.cloud.deliveries.advance(seconds=20)
        market.settle(numbers, within=60)
        return f"{count} of {len(numbers)} events in {market.copy_region} while SQS of {market.region} refused"

    def queue_is_gone(self) -> str:
        """Let billing's queue refuse for good, and replay what the subscription's dead-letter queue kept."""
        market = self.market
        queue = market.resource("billing", "OfOrdersQueue")
        policy = market.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]
        market.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
        numbers = self._place([order("book-1") for _ in range(10)])
        dead = "OfOrdersSubscriptionDeadLetterQueue"
        eventually(lambda: market.waiting("billing", dead) == 10 or None, within=30, what="10 messages in it")
        market.sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
        said = market.operate("dead-letters", "replay", dead, "--stack", market.stack("billing"))
        market.settle(numbers, within=60)
        expect(market.waiting("billing", dead) == 0, "the dead-letter queue is not empty")
        return f"10 kept; {said.splitlines()[0]}"

    def many(self, events: int) -> str:
        """Place so many orders that there are as many events, with crashes and repetitions, and count them."""
        market, started = self.market, time.perf_counter()
        before = len(market.books().events)
        skus = [f"book-{number}" for number in range(1, _SKUS + 1)]
        # Most orders have four events. Of ten, one cannot be paid (three) and one cannot be shipped (five).
        orders = [
            order("sold-out")
            if number % 10 == 9
            else order(skus[number % _SKUS], total=200_000 if number % 10 == 4 else 1_000)
            for number in range(-(-events // 4) + 10)
        ]
        half = len(orders) // 2
        numbers = self._place(orders[:half])
        killed = sum(market.kill(service) for service in SERVICES)
        numbers += self._place(orders[half:])
        repeated = sum(market.publish_again(service, _REPEATED) for service in SERVICES)
        market.settle(numbers, within=600)
        seconds = time.perf_counter() - started
        count = len(market.books().events) - before
        expect(count >= events, f"{count} events")
        return (
            f"{count:,} events of {len(orders):,} orders in {seconds:.0f} s ({count / seconds:.0f} a second); "
            f"{killed} processes killed, {repeated} events published twice"
        )

    def close(self) -> str:
        """Wait until every event was worked on and copied, and look into the dead-letter queues."""
        market = self.market

        def all_read() -> bool | None:
            self._books = market.books()
            return not self._books.unread() or None

        eventually(all_read, within=60, what="the work on every event")
        eventually(lambda: not self._books.missing(market.copies()) or None, within=60, what="a copy of every event")
        for service in SERVICES:
            for queue in ("OutboxDeadLetterQueue", "OutboxRecordDeadLetterQueue"):
                expect(market.waiting(service, queue) == 0, f"{service}: {queue} is not empty")
        return f"{len(self._books.events):,} events, no dead letter"

    def lost(self) -> str:
        """Look for events that a service receives and has not worked on."""
        return _none(self._books.unread(), f"0 of {len(self._books.events):,}")

    def twice(self) -> str:
        """Look for events that a service published twice about an order."""
        return _none(self._books.twice(), f"0 of {len(self._books.events):,}")

    def agree(self) -> str:
        """Look for orders whose end differs from service to service."""
        return _none(self._books.unequal(), f"{len(self._books.orders):,} orders")

    def goods(self) -> str:
        """Look for goods that were shipped and are still there, or the other way round."""
        return _none(self._books.off(), f"{len(self._books.stocked)} kinds")

    def copied(self) -> str:
        """Look for events that the other Region does not have."""
        copies = self.market.copies()
        different = len(set(copies))
        return _none(self._books.missing(copies), f"{different:,} events, {len(copies) - different} of them twice")


def _none(found: list[str], seen: str) -> str:
    expect(not found, f"{len(found)}, such as {found[:2]}")
    return seen


def play(scenes: Scenes, report: Report, events: int) -> None:
    """Play all chapters."""
    step, market = report.step, scenes.market
    market.hasten()
    for number in range(1, _SKUS + 1):
        market.restock(f"book-{number}", _PLENTY, f"first-{number}")
    with report.chapter("An order goes its way"):
        step(
            "An order that can be paid and shipped",
            "confirmed, payment captured",
            lambda: scenes.one_order("book-1", 1_000, "confirmed, payment captured"),
        )
        step(
            "More than the customer may spend",
            "cancelled, payment refused",
            lambda: scenes.one_order("book-1", 100_001, "cancelled, payment refused"),
        )
        step(
            "Paid, and then there is none in stock",
            "cancelled, and the payment is given back",
            lambda: scenes.one_order("sold-out", 1_000, "cancelled, payment refunded"),
        )
    with report.chapter("While it is on its way"):
        step("SQS does not answer for 22 days", "SNS tries again, and nothing is lost", scenes.sqs_is_down)
        step("Meanwhile, in another Region", "each event is there", scenes.copies_meanwhile)
        step(
            "Billing's queue refuses",
            "its subscription's dead-letter queue has it; one command replays it",
            scenes.queue_is_gone,
        )
    with report.chapter(f"{events:,} events"):
        if not step("Crashes and repetitions among them", "every order has its end", lambda: scenes.many(events)):
            return
        if not step("All work is done", "every event worked on and copied, no dead letter", scenes.close):
            return
        step("Lost", "0: who receives an event has worked on it", scenes.lost)
        step("Worked on twice", "0: each service publishes each event of an order once", scenes.twice)
        step("The services agree", "each order has one end, and a cancelled one leaves nothing", scenes.agree)
        step("Goods", "what arrived minus what was shipped is left", scenes.goods)
        step("Copies in the other Region", "every event", scenes.copied)


def run(report: Report, cloud: LocalCloud, folder: Path, events: int) -> None:
    """Bring the services up, and play."""
    assembly = folder / "cdk.out"
    deployment = bring_up(report, lambda: synthesise(assembly, "services", {}), lambda: cloud.deploy(assembly))
    if deployment is not None:
        play(Scenes(Market(cloud, deployment)), report, events)


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make demo-services", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="how many events; 10,000 by default")
    options = parser.parse_args()
    return demonstrate(lambda report, cloud, folder: run(report, cloud, folder, options.events))


if __name__ == "__main__":
    end_with(main)
