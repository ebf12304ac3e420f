"""Runs a handler against a world of its own, with its log in sight."""

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from tests.handlers import import_handler
from tests.properties.aws import World, stand_in

CONTEXT = SimpleNamespace(
    function_name="f",
    function_version="1",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:f",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 300_000,
)
_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1536",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_METRICS_NAMESPACE": "Test",
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A handler, and what it needs to run."""

    package: str
    environment: Mapping[str, str] = field(default_factory=dict)
    world: Callable[[], World] = World
    http: Callable[..., tuple[int, bytes]] = lambda *_, **__: (200, b"{}")
    """Answers requests of urllib3 by method and address."""
    prepare: Callable[[ModuleType, pytest.MonkeyPatch], object] = lambda _module, _monkeypatch: None


class Run:
    """A handler that is called again and again, each time in a new world.

    Attributes:
        world: The present world.
        module: The handler's ``index``.
    """

    def __init__(self, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
        self._subject = subject
        self.world = subject.world()
        self._unwritable: list[str] = []
        self._written = io.BytesIO()
        # As in Lambda: what is no text cannot be written.
        self._stdout = io.TextIOWrapper(self._written, encoding="utf-8", errors="strict", write_through=True)
        for name, value in {**_ENVIRONMENT, "POWERTOOLS_SERVICE_NAME": uuid4().hex, **subject.environment}.items():
            monkeypatch.setenv(name, value)
        stand_in(lambda: self.world, monkeypatch)
        monkeypatch.setattr(
            urllib3.PoolManager, "request", lambda _, *asked, **options: self._request(*asked, **options)
        )
        monkeypatch.setattr(
            logging.Handler, "handleError", lambda _, record: self._unwritable.append(record.getMessage())
        )
        with contextlib.redirect_stdout(self._stdout):
            self.module = import_handler(subject.package)
        subject.prepare(self.module, monkeypatch)

    def call(self, event: Any) -> Any:
        """Call the handler, and check what it published and logged.

        Raises:
            Exception: what leaves the handler.
        """
        self.world = self._subject.world()
        self._written.seek(0)
        self._written.truncate()
        self._unwritable.clear()
        try:
            with contextlib.redirect_stdout(self._stdout):
                return self.module.handler(event, CONTEXT)
        finally:
            assert not self._unwritable, "a line could not be logged"
            for line in self._written.getvalue().decode().split("\n")[:-1]:
                assert isinstance(json.loads(line), dict), line
            assert not self.world.unreadable

    def _request(self, method: str, url: str, **options: Any) -> Any:
        self.world.calls.append((f"http.{method}", (url, options)))
        status, data = self._subject.http(method, url, **options)
        return SimpleNamespace(status=status, data=data, json=lambda: json.loads(data))


@contextlib.contextmanager
def running(subject: Subject) -> Iterator[Run]:
    """Import a handler, and undo all that it needed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Run(subject, monkeypatch)
