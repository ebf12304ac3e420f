"""People who use the deployed chat: signed in, in rooms, and live."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from tests.realtime.appsync_client import Client, connected

HOME, AWAY = "ap-northeast-1", "us-west-2"
REGIONS = (HOME, AWAY)
PASSWORD = "Correct-horse-9-battery"


class Chat:
    """The deployed chat."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.deployment = deployment
        self.http = httpx.Client(timeout=30)
        self._known: dict[str, list[dict[str, Any]]] = {}

    def resource(self, stack: str, resource_type: str, containing: str = "") -> str:
        """Return the physical id of the one resource of a type whose logical id contains a text."""
        (found,) = [
            item["PhysicalResourceId"]
            for item in self._resources(stack)
            if item["ResourceType"] == resource_type and containing in item["LogicalResourceId"]
        ]
        return str(found)

    def _resources(self, stack: str) -> list[dict[str, Any]]:
        if stack not in self._known:
            client = self.cloud.client("cloudformation", self.deployment.regions[stack])
            pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
            self._known[stack] = [item for page in pages for item in page["StackResourceSummaries"]]
        return self._known[stack]

    def url(self, region: str) -> str:
        return self.cloud.http_api_url(self.resource(f"Chat-{region}", "AWS::ApiGatewayV2::Api"), region)

    def user(self) -> "User":
        """Sign a new user up, and in."""
        cognito = self.cloud.client("cognito-idp", HOME)
        client = self.resource("ChatGlobal", "AWS::Cognito::UserPoolClient")
        pool = self.resource("ChatGlobal", "AWS::Cognito::UserPool")
        mail = f"{uuid4().hex}@example.com"
        sub = cognito.sign_up(ClientId=client, Username=mail, Password=PASSWORD)["UserSub"]
        cognito.admin_confirm_sign_up(UserPoolId=pool, Username=mail)
        # The user would type the code that Cognito mailed.
        verified = [{"Name": "email", "Value": mail}, {"Name": "email_verified", "Value": "true"}]
        cognito.admin_update_user_attributes(UserPoolId=pool, Username=mail, UserAttributes=verified)
        signed_in = cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": mail, "PASSWORD": PASSWORD},
        )
        return User(self, sub, mail, signed_in["AuthenticationResult"]["AccessToken"])


class User:
    """Somebody who is signed in."""

    def __init__(self, chat: Chat, sub: str, mail: str, token: str) -> None:
        self.chat = chat
        self.sub = sub
        self.mail = mail
        self.token = token

    def call(self, region: str, method: str, path: str, body: object = None, **query: object) -> httpx.Response:
        return self.chat.http.request(
            method,
            f"{self.chat.url(region)}{path}",
            params={name: str(value) for name, value in query.items()},
            content=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )

    def post(self, region: str, room: str, text: str, client_message_id: str | None = None) -> httpx.Response:
        body = {"text": text, "client_message_id": client_message_id or str(uuid4())}
        return self.call(region, "POST", f"/rooms/{room}/messages", body)

    def history(self, region: str, room: str, after: str = "", limit: int = 100) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        more = True
        while more:
            answer = self.call(region, "GET", f"/rooms/{room}/messages", after=after, limit=limit)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            messages += page["messages"]
            after, more = page["cursor"], page["more"]
        return messages


