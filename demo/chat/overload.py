"""More than the machine can work: what is refused, what is accepted, and how late that is seen."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from demo.chat.crowd import Crowd
from demo.chat.live import LiveClient, until
from demo.chat.outcome import Sent, percentile
from demo.chat.people import clients_of, new_id

_ANSWERED_WITHIN = 60.0


@dataclass
class Overload:
    """What became of an offer."""

    offered: int
    seconds: float
    """Until the last answer."""
    accepted: list[Sent] = field(default_factory=list)
    refused: int = 0
    """Answered with 429 and when to call again."""
    throttled: int = 0
    """Answered with 503: as many functions were running as Lambda's quota allows, and an HTTP API says it so."""
    failed: int = 0
    """Answered with anything else, or not at all."""
    lags: list[float] = field(default_factory=list)
    """Seconds from sending an accepted message until each other member saw it."""

    def figures(self) -> str:
        """Say in one line what was counted."""
        rate = len(self.accepted) / self.seconds
        return (
            f"{self.offered:,} offered, {len(self.accepted):,} accepted ({rate:,.0f}/s), {self.refused:,} refused, "
            f"{self.throttled} throttled, {self.failed} failed; accepted ones live: "
            f"median {percentile(self.lags, 50):,.0f} ms, p99 {percentile(self.lags, 99):,.0f} ms"
        )


async def offer(crowd: Crowd, *, rate: float, seconds: float, settle_within: float) -> Overload:
    """Offer messages at a rate, whatever is answered, and wait until everybody has seen what was accepted.

    Args:
        crowd: People with an open room each.
        rate: Messages a second.
        seconds: For how long.
        settle_within: Seconds until accepted messages count as not seen.
    """
    authors = [one for turn in itertools.zip_longest(*crowd.rooms.values()) for one in turn if one is not None]
    result = Overload(offered=round(rate * seconds), seconds=0)
    async with clients_of(len(authors), answered_within=_ANSWERED_WITHIN) as clients:
        began = time.monotonic()

        async def post(number: int) -> None:
            due = began + number / rate
            await asyncio.sleep(due - time.monotonic())
            turn = number % len(authors)
            await _post(clients[turn], crowd, result, authors[turn], due)

        await asyncio.gather(*map(post, range(result.offered)))
    result.seconds = time.monotonic() - began
    await crowd.settle(within=settle_within)
    for sent in result.accepted:
        others = [member for member in crowd.rooms[sent.author.room] if member is not sent.author]
        arrivals = [member.arrivals.get(sent.message["id"]) for member in others]
        result.lags += [arrival.at - sent.at for arrival in arrivals if arrival is not None and arrival.live]
    return result


async def _post(http: httpx.AsyncClient, crowd: Crowd, result: Overload, author: LiveClient, due: float) -> None:
    region = author.region or author.regions[0]
    identity = new_id()
    try:
        answer = await http.post(
            f"{author.person.apis[region]}/rooms/{author.room}/messages",
            headers=author.person.headers,
            json={"client_message_id": identity, "text": identity},
        )
    except httpx.HTTPError:
        result.failed += 1
        return
    if answer.status_code == HTTPStatus.CREATED:
        message = answer.json()
        sent = Sent(message, due, author, message["region"])
        result.accepted.append(sent)
        crowd.sent[author.room].append(sent)
    elif answer.status_code == HTTPStatus.TOO_MANY_REQUESTS and "Retry-After" in answer.headers:
        result.refused += 1
    elif answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        result.throttled += 1
    else:
        result.failed += 1


async def accepted_again(crowd: Crowd, *, within: float) -> float:
    """Return the seconds until a message is accepted again, after an offer has ended.

    Raises:
        TimeoutError: when it is not in time.
    """
    began = time.monotonic()
    author = crowd.clients[0]
    async with asyncio.timeout(within):
        message = await crowd.say(author, new_id())
        await until(lambda: message["id"] in author.arrivals, within=within)
    return time.monotonic() - began
