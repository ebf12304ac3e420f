"""Events as AWS documents them, in ``events/``, each with the page that it is from; and an AWS that handlers call."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.handlers import import_handler

EVENTS = Path(__file__).parent / "events"

CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 60_000,
)

# What Lambda and this library give to every function.
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
    "POWERTOOLS_SERVICE_NAME": "Function",
    "POWERTOOLS_TRACE_DISABLED": "true",
}

# What DirectObjectUpload publishes.
UPLOAD = {
    "upload_id": "1",
    "owner": "u1",
    "bucket": "uploads",
    "region": "us-east-1",
    "key": "accepted/u1/1/a.png",
    "name": "a.png",
    "content_type": "image/png",
    "size": 5,
    "version_id": "v1",
    "metadata": {"room": "r1"},
    "accepted_at": "2026-01-15T06:00:00.000+00:00",
}


def documented(name: str) -> Any:
    """Return the event of a file; each call returns another copy."""
    return json.loads((EVENTS / f"{name}.json").read_text())["event"]


def in_queue(*bodies: object, name: str = "sqs", attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the event of a queue with these messages; the rest is as documented."""
    event: dict[str, Any] = documented(name)
    event["Records"] = event["Records"][: len(bodies)]
    for record, body in zip(event["Records"], bodies, strict=True):
        record["body"] = body if isinstance(body, str) else json.dumps(body)
        for attribute, value in (attributes or {}).items():
            record["messageAttributes"][attribute] = {"dataType": "String", "stringValue": value}
    return event


def http_request(method: str, path: str, body: object = "", *, claims: Mapping[str, str] | None = None) -> Any:
    """Return the event of an HTTP API for a request; the rest is as documented."""
    event = documented("http-api")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = method
    event["routeKey"] = event["requestContext"]["routeKey"] = f"{method} {path}"
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims or {}
    return event


def refusal(code: str) -> Callable[[dict[str, Any]], Any]:
    """Return an answer that is an error of the service."""

    def answer(_request: dict[str, Any]) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": code}}, "Any")

    return answer


@dataclass
class Aws:
    """Answers the calls of a handler, and remembers them.

    An operation without an answer is answered with ``{}``. An answer is a dictionary, or a function of the request.
    """

    answers: Mapping[str, Any]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, operation: str, request: dict[str, Any]) -> Any:
        """Answer a call."""
        self.calls.append((operation, request))
        answer = self.answers.get(operation, {})
        return answer(request) if callable(answer) else answer

    @property
    def operations(self) -> list[str]:
        """What was called, in order."""
        return [operation for operation, _ in self.calls]

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation."""
        return [request for name, request in self.calls if name == operation]


@contextmanager
def function(
    package: str, answers: Mapping[str, Any] | None = None, **variables: str
) -> Iterator[tuple[ModuleType, Aws]]:
    """Start a handler as Lambda does, with its variables, and an AWS that answers it."""
    aws = Aws(answers or {})

    def call(client: Any, operation: str, request: dict[str, Any]) -> Any:
        try:
            return aws.call(operation, request)
        except ClientError as error:
            # Handlers catch the service's own errors, too.
            raise client.exceptions.from_code(error.response["Error"]["Code"])(error.response, operation) from error

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (VARIABLES | variables).items():
            patch.setenv(name, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(BaseClient, "_make_api_call", call)
        yield import_handler(package), aws


def run(event: Any, package: str, answers: Mapping[str, Any] | None = None, **variables: str) -> tuple[Any, Aws]:
    """Let a handler work on an event; return its answer, and what it called."""
    with function(package, answers, **variables) as (module, aws):
        return module.handler(event, CONTEXT), aws