class LiveClient:
    """A client that has a room open, and does what the documentation tells clients to do.

    Attributes:
        messages: What it shows, by id.
        events: Everything that it received live, in order of arrival.
    """

    def __init__(self, user: User, region: str, room: str, connection: Client) -> None:
        self.user = user
        self.region = region
        self.room = room
        self.channel = ""
        self.cursor = ""
        self.messages: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._connection = connection

    def ask(self, channel: str) -> str:
        """Ask to subscribe; return what the API answers."""
        identity = uuid4().hex
        frame = {
            "type": "subscribe",
            "id": identity,
            "channel": channel,
            "authorization": self._connection.authorization,
        }
        self._connection.connection.send(json.dumps(frame))
        while True:
            answer = self._connection.receive()
            if answer["type"] != "data":
                return str(answer["type"])
            self._keep(answer)

    def open(self) -> None:
        """Subscribe to the room's channel, then read what this client does not have."""
        self.channel = self.user.call(self.region, "GET", f"/rooms/{self.room}").json()["channel"]
        assert self.ask(self.channel) == "subscribe_success"
        self.catch_up()

    def catch_up(self) -> None:
        more = True
        while more:
            path = f"/rooms/{self.room}/messages"
            page = self.user.call(self.region, "GET", path, after=self.cursor, limit=100).json()
            self.messages |= {message["id"]: message for message in page["messages"]}
            self.cursor, more = page["cursor"], page["more"]

    def wait_for(self, *, within: float = 20, **wanted: Any) -> dict[str, Any]:
        """Return the next event that has these fields; everything on the way is kept."""
        while True:
            event = self._keep(self._connection.receive(within))
            if wanted.items() <= event.items():
                return event

    def wait_for_message(self, posted: dict[str, Any]) -> None:
        while posted["id"] not in self.messages:
            self.wait_for(kind="message")
        assert self.messages[posted["id"]] == posted

    def hear_the_past(self) -> None:
        """Wait for the events of everything that was written in this Region before, such as of who joined."""
        self.wait_for_message(self.user.post(self.region, self.room, "What is new?").json())

    def settle(self) -> list[dict[str, Any]]:
        """Return all events, once what was sent to the connection before now has arrived: frames keep their order."""
        assert self.ask("/rooms/*") == "subscribe_error"
        return self.events

    def _keep(self, frame: dict[str, Any]) -> dict[str, Any]:
        assert frame["type"] == "data", frame
        event: dict[str, Any] = json.loads(frame["event"])
        self.events.append(event)
        if event["kind"] == "message":
            self.messages[event["message"]["id"]] = event["message"]
        return event


@contextmanager
def live(user: User, region: str, room: str) -> Iterator[LiveClient]:
    """Connect to the live API of a Region, as the Region tells its clients."""
    answer = user.call(region, "POST", "/session", {})
    assert answer.status_code == 200, answer.text
    realtime = answer.json()["realtime"]
    authorization = {"host": urlsplit(realtime["http"]).netloc, "Authorization": user.token}
    with connected(user.chat.cloud.endpoint, realtime["websocket"], authorization) as connection:
        yield LiveClient(user, region, room, connection)


class Room:
    """A room with two members, known in both Regions."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.anna, self.ben = chat.user(), chat.user()
        made = self.anna.call(HOME, "POST", "/rooms", {"name": "Lobby"})
        assert made.status_code == 201, made.text
        self.id: str = made.json()["room"]
        self.invite_code: str = made.json()["invite_code"]
        eventually(lambda: self.join(AWAY, self.ben).status_code == 200)
        for user, region in itertools.product((self.anna, self.ben), REGIONS):
            eventually(lambda user=user, region=region: self.read(region, user).status_code == 200)

    def join(self, region: str, user: User) -> httpx.Response:
        return user.call(region, "POST", f"/rooms/{self.id}/members", {"invite_code": self.invite_code})

    def read(self, region: str, user: User) -> httpx.Response:
        return user.call(region, "GET", f"/rooms/{self.id}/messages")

    def settled(self, count: int) -> dict[str, list[dict[str, Any]]]:
        """Return each Region's history once both have ``count`` messages and agree on them."""

        def equal() -> dict[str, list[dict[str, Any]]] | None:
            histories = {region: self.anna.history(region, self.id) for region in REGIONS}
            same = histories[HOME] == histories[AWAY] and len(histories[HOME]) == count
            return histories if same else None

        try:
            return eventually(equal)
        except AssertionError:
            seen = {region: len(self.anna.history(region, self.id)) for region in REGIONS}
            pytest.fail(f"expected {count} messages in both Regions, seen {seen}")


def assert_complete(history: list[dict[str, Any]]) -> None:
    """Nothing doubled, every Region's numbers without a gap, and everything in the one order."""
    assert len({message["id"] for message in history}) == len(history)
    for region in REGIONS:
        numbers = [message["sequence"] for message in history if message["region"] == region]
        assert numbers == list(range(1, len(numbers) + 1))
    places = [(message["clock"], message["region"], message["sequence"]) for message in history]
    assert places == sorted(places)
