"""Functions of the patterns for servers, whatever they are sent."""

import http.client
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.handlers import import_handler
from tests.strategies import JSON


class _Called:
    """Stands in for boto3, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def client(self, _name: str) -> "_Called":
        return self

    def update_service(self, **request: Any) -> None:
        self.calls.append(request)

    def modify_db_cluster(self, **request: Any) -> None:
        self.calls.append(request)


SIZES = st.fixed_dictionaries({"task_definition": JSON}) | st.fixed_dictionaries(
    {"min_capacity": JSON, "max_capacity": JSON}
)


@pytest.mark.parametrize(
    "environment", [{"SERVICE": "s", "CLUSTER": "c"}, {"DATABASE": "d"}], ids=["tasks", "capacity"]
)
@given(event=JSON | SIZES)
def test_a_size_that_cannot_be_read_changes_nothing(environment: dict[str, str], event: Any) -> None:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        module = import_handler("cdp_constructs.compute.handlers.scale_up")
        asked = _Called()
        patched.setattr(module, "boto3", asked)
        try:
            module.handler(event, None)
        except ValidationError:
            # Lambda retries it, and then sends it to the dead-letter queue.
            assert asked.calls == []
        else:
            assert len(asked.calls) == 1


@given(
    event=JSON,
    answer=st.tuples(st.integers(100, 599), st.binary(max_size=100))
    | st.sampled_from([OSError("away"), http.client.BadStatusLine("x"), TimeoutError()]),
)
def test_a_check_ends_with_an_answer(event: Any, answer: Any) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("URL", "https://shop.example.com/health/deep")
        patched.setenv("AWS_LAMBDA_FUNCTION_NAME", "check")
        patched.setenv("POWERTOOLS_METRICS_NAMESPACE", "Test")
        module = import_handler("cdp_constructs.compute.handlers.deep_health")

        def ask(_url: str) -> tuple[int, str]:
            if isinstance(answer, Exception):
                raise answer
            status, body = answer
            return status, body.decode(errors="replace")

        patched.setattr(module, "ask", ask)
        found = module.handler(event, None)
    status = 0 if isinstance(answer, Exception) else answer[0]
    assert found == {"healthy": status == 200, "status": status}
