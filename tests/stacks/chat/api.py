"""The chat's API by itself: its function, a table in memory, and a user pool."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notices import Notices
from stacks.chat.handlers.domain import rooms
from stacks.chat.limits import LimitsConfiguration
from tests.handlers import import_handler
from tests.stacks.chat.memory import MemoryTable

HERE, THERE = "us-west-2", "ap-northeast-1"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")
LIMITS = LimitsConfiguration(
    messages_per_minute=2,
    changes_per_minute=2,
    rooms_per_hour=2,
    joins_per_hour=2,
    settings_per_hour=5,
    searches_per_minute=5,
)


class Pool:
    """A user pool in which everybody has an account whose token is their name."""

    def __init__(self) -> None:
        self.deleted: set[str] = set()
        self.fails: Exception | None = None

    def get_user(self, AccessToken: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self._check(AccessToken)
        return {"UserAttributes": [{"Name": "email", "Value": f"{AccessToken}@example.com"}]}

    def delete_user(self, AccessToken: str) -> None:  # noqa: N803
        self._check(AccessToken)
        self.deleted.add(AccessToken)

    def _check(self, token: str) -> None:
        if self.fails is not None:
            raise self.fails
        if token in self.deleted:
            raise refusal("UserNotFoundException")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Cognito")


class Presence:
    """Presence, of which only leaving matters here."""

    def __init__(self) -> None:
        self.left: list[tuple[str, str]] = []

    def leave(self, room: str, user: str) -> None:
        self.left.append((room, user))

    def look(self, _room: str) -> Any:
        return SimpleNamespace(online=frozenset(), typing=frozenset())


class Api:
    """The API of us-west-2, its table and the user pool."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.table: Any = MemoryTable()
        self.pool = Pool()
        self.presence = Presence()
        self.people = Notices(self.table, platforms={"fcm": "arn"})
        self.now = 1_800_000_030.0
        self.service = module.rooms.service
        for owner in (self.service.accounts, self.service.budgets, self.service.markers):
            monkeypatch.setattr(owner, "_table", self.table)
        monkeypatch.setattr(self.service.budgets, "_clock", lambda: self.now)
        monkeypatch.setattr(self.service.admission, "_clock", lambda: self.now)
        monkeypatch.setattr(self.service.log.items, "table", self.table)
        monkeypatch.setattr(self.service, "table", self.table)
        monkeypatch.setattr(self.service, "presence", self.presence)
        monkeypatch.setattr(module.notifications, "connect", lambda: self.people)
        monkeypatch.setattr(module.notifications.user_pool, "_pool", lambda: self.pool)

    def call(self, user: str, method: str, path: str, body: object = None, **more: Any) -> tuple[int, Any]:
        answer = self.answer(user, method, path, None if body is None else json.dumps(body), **more)
        return int(answer["statusCode"]), json.loads(answer["body"] or "{}")

    def answer(self, user: str, method: str, path: str, body: str | None, **more: Any) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"content-type": "application/json", "authorization": f"Bearer {user}"},
            "requestContext": {
                "http": {"method": method, "path": path},
                "timeEpoch": round(self.now * 1000),
                "stage": "$default",
                "authorizer": {"jwt": {"claims": {"sub": user}}},
            },
            "body": body,
            "isBase64Encoded": False,
            **more,
        }
        answer: dict[str, Any] = self.module.handler(event, CONTEXT)
        return answer

    def room(self, creator: str = "anna", *members: str) -> tuple[str, str]:
        """Make a room, and return it with its invite code."""
        made = rooms.create(self.table, creator, "Lobby")
        for member in members:
            rooms.join(self.table, member, made["room"], made["invite_code"])
        return made["room"], made["invite_code"]

    def join(self, user: str, room: str, code: str) -> int:
        return self.call(user, "POST", f"/rooms/{room}/members", {"invite_code": code})[0]

    def members(self, room: str) -> list[str]:
        return rooms.members_of(self.table, room)

    def kept_of(self, user: str) -> set[str]:
        """Return the sort keys of what is kept in a user's own partition."""
        return {sk for pk, sk in self.table.items if pk == f"USER#{user}"}


def start(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> Api:
    """Start the API as a new execution environment would; a variable that is None is not set."""
    environment: dict[str, str | None] = {
        "AWS_REGION": HERE,
        "AWS_DEFAULT_REGION": HERE,
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "TABLE_NAME": "chat",
        "LOG_REGIONS": f"{THERE},{HERE}",
        "LIMITS": LIMITS.model_dump_json(),
        "MAX_DELIVERY_LAG": "10",
        "AWS_LAMBDA_FUNCTION_NAME": "chat-api",
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "USER_POOL_REGION": THERE,
        "REALTIME": "{}",
        "UPLOAD_FUNCTION": "forms",
        "SIGNING_FUNCTIONS": "{}",
        "ACCEPTED_PREFIX": "accepted/",
        "ATTACHMENT_INDEX": "index",
    }
    for name, value in (environment | changed).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return Api(import_handler("stacks.chat.handlers.api"), monkeypatch)
