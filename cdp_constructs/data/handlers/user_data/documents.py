"""A user's documents: what is written, and in which order. Pure; the table and the bucket are elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from .environment import Environment
from .tokens import KEPT_DAYS

# A device has one write of a document on its way: its last one is enough to know a repetition.
_REMEMBERED_DEVICES = 16


class PreconditionFailedError(Exception):
    """The document is not what the client takes it for; nothing was written.

    Attributes:
        document: What there is; None for nothing.
    """

    def __init__(self, document: "Document | None") -> None:
        super().__init__("the document was changed since it was read")
        self.document = document


class QuotaError(Exception):
    """The user keeps as much as one user may; nothing was written."""


class TooManyWritesError(Exception):
    """The user has written as often as one user may in a minute; nothing was written.

    Attributes:
        retry_after: Seconds until the next minute.
    """

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(f"one user may write {limit} times in one minute; call again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Write:
    """The name that a client gives to a write."""

    device: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a client sends, or None for a deletion."""

    content_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document in one version, or what is left of one that was deleted."""

    key: str
    version: int
    """The number of the user's change that made it so: each is given once, also after a deletion."""
    modified_at: int
    """Epoch seconds."""
    deleted: bool = False
    content_type: str = ""
    size: int = 0
    data: bytes | None = None
    """None when it is in the bucket."""
    object_id: str | None = None
    """Names the object in the bucket."""
    writes: tuple[tuple[Write, int], ...] = ()
    """The last write of each device, with the version that it made."""

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Self:
        """Read an item of the table."""
        return cls(
            key=item["key"],
            version=int(item["change"]),
            modified_at=int(item["modified_at"]),
            deleted=bool(item.get("deleted")),
            content_type=item.get("content_type", ""),
            size=int(item.get("size", 0)),
            data=bytes(item["data"]) if "data" in item else None,
            object_id=item.get("object_id"),
            writes=tuple((Write(one["device"], one["name"]), int(one["version"])) for one in item["writes"]),
        )

    def item(self) -> dict[str, Any]:
        """Write it as an item, without the key of the table. Deletions expire."""
        optional = {
            "content_type": self.content_type or None,
            "data": self.data,
            "object_id": self.object_id,
            "deleted": self.deleted or None,
            "expires_at": self.modified_at + KEPT_DAYS * 86_400 if self.deleted else None,
        }
        return {
            "key": self.key,
            # Text of one length sorts as numbers do.
            "change": change_text(self.version),
            "modified_at": self.modified_at,
            "size": self.size,
            "writes": [{"device": one.device, "name": one.name, "version": version} for one, version in self.writes],
            **{name: value for name, value in optional.items() if value is not None},
        }

    def version_of(self, write: Write | None) -> int | None:
        """Return the version that a write made, if it is the last one of its device; None for another one."""
        return next((version for one, version in self.writes if one == write), None)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """What a user has: the number of the last change, and how much there is."""

    change: int = 0
    documents: int = 0
    size: int = 0
    minute: int = 0
    writes: int = 0
    """In that minute."""

    def after(self, before: Document | None, size: int | None, environment: Environment, now: float) -> Self:
        """Count one more change.

        Args:
            before: What the change replaces.
            size: Of the new document; None for a deletion.
            environment: What one user may keep.
            now: Epoch seconds.

        Raises:
            QuotaError: the user would have too much. Who makes a document smaller is not refused.
            TooManyWritesError: the user writes too often.
        """
        minute = int(now) // 60
        writes = self.writes + 1 if minute == self.minute else 1
        if writes > environment.writes_per_minute:
            raise TooManyWritesError(environment.writes_per_minute, 60 - int(now) % 60)
        was = before if before is not None and not before.deleted else None
        documents = self.documents + (size is not None) - (was is not None)
        total = self.size + (size or 0) - (was.size if was is not None else 0)
        if documents > max(environment.documents_per_user, self.documents):
            raise QuotaError(f"one user may have {environment.documents_per_user} documents")
        if total > max(environment.bytes_per_user, self.size):
            raise QuotaError(f"one user may have {environment.bytes_per_user} bytes in all documents")
        return replace(self, change=self.change + 1, documents=documents, size=total, minute=minute, writes=writes)


@dataclass(frozen=True)
class Precondition:
    """What a client takes the document for: a version of it (``If-Match``), or None for nothing (``If-None-Match``)."""

    version: int | None

    def check(self, document: Document | None) -> None:
        """Refuse a change of what the client has not seen.

        Raises:
            PreconditionFailedError: with what there is.
        """
        there = document is not None and not document.deleted
        fits = not there if self.version is None else document is not None and document.version == self.version
        if not fits:
            raise PreconditionFailedError(document)


def changed(
    key: str,
    before: Document | None,
    content: Content | None,
    counter: Counter,
    *,
    object_id: str | None,
    write: Write | None,
    now: float,
) -> Document:
    """Return what a change makes of a document.

    Args:
        key: The document's key.
        before: What there is.
        content: What it becomes; None for a deletion.
        counter: With this change counted.
        object_id: Names the object that has the data; None for data in the table.
        write: Names the write, when the client does.
        now: Epoch seconds.
    """
    writes = before.writes if before is not None else ()
    if write is not None:
        others = [(one, version) for one, version in writes if one.device != write.device]
        writes = (*others, (write, counter.change))[-_REMEMBERED_DEVICES:]
    document = Document(key=key, version=counter.change, modified_at=int(now), deleted=content is None, writes=writes)
    if content is None:
        return document
    return replace(
        document,
        content_type=content.content_type,
        size=len(content.data),
        data=content.data if object_id is None else None,
        object_id=object_id,
    )


def change_text(number: int) -> str:
    """Write the number of a change so that texts sort as numbers do."""
    return f"{number:012}"
