"""The demonstration's books find what is lost, doubled, unequal or off."""

from dataclasses import replace

from demo.services.books import Books, Event, Reader

PLACED = Event("1", "/orders", "orders.order-placed.v1", "o-1")
CAPTURED = Event("2", "/billing", "billing.payment-captured.v1", "o-1")
GOOD = Books(
    events=[PLACED, CAPTURED],
    readers={
        "billing": Reader(frozenset({PLACED.type}), frozenset({"/orders/1"})),
        "shipping": Reader(frozenset({CAPTURED.type}), frozenset({"/billing/2"})),
    },
    orders={"o-1": ("confirmed", "captured", "prepared"), "o-2": ("cancelled", "refunded", "refused")},
    stock={"book": 8},
    stocked={"book": 10},
    quantities={"o-1": ("book", 2), "o-2": ("book", 5)},
)


def test_good_books_have_nothing() -> None:
    assert [GOOD.unread(), GOOD.twice(), GOOD.unequal(), GOOD.off(), GOOD.missing(["/orders/1", "/billing/2"])] == [
        []
    ] * 5


def test_an_event_that_nobody_worked_on_is_lost() -> None:
    lost = replace(GOOD, readers={**GOOD.readers, "billing": Reader(frozenset({PLACED.type}), frozenset())})
    assert lost.unread() == ["billing: orders.order-placed.v1 o-1"]


def test_two_payments_of_an_order_are_one_too_many() -> None:
    twice = replace(GOOD, events=[PLACED, CAPTURED, replace(CAPTURED, id="3")])
    assert twice.twice() == ["billing.payment-captured.v1 o-1: 2 times"]


def test_a_cancelled_order_that_is_paid_is_unequal() -> None:
    assert replace(GOOD, orders={"o-1": ("cancelled", "captured", "refused")}).unequal()
    assert replace(GOOD, orders={"o-1": ("pending", "captured", "prepared")}).unequal()


def test_goods_that_are_shipped_twice_are_off() -> None:
    assert replace(GOOD, stock={"book": 6}).off() == ["book: 10 arrived, 2 shipped, 6 left"]


def test_a_copy_that_is_missing_is_told() -> None:
    assert GOOD.missing(["/orders/1"]) == ["billing.payment-captured.v1 o-1"]
