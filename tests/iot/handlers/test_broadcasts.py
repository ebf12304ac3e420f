"""The function of broadcasts by itself: the id that devices get, and the lines that have it."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler, log_of

GIVEN = f"00-{'a' * 32}-{'1' * 16}-01"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="1")


class Iot:
    """Keeps what is published, and the documents of jobs."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def publish(self, *, payload: str, **_: Any) -> None:
        self.requests.append(json.loads(payload))

    def create_job(self, *, document: str, **_: Any) -> None:
        self.requests.append(json.loads(document))


@pytest.fixture
def iot() -> Iot:
    return Iot()


@pytest.fixture
def broadcasts(monkeypatch: pytest.MonkeyPatch, iot: Iot) -> ModuleType:
    for name, value in {
        "APP": "talk",
        "GROUPS": json.dumps({"all": "arn:all", "home": "arn:home"}),
        "JOB_PREFIX": "jobs",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.broadcasts")
    monkeypatch.setattr(module, "iot", iot)
    monkeypatch.setattr(module, "data", iot)
    return module


@pytest.mark.parametrize("operation", ["broadcast", "rollout"])
@pytest.mark.parametrize("given", [GIVEN, None])
def test_devices_and_lines_have_the_callers_id_or_the_sessions(
    broadcasts: ModuleType, iot: Iot, monkeypatch: pytest.MonkeyPatch, operation: str, given: str | None
) -> None:
    log = log_of(broadcasts, monkeypatch)
    request = {"operation": operation, "command": "measure", **({"traceparent": given} if given else {})}
    answer = broadcasts.handler(request, CONTEXT)
    (sent,) = iot.requests
    own = next(iter(answer.values())).removeprefix("jobs-").replace("-", "")
    wanted = "a" * 32 if given else own
    assert sent["traceparent"].split("-")[1] == wanted
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert line["correlation_id"] == wanted


@pytest.mark.parametrize("operation", ["broadcast", "rollout"])
@pytest.mark.parametrize("given", ["", "1", f"00-{'0' * 32}-{'1' * 16}-01"])
def test_a_wrong_id_is_a_mistake_of_the_caller_and_nothing_is_sent(
    broadcasts: ModuleType, iot: Iot, operation: str, given: str
) -> None:
    answer = broadcasts.handler({"operation": operation, "command": "measure", "traceparent": given}, CONTEXT)
    assert answer == {"error": "traceparent is one of W3C Trace Context, such as 00-<32 digits>-<16 digits>-01"}
    assert iot.requests == []
