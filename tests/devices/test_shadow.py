"""A device follows its shadow: what it reports, and when it has nothing more to say."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from cdp_device.session import Session
from cdp_device.shadow import follow

SHADOW = "$aws/things/desk-1/shadow"


class Broker:
    """AWS IoT, as far as shadows go: each update is answered by what is desired and not reported."""

    def __init__(self, desired: Mapping[str, Any]) -> None:
        self.desired, self.reported = dict(desired), dict[str, Any]()
        self.updates: list[Mapping[str, Any]] = []
        self._delta: Callable[[Any], Awaitable[None]] | None = None

    async def subscribe(self, topic: str, handle: Callable[[Any], Awaitable[None]]) -> None:
        assert topic == f"{SHADOW}/update/delta"
        self._delta = handle

    async def ask(self, topic: str, _body: Mapping[str, Any]) -> Any:
        assert topic == f"{SHADOW}/get"
        return {"state": {"desired": self.desired}}

    async def publish(self, topic: str, body: Mapping[str, Any]) -> None:
        assert topic == f"{SHADOW}/update"
        self.updates.append(body)
        assert len(self.updates) < 10, "it reports without end"
        self.reported |= body["state"]["reported"]
        await self.tell()

    async def tell(self) -> None:
        differs = {name: value for name, value in self.desired.items() if self.reported.get(name) != value}
        if differs and self._delta is not None:
            await self._delta({"state": differs})


def followed(broker: Broker, apply: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    asyncio.run(follow(cast("Session", broker), "desk-1", apply))


def test_what_a_device_does_not_know_or_refuses_is_reported_once() -> None:
    broker = Broker({"interval_seconds": -1, "unknown": 7})
    followed(broker, lambda _desired: {"interval_seconds": 60})
    assert broker.reported == {"interval_seconds": 60}
    # All of it at first, and what then still differs.
    assert len(broker.updates) <= 2


def test_what_is_desired_later_is_reported() -> None:
    broker = Broker({"interval_seconds": 30})
    followed(broker, dict)
    broker.desired["interval_seconds"] = 90
    asyncio.run(broker.tell())
    assert broker.reported == {"interval_seconds": 90}
