"""A stranger at the live API: connections without a right, channels however they are spelled, and publishing."""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.realtime.appsync_client import Client, RefusedError, connected
from tests.security.moves import decoded, encoded
from tests.stacks.chat.clients import HOME, Chat, Room, User, live


@pytest.fixture(scope="module")
def place(chat: Chat) -> Room:
    return Room(chat)


@pytest.fixture(scope="module")
def realtime(place: Room) -> dict[str, str]:
    """Where everybody may know that the live API is."""
    answer: dict[str, str] = place.anna.call(HOME, "POST", "/session", {}).json()["realtime"]
    return answer


def channel_of(place: Room) -> str:
    return str(place.anna.call(HOME, "GET", f"/rooms/{place.id}").json()["channel"])


SIGNED = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/ap-northeast-1/appsync/aws4_request"
CONNECTIONS: dict[str, Callable[[str], dict[str, str]]] = {
    "nothing": lambda _: {},
    "an empty token": lambda _: {"Authorization": ""},
    "garbage": lambda _: {"Authorization": "garbage"},
    "garbage of three parts": lambda _: {"Authorization": "a.b.c"},
    "a token that is not signed": lambda good: {
        "Authorization": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(decoded(good, 1))}."
    },
    "a token of another subject": lambda good: {
        "Authorization": ".".join(
            [good.split(".")[0], encoded({**decoded(good, 1), "sub": str(uuid4())}), good.split(".")[2]]
        )
    },
    "a false signature of AWS": lambda _: {
        "Authorization": f"{SIGNED}, SignedHeaders=host, Signature={'0' * 64}",
        "x-amz-date": "20260101T000000Z",
    },
    "a key of the API": lambda _: {"x-api-key": "da2-aaaaaaaaaaaaaaaaaaaaaaaaaa"},
}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_nobody_connects_without_a_token(place: Room, realtime: dict[str, str], name: str) -> None:
    cloud, host = place.chat.cloud, urlsplit(realtime["http"]).netloc
    with connected(cloud.endpoint, realtime["websocket"], {"host": host, "Authorization": place.anna.token}):
        pass
    given = {"host": host, **CONNECTIONS[name](place.anna.token)}
    with pytest.raises((RefusedError, InvalidHandshake)), connected(cloud.endpoint, realtime["websocket"], given):
        pass


@contextmanager
def with_protocols(place: Room, realtime: dict[str, str], *protocols: str) -> Iterator[Client]:
    address, api = urlsplit(place.chat.cloud.endpoint), urlsplit(realtime["websocket"])
    with connect(
        f"ws://{api.netloc}{api.path}",
        sock=socket.create_connection((address.hostname, address.port)),
        subprotocols=[Subprotocol(name) for name in protocols],
    ) as connection:
        client = Client(connection, {})
        client.connection.send(json.dumps({"type": "connection_init"}))
        answer = client.receive()
        if answer["type"] != "connection_ack":
            raise RefusedError(answer)
        yield client


def header(realtime: dict[str, str], token: str) -> str:
    authorization = {"host": urlsplit(realtime["http"]).netloc, "Authorization": token}
    return f"header-{base64.urlsafe_b64encode(json.dumps(authorization).encode()).decode().rstrip('=')}"


def test_a_second_header_protocol_does_not_help(place: Room, realtime: dict[str, str]) -> None:
    good, bad = header(realtime, place.anna.token), header(realtime, "garbage")
    with with_protocols(place, realtime, "aws-appsync-event-ws", good):
        pass
    with (
        pytest.raises((RefusedError, ConnectionClosed, InvalidHandshake)),
        with_protocols(place, realtime, "aws-appsync-event-ws", bad, good),
    ):
        pass


SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "as it is": lambda channel, _: channel,
    "all of the room": lambda _, room: f"/rooms/{room}/*",
    "all rooms": lambda _c, _r: "/rooms/*",
    "everything": lambda _c, _r: "/*",
    "a star": lambda _c, _r: "*",
    "the default": lambda _c, _r: "/default/*",
    "the room": lambda _, room: f"/rooms/{room}",
    "with a slash more": lambda channel, _: f"{channel}/",
    "with two slashes": lambda channel, _: channel.replace("/rooms/", "/rooms//"),
    "without the first slash": lambda channel, _: channel.removeprefix("/"),
    "below it": lambda channel, _: f"{channel}/x",
    "in upper case": lambda channel, _: channel.upper(),
    "namespace in upper case": lambda channel, _: channel.replace("/rooms/", "/ROOMS/"),
    "a digit of another script": lambda channel, _: f"{channel[:-1]}\u0660",
    "with a line break": lambda channel, _: f"{channel}\n",
    "with a slash encoded": lambda channel, _: channel.replace("/rooms/", "/rooms%2F"),
    "up and down": lambda _, room: f"/rooms/../rooms/{room}/0",
    "of 5,000 characters": lambda channel, _: f"{channel}{'0' * 5000}",
}
OWN_CHANNEL = {"as it is", "without the first slash", "with a slash more", "with two slashes"}
"""Ways to write the one channel that the room's members may subscribe to."""


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_channel_is_for_members_and_only_as_it_is(place: Room, stranger: User, name: str) -> None:
    channel = SPELLINGS[name](channel_of(place), place.id)
    with live(place.anna, HOME, place.id) as anna, live(stranger, HOME, place.id) as other:
        anna.open()
        assert other.ask(channel) != "subscribe_success"
        if name not in OWN_CHANNEL:
            assert anna.ask(channel) != "subscribe_success"
        posted = place.anna.post(HOME, place.id, "for members").json()
        anna.wait_for_message(posted)
        assert other.settle() == []


@pytest.mark.parametrize(
    "authorization",
    [None, {}, "", [], {"Authorization": ""}, {"Authorization": None}, {"Authorization": ["x"]}, {"host": "x"}],
    ids=str,
)
def test_a_subscription_is_that_of_its_own_token(
    place: Room, stranger: User, realtime: dict[str, str], authorization: object
) -> None:
    host = urlsplit(realtime["http"]).netloc
    frame: dict[str, Any] = {"type": "subscribe", "channel": channel_of(place)}
    own = {"host": host, "Authorization": stranger.token}
    given = {} if authorization is None else {"authorization": authorization}
    with connected(place.chat.cloud.endpoint, realtime["websocket"], own) as client:
        member = {"host": host, "Authorization": place.anna.token}
        assert client.ask(**frame, id="1", authorization=member)["type"] == "subscribe_success"
        with suppress(ConnectionClosed):  # which refuses as well
            assert client.ask(**frame, id="2", **given)["type"] == "subscribe_error"


def test_a_member_does_not_publish(place: Room, realtime: dict[str, str]) -> None:
    event = json.dumps({"kind": "message", "message": {"text": "made up"}})
    authorization = {"host": urlsplit(realtime["http"]).netloc, "Authorization": place.anna.token}
    with (
        live(place.ben, HOME, place.id) as ben,
        connected(place.chat.cloud.endpoint, realtime["websocket"], authorization) as anna,
    ):
        ben.open()
        for channel in (ben.channel, f"/rooms/{place.id}/*", "/rooms/x/0"):
            assert anna.publish(channel, event)["type"] == "publish_error"
            api = urlsplit(realtime["http"])
            answer = httpx.post(
                f"{place.chat.cloud.endpoint}{api.path}",
                json={"channel": channel, "events": [event]},
                headers={"Host": api.netloc, "Authorization": place.anna.token},
            )
            assert answer.status_code in ({400, 401, 403} if "*" in channel else {401, 403}), answer.text
        # What the chat publishes arrives, and nothing else has.
        ben.wait_for_message(place.anna.post(HOME, place.id, "real").json())
        assert "made up" not in json.dumps(ben.settle())
