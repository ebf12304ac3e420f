"""The store of users' documents without AWS: a table and a bucket in memory, and clients that call the handler."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from cdp_phone import DocumentApi
from tests.properties.events import http
from tests.properties.running import Run, Subject, running

PATH = "/documents"
Around = Callable[[Callable[[], httpx.Response]], httpx.Response]
SUBJECT = Subject(
    package="cdp_constructs.data.handlers.user_data",
    environment={
        "BUCKET": "bucket",
        "TABLE_NAME": "table",
        "CONTENT_TYPES": '["application/json", "image/png"]',
        "LARGEST_BYTES": "4096",
        # Most documents of the tests are on one side of it, and some on the other.
        "INLINE_BYTES": "64",
        "DOCUMENTS_PER_USER": "20",
        "BYTES_PER_USER": "16384",
        "WRITES_PER_MINUTE": "1000",
    },
)


@dataclass
class Table:
    """What ``DocumentTable`` does, in memory."""

    module: Any
    before_write: Callable[[], None] = lambda: None
    """Happens when a write has read what it starts from."""
    counters: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, dict[str, float]] = field(default_factory=dict)

    def read(self, user: str, key: str) -> Any:
        document = self.documents.get(user, {}).get(key)
        return self.module.table.State(counter=self.counter(user), document=document)

    def counter(self, user: str) -> Any:
        return self.counters.get(user) or self.module.table.Counter()

    def write(self, user: str, before: Any, counter: Any, document: Any) -> None:
        self.before_write()
        there, noted = self.documents.setdefault(user, {}), self.objects.setdefault(user, {})
        if self.counter(user) != before.counter or there.get(document.key) != before.document:
            raise self.module.table.ConflictError
        self.counters[user] = counter
        there[document.key] = document
        if document.object_id is not None:
            del noted[document.object_id]
        if before.document is not None and before.document.object_id is not None:
            noted[before.document.object_id] = document.modified_at

    def changes(self, user: str, after: int, up_to: int, limit: int) -> Any:
        everything = sorted(self.documents.get(user, {}).values(), key=lambda one: one.version)
        found = [one for one in everything if after < one.version <= up_to]
        page, more = found[:limit], len(found) >= limit
        last = page[-1].version if more else up_to
        return self.module.table.Changes(documents=page, last=last, more=more)

    def note_object(self, user: str, object_id: str, now: float) -> None:
        self.objects.setdefault(user, {})[object_id] = now

    def forget_object(self, user: str, object_id: str) -> None:
        self.objects.setdefault(user, {}).pop(object_id, None)

    def left_objects(self, user: str, before: float) -> list[str]:
        return [name for name, noted in self.objects.get(user, {}).items() if noted < before]


@dataclass
class Bucket:
    """What ``DocumentBucket`` does, in memory."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def put(self, user: str, object_id: str, data: bytes) -> None:
        self.objects[user, object_id] = data

    def get(self, user: str, object_id: str) -> bytes | None:
        return self.objects.get((user, object_id))

    def delete(self, user: str, object_id: str) -> None:
        self.objects.pop((user, object_id), None)


class Server:
    """A deployed store: the handler with a table and a bucket.

    Attributes:
        now: What its clock says.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.call = run.call
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        module = self._run.module
        self.now = 1_800_000_000.0
        self.table = Table(module)
        self.bucket = Bucket()
        module.store = module.Store(
            environment=module.environment,
            table=self.table,
            objects=self.bucket,
            clock=lambda: self.now,
            pause=lambda _seconds: None,
        )

    def answer(self, request: httpx.Request, user: str) -> httpx.Response:
        """Answer as API Gateway does, after it has verified the token."""
        key = request.url.path.removeprefix(PATH).removeprefix("/")
        route = f"{request.method} {PATH}{'/{key}' if key else ''}"
        body = request.content
        is_text = request.headers.get("content-type", "").startswith(("application/json", "text/"))
        event = http(
            body.decode() if is_text or not body else base64.b64encode(body).decode(),
            method=request.method,
            path=request.url.path,
            route=route,
            headers=dict(request.headers),
            encoded=bool(body) and not is_text,
            query=dict(request.url.params) or None,
            parameters={"key": key} if key else None,
            user=user,
        )
        answer = self._run.call(event)
        content = answer["body"].encode() if isinstance(answer["body"], str) else b""
        if answer.get("isBase64Encoded"):
            content = base64.b64decode(content)
        return httpx.Response(answer["statusCode"], headers=answer["headers"], content=content)

    def client(self, user: str = "anna", around: Around | None = None) -> httpx.Client:
        """Return a client of a user.

        Args:
            user: Whose token it has.
            around: Is between client and server: may lose requests and answers.
        """

        def send(request: httpx.Request) -> httpx.Response:
            if around is None:
                return self.answer(request, user)
            return around(lambda: self.answer(request, user))

        return httpx.Client(transport=httpx.MockTransport(send), base_url=f"https://api.example.com{PATH}")


@contextmanager
def serving(**variables: str) -> Iterator[Server]:
    """Run the handler with a table and a bucket in memory."""
    with running(Subject(package=SUBJECT.package, environment={**SUBJECT.environment, **variables})) as run:
        yield Server(run)


def api_of(client: httpx.Client) -> DocumentApi:
    """Return the API as a device calls it."""
    return DocumentApi(str(client.base_url).rstrip("/"), lambda: "token", client)


def json_of(text: bytes | None) -> Any:
    """Read a document of the tests."""
    return json.loads(text) if text is not None else None
