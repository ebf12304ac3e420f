"""What the API does: reads, writes and lists documents, with the data of each where its size says."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from .documents import Content, Document, Precondition, Write, changed
from .environment import Environment
from .objects import Objects
from .table import LONGEST_PAGE, ConflictError, Documents
from .tokens import Token, read_token

logger = Logger(child=True)

# Full jitter; pauses of six tries take 0.5 s on average. Who writes is one person with a few devices.
_TRIES = 6
_FIRST_PAUSE = 0.03
# A write has ended long before: the function's time limit is 20 s.
_LEFT_SECONDS = 300


class BusyError(Exception):
    """Other writes of the same user were faster each time; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of what a user has."""

    documents: list[Document]
    token: Token
    """Where the next call goes on."""
    more: bool
    """Whether there is more already."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """The documents of all users; each call is about one."""

    environment: Environment
    table: Documents
    objects: Objects
    clock: Callable[[], float] = field(default=time.time)
    pause: Callable[[float], None] = field(default=time.sleep)

    def read(self, user: str, key: str) -> Document | None:
        """Return a document with its data; None when there is none.

        Raises:
            BusyError: it was replaced each time that it was read.
        """
        for _ in self._tries():
            document = self.table.read(user, key).document
            if document is None or document.deleted:
                return None
            if document.object_id is None:
                return document
            data = self.objects.get(user, document.object_id)
            # Without data it was replaced, and its object deleted, since it was read.
            if data is not None:
                return replace(document, data=data)
        raise BusyError

    def write(
        self, user: str, key: str, precondition: Precondition, content: Content | None, write: Write | None
    ) -> tuple[int, bool]:
        """Write a document, or delete it.

        Args:
            user: Whose.
            key: Which one.
            precondition: What the client takes it for.
            content: What it becomes; None for a deletion.
            write: Names the write, so that repeating it changes nothing.

        Returns:
            The version that the write made, and whether it was made now: False for a repetition.

        Raises:
            PreconditionFailedError: the document is something else.
            QuotaError: the user would have too much.
            TooManyWritesError: the user writes too often.
            BusyError: other writes of the user were faster each time.
        """
        object_id: str | None = None
        for _ in self._tries():
            before = self.table.read(user, key)
            document, now = before.document, self.clock()
            if document is not None and (version := document.version_of(write)) is not None:
                return version, False
            precondition.check(document)
            size = len(content.data) if content is not None else None
            counter = before.counter.after(document, size, self.environment, now)
            if content is not None and len(content.data) > self.environment.inline and object_id is None:
                object_id = self._keep(user, content.data, now)
            after = changed(key, document, content, counter, object_id=object_id, write=write, now=now)
            try:
                self.table.write(user, before, counter, after)
            except ConflictError:
                continue
            if document is not None and document.object_id is not None:
                self._delete(user, document.object_id)
            return counter.change, True
        raise BusyError

    def changes(self, user: str, token: str | None, limit: int) -> Page:
        """Return what changed since a token, or all there is.

        Raises:
            MalformedTokenError: the token is none.
            ExpiredTokenError: something may be missing after it.
        """
        now = self.clock()
        known = read_token(token) if token is not None else Token(0, int(now))
        # Read first: every change up to this one is written, so that a page cannot leave one out.
        last = self.table.counter(user).change
        known.check(last, now)
        if known.change == last:
            return Page(documents=[], token=Token(last, int(now)), more=False)
        found = self.table.changes(user, known.change, last, min(limit, LONGEST_PAGE))
        # Deletions are remembered from when the client began to read, not from when it read the last page.
        since = known.since if found.more else int(now)
        return Page(documents=list(found.documents), token=Token(found.last, since), more=found.more)

    def _keep(self, user: str, data: bytes, now: float) -> str:
        for left in self.table.left_objects(user, now - _LEFT_SECONDS):
            self._delete(user, left)
        object_id = uuid4().hex
        self.table.note_object(user, object_id, now)
        self.objects.put(user, object_id, data)
        return object_id

    def _delete(self, user: str, object_id: str) -> None:
        try:
            self.objects.delete(user, object_id)
            self.table.forget_object(user, object_id)
        except (BotoCoreError, ClientError):
            # It is noted: the next large write of the user deletes it.
            logger.warning("An object was not deleted", object_id=object_id, exc_info=True)

    def _tries(self) -> Iterator[None]:
        for attempt in range(_TRIES):
            if attempt:
                self.pause(random.uniform(0, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter, not a secret
            yield
