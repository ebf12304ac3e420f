import pytest

from cdp_constructs.testing import eventually


def test_the_first_true_sight_is_returned() -> None:
    sights = iter([None, [], "there"])
    assert eventually(lambda: next(sights)) == "there"


def test_what_does_not_come_is_named_with_the_last_sight() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.1 s: the order; last seen: 0"):
        eventually(lambda: 0, within=0.1, what="the order")
