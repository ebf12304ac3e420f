"""What would hold the event loop is interrupted, also when a worker thread asks for it."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest

from cdp_constructs.local.kit.time_limits import TimeLimitError, limited, matches, to_thread

SLOW = re.compile(r"(a+)+$")
TEXT = "a" * 60 + "b"
MOST = 0.05


def endless() -> object:
    return SLOW.search(TEXT)


def counting() -> object:
    number = 0
    while True:
        number += 1


@pytest.mark.parametrize("call", [endless, counting])
def test_what_takes_longer_is_interrupted(call: Callable[[], object]) -> None:
    started = time.process_time()
    with pytest.raises(TimeLimitError, match=r"more than 0\.05 s of processor time"):
        limited(MOST, call)
    assert time.process_time() - started < 20 * MOST


def test_a_thread_is_interrupted_and_others_go_on_afterwards() -> None:
    async def ask() -> str:
        with pytest.raises(TimeLimitError):
            await to_thread(limited, MOST, endless)
        return await to_thread(limited, MOST, lambda: "answered")

    assert asyncio.run(ask()) == "answered"


def test_what_is_quick_answers_and_nothing_is_interrupted_later() -> None:
    assert limited(MOST, lambda: 7) == 7
    started = time.process_time()
    while time.process_time() - started < 3 * MOST:
        pass


def test_an_error_of_the_calculation_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        limited(MOST, lambda: 1 // 0)

    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await to_thread(limited, MOST, lambda: 1 // 0)

    asyncio.run(ask())


def test_a_pattern_matches_the_whole_text_or_not_in_time() -> None:
    assert matches(r"(a+)+", "a" * 60)
    assert not matches(r"(a+)+", TEXT)
    assert not matches(r"a", "ab")
