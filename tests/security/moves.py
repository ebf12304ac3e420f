"""What several attackers do: requests that are sent as they are written, and forged tokens."""

import base64
import json
from typing import Any

import httpx

from cdp_constructs.testing import eventually
from tests.stacks.chat.clients import REGIONS, Chat, Room, User


def send(
    chat: Chat, region: str, method: str, path: str, *, token: str = "", body: object = None, **headers: str
) -> httpx.Response:
    """Send a request whose path reaches the API as it is: clients normalise ``..``, ``//`` and ``#``."""
    url = httpx.URL(chat.url(region))
    url = url.copy_with(raw_path=url.raw_path.rstrip(b"/") + path.encode())
    given = {"Authorization": f"Bearer {token}"} if token else {}
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    return chat.http.request(
        method, url, content=content, headers={"Content-Type": "application/json", **given, **headers}
    )


def encoded(part: object) -> str:
    """A part of a JWT."""
    raw = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(token: str, part: int) -> dict[str, Any]:
    text = token.split(".")[part]
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return document


def seen(user: User, region: str, room: str) -> tuple[object, ...]:
    """What a member sees of a room: whatever a request changed would show here."""
    described = user.call(region, "GET", f"/rooms/{room}").json()
    attachments = user.call(region, "GET", f"/rooms/{room}/attachments").json()
    return described, attachments, user.history(region, room)


def out_everywhere(room: Room, user: User) -> None:
    """Wait until a user neither reads nor writes in a room, in any Region."""
    for region in REGIONS:
        eventually(lambda region=region: room.read(region, user).status_code == 404)
        eventually(lambda region=region: user.post(region, room.id, "still here").status_code == 404)


def members(room: Room, region: str) -> dict[str, str]:
    """The members of a room and their names, as Anna sees them."""
    described = room.anna.call(region, "GET", f"/rooms/{room.id}").json()
    return {member["user"]: member["name"] for member in described["members"]}
