"""The entries of public assemblies that are listed here, and what each is expected to answer."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Entry", "entries_of", "listed"]

FOLDER = Path(__file__).parent / "entries"


@dataclass(frozen=True)
class Entry:
    """What is sent to a resource of an assembly, and what is expected of it: an answer, an arrival, or both.

    Attributes:
        to: Logical id of the API, listener, distribution, function, queue, topic, event bus, rule, stream, bucket,
            table, database, cache or state machine.
        send: Body, payload, message, record, object, item, statement or command.
        method: Method of an HTTP request.
        path: Path of an HTTP request after the stage, key of an object, topic of an IoT message.
        headers: Headers of an HTTP request.
        signed: Whether an HTTP request has a signature.
        attributes: Attributes of a message; `source` of an event; `username` and `password` for a cache.
        status: Status that an HTTP request is answered with.
        answer: What a function, a database or a cache returns, as JSON, or a part of the body of an HTTP answer.
        arrives: Logical id of another resource -> a text that is found there afterwards: in the messages of a queue or
            topic, the log of a function, a log group, the input of an execution, the objects of a bucket, the records
            of a stream, or the items of a table.
    """

    to: str
    send: str = ""
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    answer: str | None = None
    arrives: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an entry that nothing is expected of: it would answer as expected whatever happens."""
        if self.status is None and self.answer is None and not self.arrives:
            raise ValueError(f"the entry {self.to!r} expects nothing; give it a status, an answer or an arrival")


def _read(file: Path) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    data: dict[str, Any] = tomllib.loads(file.read_text())
    for assembly in data["assemblies"]:
        entries = tuple(Entry(**entry) for entry in assembly["entries"])
        yield f"{data['folder']}/{assembly['name']}", entries


@cache
def listed() -> Mapping[str, tuple[Entry, ...]]:
    """Return the entries of each listed assembly, by its folder in the repository."""
    return {name: entries for file in sorted(FOLDER.glob("*.toml")) for name, entries in _read(file)}


def entries_of(assembly: str) -> tuple[Entry, ...]:
    """Return the entries of an assembly in the order in which they are tried; none for one that is not listed."""
    return listed().get(assembly, ())
