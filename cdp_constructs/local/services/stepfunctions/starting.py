"""Step Functions: a name starts one execution of a Standard workflow, and as many as are asked for of an Express one.

The same name with the same input while it runs is the same execution; later, or with another input, it is an error.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_states: Any = ministack.module(
    "services.stepfunctions", "_executions", "_resolve_state_machine_arn", "_state_machines"
)
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region", "json_response")


def _named(request: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """Return the state machine of a request, empty where there is none, and the execution that has its name."""
    arn = _states._resolve_state_machine_arn(str(request.get("stateMachineArn", "")).partition("#")[0])
    machine: Mapping[str, Any] = _states._state_machines.get(arn) or {}
    place = f"{_responses.get_region()}:{_responses.get_account_id()}"
    found = _states._executions.get(f"arn:aws:states:{place}:execution:{machine.get('name')}:{request.get('name')}")
    return machine, found


@patch("ministack.services.stepfunctions:_start_execution")
def _start(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    machine, there = _named(request)
    if there is None or machine.get("type") == "EXPRESS":
        return original(_with_a_name_of_its_own(request, there))
    if there["status"] == "RUNNING" and there["input"] == request.get("input", "{}"):
        return _responses.json_response({"executionArn": there["executionArn"], "startDate": there["startDate"]})
    return original(request)


@patch("ministack.services.stepfunctions:_start_sync_execution")
def _start_sync(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    return original(_with_a_name_of_its_own(request, _named(request)[1]))


def _with_a_name_of_its_own(request: Mapping[str, Any], there: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return request if there is None else {**request, "name": f"{request['name']}:{uuid4()}"}
