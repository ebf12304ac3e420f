"""A stranger to the chat's rooms, with an account: what no token, no body and no eagerness opens or stops."""

import itertools
from urllib.parse import urlsplit

import httpx
import pytest

from tests.realtime.appsync_client import connected
from tests.stacks.chat.clients import HOME, PASSWORD, REGIONS, Chat, LiveClient, Room, User

ROUTES = (
    ("POST", "/session"),
    ("POST", "/rooms"),
    ("GET", "/rooms"),
    ("GET", "/rooms/{room}"),
    ("POST", "/rooms/{room}/members"),
    ("DELETE", "/rooms/{room}/members/me"),
    ("DELETE", "/rooms/{room}/members/somebody"),
    ("PUT", "/rooms/{room}/invite"),
    ("PUT", "/rooms/{room}/presence"),
    ("DELETE", "/rooms/{room}/presence"),
    ("PUT", "/rooms/{room}/read"),
    ("POST", "/rooms/{room}/messages"),
    ("GET", "/rooms/{room}/messages"),
    ("GET", "/me/notifications"),
    ("PUT", "/me/notifications"),
    ("DELETE", "/me"),
    ("POST", "/rooms/{room}/uploads"),
    ("GET", "/rooms/{room}/attachments"),
)


def id_token_of(user: User) -> str:
    signed_in = user.chat.cloud.client("cognito-idp", HOME).initiate_auth(
        ClientId=user.chat.resource("ChatGlobal", "AWS::Cognito::UserPoolClient"),
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user.mail, "PASSWORD": PASSWORD},
    )
    return str(signed_in["AuthenticationResult"]["IdToken"])


def test_an_id_token_opens_no_route_and_no_live_channel(room: Room, chat: Chat) -> None:
    holder = User(chat, room.ben.sub, room.ben.mail, id_token_of(room.ben))
    for region in REGIONS:
        for method, path in ROUTES:
            answer = holder.call(region, method, path.format(room=room.id))
            assert answer.status_code == 403, (region, method, path, answer.text)
        session = room.ben.call(region, "POST", "/session", {}).json()["realtime"]
        authorization = {"host": urlsplit(session["http"]).netloc, "Authorization": holder.token}
        channel = room.ben.call(region, "GET", f"/rooms/{room.id}").json()["channel"]
        with connected(chat.cloud.endpoint, session["websocket"], authorization) as connection:
            assert LiveClient(holder, region, room.id, connection).ask(channel) == "subscribe_error"


@pytest.mark.parametrize("body", ["[" * 20_000, '{"a":' * 10_000, '{"size": ' + "1" * 5_000 + "}", '"\\ud800"', "NaN"])
def test_a_body_that_cannot_be_read_stops_no_function(stranger: User, chat: Chat, body: str) -> None:
    headers = {"Authorization": f"Bearer {stranger.token}", "Content-Type": "application/json"}
    for region, (method, path) in itertools.product(REGIONS, ROUTES):
        if method not in {"POST", "PUT"}:
            continue
        url = chat.url(region) + path.format(room="nowhere")
        answer = chat.http.request(method, url, content=body, headers=headers)
        assert answer.status_code == 422, (method, path, answer.text)


def test_one_user_cannot_take_what_the_others_need(chat: Chat) -> None:
    greedy, other = chat.user(), chat.user()

    def make(user: User) -> httpx.Response:
        return user.call(HOME, "POST", "/rooms", {"name": "Mine"})

    # A new hour begins once at most while this runs.
    answers = [make(greedy) for _ in range(41)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {201, 429}
    assert len(answers) - len(refused) in {20, 40}
    assert {1 <= int(answer.headers["retry-after"]) <= 3600 for answer in refused} == {True}
    assert refused[0].json()["statusCode"] == 429
    assert make(other).status_code == 201
