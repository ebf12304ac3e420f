"""The people of the demonstration, and the clients that they use: Cognito, the HTTP API, S3 forms, signed addresses."""

import contextlib
import io
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image, ImageDraw

from cdp_constructs.local import LocalCloud


def new_id() -> str:
    """Return an id for a message, as a client chooses it."""
    return str(uuid4())


def jpeg(caption: str) -> bytes:
    """Draw a small picture and encode it as a JPEG."""
    picture = Image.new("RGB", (640, 360), (24, 60, 92))
    ImageDraw.Draw(picture).text((40, 160), caption, fill=(255, 255, 255))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


@contextlib.asynccontextmanager
async def clients_of(people: int, *, answered_within: float) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Give each of many people an HTTP client of their own, and close them at the end of the block.

    What waits for a connection of one client that all share waits where no server sees it, and makes the client slow.
    """
    async with contextlib.AsyncExitStack() as stack:
        tls = ssl.create_default_context()
        clients = [httpx.AsyncClient(timeout=answered_within, verify=tls) for _ in range(people)]
        yield [await stack.enter_async_context(client) for client in clients]


@dataclass
class Person:
    """Somebody with an account, who can talk to the API of every Region."""

    name: str
    user: str
    """Cognito's id of the account (claim ``sub``)."""
    token: str
    apis: Mapping[str, str]
    """Base address of the API by Region."""
    mail: str = ""
    """The account's address."""
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    @property
    def headers(self) -> dict[str, str]:
        """What every request to the API carries."""
        return {"authorization": f"Bearer {self.token}"}

    def call(self, region: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API of a Region with this person's token."""
        return self.http.request(method, self.apis[region] + path, headers=self.headers, **options)

    def post(self, region: str, room: str, text: str, *, client_message_id: str = "", **more: Any) -> httpx.Response:
        """Post a message."""
        body = {"client_message_id": client_message_id or new_id(), "text": text, **more}
        return self.call(region, "POST", f"/rooms/{room}/messages", json=body)

    def history(self, region: str, room: str) -> list[dict[str, Any]]:
        """Read a room from its first message to its last, page by page.

        Raises:
            httpx.HTTPStatusError: when the API refuses.
        """
        messages: list[dict[str, Any]] = []
        cursor, more = "", True
        while more:
            answer = self.call(region, "GET", f"/rooms/{room}/messages", params={"after": cursor, "limit": 100})
            page = answer.raise_for_status().json()
            messages += page["messages"]
            cursor, more = page["cursor"], page["more"]
        return messages

    def ask_for_upload(self, region: str, room: str, name: str, content_type: str, size: int) -> httpx.Response:
        """Ask for a form for one file."""
        body = {"name": name, "content_type": content_type, "size": size}
        return self.call(region, "POST", f"/rooms/{room}/uploads", json=body)

    def submit(self, form: Mapping[str, Any], content: bytes) -> httpx.Response:
        """Send a file to S3 with a form, as a browser would."""
        return self.http.post(form["url"], data=dict(form["fields"]), files={"file": content})


def sign_up(
    cloud: LocalCloud,
    region: str,
    *,
    client_id: str,
    user_pool_id: str,
    apis: Mapping[str, str],
    name: str,
    email: str = "",
    password: str = "",
) -> Person:
    """Sign a person up and in. Each run makes new accounts, so that a system that was left up can be used again.

    Cognito mails a code on AWS; nothing mails here, so an administrator confirms instead.
    """
    cognito = cloud.client("cognito-idp", region=region)
    email = email or f"{name.lower()}-{secrets.token_hex(4)}@example.com"
    password = password or f"Aa1!{secrets.token_urlsafe(16)}"
    attributes = [{"Name": "email", "Value": email}]
    account = cognito.sign_up(ClientId=client_id, Username=email, Password=password, UserAttributes=attributes)
    cognito.admin_confirm_sign_up(UserPoolId=user_pool_id, Username=email)
    verified = [{"Name": "email_verified", "Value": "true"}]
    cognito.admin_update_user_attributes(UserPoolId=user_pool_id, Username=email, UserAttributes=verified)
    signed_in = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    return Person(name, account["UserSub"], signed_in["AuthenticationResult"]["AccessToken"], apis, email)
