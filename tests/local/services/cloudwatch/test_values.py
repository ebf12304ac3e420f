"""Times of metric data: programs have the time of the machine while the clock of metrics is ahead of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cdp_constructs.local.kit import clock
from cdp_constructs.local.services.cloudwatch.values import _is_taken

DAY = 24 * 3600


@pytest.fixture(params=[0, 30])
def days(request: pytest.FixtureRequest) -> Iterator[int]:
    """By how many days the clock of metrics is ahead."""
    clock.advance(request.param * DAY)
    yield request.param
    clock.reset()


def test_both_times_are_taken_and_what_is_far_from_them_is_not(days: int) -> None:
    now = time.time()
    assert _is_taken(now)
    assert _is_taken(now + days * DAY)
    assert not _is_taken(now - 15 * DAY)
    assert not _is_taken(now + (days + 1) * DAY)


@pytest.fixture
def _in_tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_a_time_is_that_of_utc_in_every_form() -> None:
    now = datetime.now(UTC)
    for stamp in (now.timestamp(), str(int(now.timestamp())), now.isoformat(), now.replace(tzinfo=None).isoformat()):
        assert _is_taken(stamp), stamp
