"""What the Region depends on, and the smallest question to each kind of it."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from .errors import UnexpectedStatusError

# The prefix that the role may list in a bucket; no object needs to exist under it.
BUCKET_PREFIX = "health-check/"


@dataclass(frozen=True)
class Dependency:
    """Something the Region needs (hard) or would rather have (soft), and how to ask it."""

    name: str
    hard: bool
    ask: Callable[[], object]


def time_budget() -> float:
    """Return the seconds within which a dependency has to answer."""
    return int(os.environ["TIME_BUDGET_MS"]) / 1000


@cache
def _client(service: str) -> Any:
    # One try with short timeouts: a retry would spend the budget on hiding the very failure that is looked for.
    timeout = time_budget()
    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # boto3-stubs want a literal name


@cache
def load_dependencies() -> tuple[Dependency, ...]:
    """Read the dependencies from the environment and make the clients that they need."""
    names = sorted(name for name in os.environ if name.startswith("DEPENDENCY_"))
    return tuple(_dependency(json.loads(os.environ[name])) for name in names)


def _dependency(entry: Mapping[str, Any]) -> Dependency:
    return Dependency(entry["name"], entry["hard"], _ASKING[entry["kind"]](entry))


def _ask_table(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target, key = _client("dynamodb"), entry["target"], entry["key"]
    # Strongly consistent, so that it is the partition's leader that answers and not any replica.
    return lambda: client.get_item(TableName=target, Key=key, ConsistentRead=True)


def _ask_bucket(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("s3"), entry["target"]
    return lambda: client.list_objects_v2(Bucket=target, Prefix=BUCKET_PREFIX, MaxKeys=1)


def _ask_queue(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("sqs"), entry["target"]
    return lambda: client.get_queue_attributes(QueueUrl=target, AttributeNames=["QueueArn"])


def _ask_topic(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("sns"), entry["target"]
    return lambda: client.get_topic_attributes(TopicArn=target)


def _ask_http(entry: Mapping[str, Any]) -> Callable[[], object]:
    url = urlsplit(entry["target"])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connect = HTTPSConnection if url.scheme == "https" else HTTPConnection

    def ask() -> None:
        connection = connect(url.netloc, timeout=time_budget())
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"user-agent": "deep-health-check"})
            status = connection.getresponse().status
        if not HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST:
            raise UnexpectedStatusError(status)

    return ask


_ASKING: Mapping[str, Callable[[Mapping[str, Any]], Callable[[], object]]] = {
    "table": _ask_table,
    "bucket": _ask_bucket,
    "queue": _ask_queue,
    "topic": _ask_topic,
    "http": _ask_http,
}
