"""The overload of the load: what is accepted, refused and failed, and how late what is accepted is seen."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from demo.chat import live, overload
from demo.chat.live_channel import RefusedError


class Crowd:
    """Two people in a room; of the API's answers every third is a refusal, and the last one has no body."""

    def __init__(self) -> None:
        person = SimpleNamespace(apis={"here": "https://api.example"}, headers={"authorization": "Bearer anna"})
        self.members: list[Any] = [
            SimpleNamespace(room="room", region="here", regions=("here",), person=person, arrivals={}) for _ in range(2)
        ]
        self.rooms = {"room": self.members}
        self.sent: dict[str, list[Any]] = {"room": []}
        self.requests = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == 9:
            return httpx.Response(502)
        if self.requests == 8:
            return httpx.Response(503)
        if self.requests % 3 == 0:
            return httpx.Response(429, headers={"Retry-After": "1"})
        message = {"id": json.loads(request.content)["client_message_id"], "region": "here"}
        for member in self.members:
            member.arrivals[message["id"]] = SimpleNamespace(at=time.monotonic() + 2, live=True)
        return httpx.Response(201, json=message)

    async def settle(self, *, within: float) -> bool:
        return within > 0


def test_an_offer_counts_every_answer_and_how_late_the_accepted_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd: Any = Crowd()
    client = partial(httpx.AsyncClient, transport=httpx.MockTransport(crowd.answer))
    monkeypatch.setattr(httpx, "AsyncClient", client)
    result = asyncio.run(overload.offer(crowd, rate=100, seconds=0.09, settle_within=1))
    assert (result.offered, len(result.accepted), result.refused) == (9, 5, 2)
    assert (result.throttled, result.failed) == (1, 1)
    # Two seconds until the other member saw it; the author's own client does not count.
    assert len(result.lags) == 5
    assert min(result.lags) >= 2
    assert crowd.sent["room"] == result.accepted
    assert "9 offered, 5 accepted" in result.figures()
    assert "2 refused, 1 throttled, 1 failed" in result.figures()


class Api:
    """Answers as the chat's API does; the function that decides on subscriptions fails once."""

    def __init__(self, *, may: bool) -> None:
        self.asked: list[str] = []
        self.live: list[str] = []
        self._may = may

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == "/rooms/room" and self.failed_before and not self._may:
            return httpx.Response(404)
        return httpx.Response(200, json=_ANSWERS[path])

    @property
    def failed_before(self) -> bool:
        return self.asked.count("/rooms/room") > 1

    @contextlib.asynccontextmanager
    async def connected(self, *_: object) -> AsyncIterator["Api"]:
        yield self

    async def subscribe(self, channel: str) -> None:
        if not self.failed_before:
            raise RefusedError("the handler failed")
        self.live.append(channel)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        await asyncio.sleep(60)
        yield {}


_ANSWERS: dict[str, dict[str, Any]] = {
    "/session": {"realtime": {}, "heartbeat_seconds": 60},
    "/rooms/room": {"channel": "/rooms/room/0"},
    "/rooms/room/messages": {"messages": [], "cursor": "", "more": False},
    "/rooms/room/presence": {"channel": "/rooms/room/0", "cursor": ""},
}


@pytest.mark.parametrize("may", [True, False])
def test_a_subscription_that_is_refused_ends_a_client_only_when_the_api_refuses_too(
    may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A function that is throttled is told apart from one that refuses by the API, not by AppSync's error.
    api = Api(may=may)
    client = partial(httpx.AsyncClient, transport=httpx.MockTransport(api.answer))
    monkeypatch.setattr(httpx, "AsyncClient", client)
    monkeypatch.setattr(live, "connected", api.connected)
    monkeypatch.setattr(live, "_pause", lambda _attempt: 0.0)

    async def open_room() -> None:
        person: Any = SimpleNamespace(apis={"here": "https://api.example"}, token="anna")
        async with live.LiveClient(person, "room", "http://127.0.0.1", ("here",)) as client:
            await client.ready(within=10)

    if may:
        asyncio.run(open_room())
    else:
        with pytest.raises(RefusedError, match="404"):
            asyncio.run(open_room())
    assert api.live == ["/rooms/room/0"] * may
