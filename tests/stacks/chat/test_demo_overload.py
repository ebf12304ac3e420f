"""The overload of the load: what is accepted, refused and failed, and how late what is accepted is seen."""

import asyncio
import json
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from demo.chat import overload


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
    monkeypatch.setattr(overload.httpx, "AsyncClient", client)
    result = asyncio.run(overload.offer(crowd, rate=100, seconds=0.09, settle_within=1))
    assert (result.offered, len(result.accepted), result.refused, result.failed) == (9, 6, 2, 1)
    # Two seconds until the other member saw it; the author's own client does not count.
    assert len(result.lags) == 6
    assert min(result.lags) >= 2
    assert crowd.sent["room"] == result.accepted
    assert "9 offered, 6 accepted" in result.figures()
    assert "2 refused, 1 failed" in result.figures()
